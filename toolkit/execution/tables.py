"""What a run found, as Polars frames."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from toolkit.insight import categories, frames, sources, videos
from toolkit.insight.evaluation.evaluation import Evaluation, evaluated
from toolkit.insight.evaluation.truth import Truth
from toolkit.records import Run
from toolkit.stages.store import Store

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Tables"]


class Tables:
    """The frames of a run; a row's ``video_id`` and ``scene_id`` join them."""

    _store: Store

    @property
    def row(self) -> Run:
        """The run's row, as it is now."""
        raise NotImplementedError

    @property
    def sources(self) -> pl.DataFrame:
        """One row a source: how it stands, also while the run goes on."""
        return sources.sources(self._store, self.row)

    @property
    def videos(self) -> pl.DataFrame:
        """One row a video, with its summary and the answers about it as a whole."""
        return videos.videos(self._store, self.row)

    @property
    def scenes(self) -> pl.DataFrame:
        """One row a scene: times, description, answers, sentiment, signals, tags."""
        return frames.scenes(self._store, self.row)

    @property
    def chapters(self) -> pl.DataFrame:
        """One row a chapter of a video: times, title, scenes."""
        return videos.chapters(self._store, self.row)

    @property
    def statements(self) -> pl.DataFrame:
        """One row a sentence of the videos' summaries and answers, with its scenes."""
        return videos.statements(self._store, self.row)

    @property
    def answers(self) -> pl.DataFrame:
        """One row an answer, with its evidence."""
        return frames.answers(self._store, self.row)

    @property
    def tags(self) -> pl.DataFrame:
        """One row a tag of a scene, with its score and reason."""
        return frames.tags(self._store, self.row)

    @property
    def categories(self) -> pl.DataFrame:
        """One row a category of a video: its share, and the tags and scenes behind it."""
        return categories.categories(self._store, self.row)

    @property
    def suggestions(self) -> pl.DataFrame:
        """One row a tag that analyzers proposed and the vocabulary lacks, with its scenes."""
        return categories.suggestions(self._store, self.row)

    @property
    def failures(self) -> pl.DataFrame:
        """One row for each thing that could not be done."""
        return frames.failures(self._store, self.row)

    def evaluate(
        self,
        truth: Truth | str | os.PathLike[str] | None = None,
        *,
        tolerance_s: float = 0.1,
        resamples: int = 1000,
        seed: int = 0,
    ) -> Evaluation:
        """How well the run did, see :func:`toolkit.evaluate`."""
        return evaluated(
            self._store,
            self.row,
            truth,
            tolerance_s=tolerance_s,
            resamples=resamples,
            seed=seed,
        )
