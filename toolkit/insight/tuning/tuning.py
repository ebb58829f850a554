"""What a run's reviews make of a vocabulary: new thresholds, with what they are worth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from toolkit.errors import ConfigError
from toolkit.insight import machine, results
from toolkit.insight.evaluation import report
from toolkit.insight.evaluation.figures import Figure
from toolkit.insight.evaluation.gather import Pair, gather
from toolkit.insight.evaluation.reviewed import reviewed
from toolkit.insight.reviews import counting
from toolkit.insight.tuning import labels, suggestions
from toolkit.insight.tuning.labels import Tuned
from toolkit.insight.tuning.writing import write
from toolkit.records import Label, Review, Run, Tag, Vocabulary
from toolkit.stages.embedding import Embeddings
from toolkit.stages.similarity import Similarity
from toolkit.stages.store import Store
from toolkit.vocabulary import load_vocabulary

if TYPE_CHECKING:
    import polars as pl

__all__ = ["LEAST", "Scorer", "Tuning", "tuned", "vocabulary_of"]

Scorer = Literal["probability", "similarity"]

LEAST = 20
"""Fewest reviews of a label that anything is made of."""


@dataclass(frozen=True, eq=False, repr=False)
class Tuning:
    """What reviews make of a vocabulary. Nothing is changed before :meth:`write`.

    Attributes:
        run_id: The run whose scores were looked at.
        path: The vocabulary file.
        labels: The labels, before and after.
        figures: Micro and macro F1 before, on held-out films after, and the gain, each with its
            95% interval; over all labels with enough reviews, also those that are left alone.
        suggestions: One row a synonym or a change of a rule that would have prevented corrections.
        scorer: Whose thresholds and calibrations: those of probabilities, or of similarities.
    """

    run_id: str
    path: Path
    labels: tuple[Tuned, ...]
    figures: dict[str, Figure]
    suggestions: pl.DataFrame
    scorer: Scorer = "probability"

    @property
    def frame(self) -> pl.DataFrame:
        """One row a label: thresholds, calibrations, held-out F1 and Brier score, or a reason."""
        return labels.as_frame(self.labels)

    @property
    def changed(self) -> int:
        """How many labels would be changed."""
        return sum(one.changed for one in self.labels)

    def write(self) -> Path:
        """Put the new values into the vocabulary file; comments and all else stay.

        Raises:
            VocabularyError: The file changed meanwhile, or cannot be changed.
            MediaError: It cannot be written.
        """
        write(self.path, [self._as_written(one.after) for one in self.labels if one.changed])
        return self.path

    def _as_written(self, label: Label) -> Label:
        if self.scorer == "probability":
            return label
        known = Vocabulary(labels=load_vocabulary(self.path).labels).find(label.name)
        return known.with_similarity(label) if known else label

    def data(self) -> dict[str, Any]:
        """All of it, as what JSON can hold."""
        return {
            "run": self.run_id,
            "vocabulary": str(self.path),
            "scorer": self.scorer,
            "changed": self.changed,
            "figures": {name: vars(one) for name, one in self.figures.items()},
            "labels": self.frame.to_dicts(),
            "suggestions": self.suggestions.to_dicts(),
        }

    def tables(self) -> Iterator[report.Table]:
        """What people look at."""
        shown = [
            (name, report.worded(one.value), report.interval(one.low, one.high))
            for name, one in self.figures.items()
            if one.value is not None
        ]
        by = "" if self.scorer == "probability" else f", by {self.scorer}"
        title = f"Run {self.run_id}, {self.path.name}{by}: F1 before, and after on held-out films"
        yield report.Table(title, ("figure", "value", "95%"), tuple(shown))
        rows = self.frame.to_dicts()
        head = ("label", "reviews", "holds", "threshold", "", "F1", "", "Brier", "", "log loss", "",
                "calibration")  # fmt: skip
        names = ("label", "reviews", "holds", "threshold_before", "threshold", "f1_before", "f1",
                 "brier_before", "brier", "log_loss_before", "log_loss")  # fmt: skip
        tried = [row for row in rows if row["f1"] is not None]
        if tried:
            cells = [(*(report.worded(row[name]) for name in names), _found(row)) for row in tried]
            yield report.cut("Labels: before and after", head, cells)
        alone = [(row["label"], row["reason"]) for row in rows if not row["changed"]]
        if alone:
            yield report.cut("Left alone", ("label", "because"), alone, left=2)
        advice = [tuple(map(report.worded, row)) for row in self.suggestions.rows()]
        if advice:
            yield report.cut("Suggestions", tuple(self.suggestions.columns), advice, left=4)

    def __repr__(self) -> str:
        return report.as_text(self.tables())

    def _repr_html_(self) -> str:
        return report.as_html(self.tables())


def _found(row: dict[str, Any]) -> str:
    if row["points"]:
        return f"isotonic, {len(row['points'])} points"
    pair = row["calibration"]
    return "" if pair is None else ", ".join(f"{number:g}" for number in pair)


def vocabulary_of(run: Run, base: Path) -> Path:
    """The run's vocabulary file, whose path may be relative to a folder.

    Raises:
        ConfigError: It had none.
    """
    options = run.settings.get("tags")
    named = options.get("vocabulary") if isinstance(options, dict) else None
    if not isinstance(named, str) or not named:
        raise ConfigError(
            f"The run {run.id} had no vocabulary.",
            hint="Name the file: --vocabulary FILE, or tune(run, FILE).",
        )
    return base / Path(named).expanduser()


def tuned(
    store: Store,
    run: Run,
    path: Path,
    *,
    least: int = LEAST,
    resamples: int = 1000,
    seed: int = 0,
    embeddings: Embeddings | None = None,
) -> Tuning:
    """Learn from what people said of a run's videos, see :func:`toolkit.tune`.

    With ``embeddings`` it is about similarities in the place of probabilities.
    """
    if least < 4:
        raise ConfigError("A threshold needs at least 4 reviews.", hint="20 are a good start.")
    vocabulary = load_vocabulary(path)
    videos = results.videos_of(store, run)
    truth = reviewed(store, videos)
    pairs = [
        pair
        for pair in gather(store, run, truth, tolerance_s=0.0).pairs
        if pair.scene is not None and pair.row.tells_labels
    ]
    scorer: Scorer = "similarity" if embeddings else "probability"
    said = labels.samples(pairs, vocabulary, _scores(vocabulary, embeddings))
    found = [
        labels.tune_label(
            label.by_similarity() if embeddings else label,
            *said[label.name],
            least=least,
            score=scorer,
        )
        for label in vocabulary.labels
    ]
    tags: dict[str, list[Tag]] = {}
    for part in results.parts_of(pair.scene for pair in pairs if pair.scene):
        tags |= machine.tags_on(store, run, [scene.id for scene in part])
    by_scene: dict[str | None, list[Review]] = {}
    for review in store.stream(Review, video_id=[video.id for video in videos], target="tag"):
        by_scene.setdefault(review.scene_id, []).append(review)
    counted = [one for words in by_scene.values() for one in counting(words)]
    advice = suggestions.suggestions(pairs, counted, tags, vocabulary)
    return Tuning(
        run_id=run.id,
        path=path,
        labels=tuple(found),
        figures=labels.held_out(found, resamples=resamples, seed=seed),
        suggestions=suggestions.as_frame(advice),
        scorer=scorer,
    )


def _scores(vocabulary: Vocabulary, embeddings: Embeddings | None) -> labels.Scores:
    if embeddings is not None:
        near = Similarity(embeddings, vocabulary.labels)
        return lambda pair: {
            name: one.score for name, one in near.scores(pair.analysis.description).items()
        }

    def probable(pair: Pair) -> dict[str, float]:
        known = pair.analysis.labels
        return {one.name: known[one.phrasing] for one in vocabulary.labels if one.phrasing in known}

    return probable
