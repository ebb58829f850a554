"""A person's word on a run's results."""

from __future__ import annotations

import os
from contextlib import closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.execution.tables import Tables
from toolkit.insight import agreement, examples, queue, reviewing
from toolkit.insight.tuning.tuning import LEAST, Scorer, Tuning, tuned, vocabulary_of
from toolkit.records import Review, ReviewAction, ReviewTarget

if TYPE_CHECKING:
    import polars as pl
    from pydantic import JsonValue

    from toolkit.stages.embedding import Embeddings

__all__ = ["Reviewing"]


class Reviewing(Tables):
    """What people say of a run's results, and how far they agree."""

    if TYPE_CHECKING:

        def _embeddings(self) -> Embeddings: ...

    def review(
        self,
        scene_id: str,
        *,
        action: ReviewAction,
        target: ReviewTarget = "tag",
        name: str = "",
        value: JsonValue = None,
        reviewer: str | None = None,
    ) -> Review:
        """Say what is right; it wins over every machine result of the same scene, now and later.

        Args:
            scene_id: The scene, or a ``video_id`` for tags of the whole video.
            action: "accept", "reject", "edit", "add", or "withdraw" for one's own word.
            target: "tag", "description", "answer", "sentiment" or "boundary".
            name: The tag's label, or the question's words.
            value: The new text or value; of a tag the new label; of a boundary its time in seconds
                ("add" splits the scene, "reject" merges two), or ``{"from": …, "to": …}``.
            reviewer: Who says so; None for who is logged in.

        Returns:
            The review, saved.

        Raises:
            ConfigError: It makes no sense; the message says why.
            StoreError: The run has no such scene, or the review cannot be kept.
        """
        review = reviewing.review_of(
            self._store,
            self.row,
            scene_id,
            action=action,
            target=target,
            name=name,
            value=value,
            reviewer=reviewer,
        )
        self._store.save([review])
        return review

    def tune(
        self,
        vocabulary: str | os.PathLike[str] | None = None,
        *,
        least: int = LEAST,
        resamples: int = 1000,
        seed: int = 0,
        scorer: Scorer = "probability",
    ) -> Tuning:
        """Learn thresholds, calibrations and words from reviews, see :func:`toolkit.tune`."""
        row = self.row
        path = vocabulary_of(row, Path.cwd()) if vocabulary is None else Path(vocabulary)
        similarity = scorer == "similarity"
        with closing(self._embeddings()) if similarity else nullcontext() as compared:
            return tuned(
                self._store,
                row,
                path,
                least=least,
                resamples=resamples,
                seed=seed,
                embeddings=compared,
            )

    def examples(self, path: str | os.PathLike[str], *, most: int = 4, force: bool = False) -> Path:
        """Write down what people said of the best reviewed scenes, as examples for an analyzer.

        Args:
            path: The file, for the option ``examples`` of an analyzer.
            most: Most scenes.
            force: Replace a file that is there.

        Returns:
            The file.

        Raises:
            MediaError: A file is there already, or it cannot be written.
            TruthError: Nobody reviewed a scene.
        """
        return examples.write(self._store, self.row, Path(path), most=most, force=force)

    def review_queue(self, limit: int | None = None) -> pl.DataFrame:
        """The scenes most worth a look, one a row, with what is in doubt.

        What reviewers dispute comes first, then what nobody has reviewed and is least sure: labels
        near their threshold, taggers that differ from the model, unsure sentiments and answers.

        Args:
            limit: Most scenes; None for all about which there is any doubt.
        """
        return queue.queue(self._store, self.row, limit=limit)

    @property
    def reviews(self) -> pl.DataFrame:
        """One row a review of these videos, with whether it counts and whether it is disputed."""
        return agreement.reviews(self._store, self.row)

    @property
    def agreement(self) -> pl.DataFrame:
        """One row for every two reviewers and kind of thing: conflicts and Cohen's kappa."""
        return agreement.agreement(self._store, self.row)
