"""How well a run did: figures, and the single judgements that they sum up."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.errors import ConfigError
from toolkit.insight import columns, results
from toolkit.insight.evaluation import page, report
from toolkit.insight.evaluation.answers import judge_answers
from toolkit.insight.evaluation.boundaries import judge_boundaries
from toolkit.insight.evaluation.comparison import Comparison
from toolkit.insight.evaluation.figures import Bootstrap, Figure
from toolkit.insight.evaluation.files import read_truth
from toolkit.insight.evaluation.gather import Gathered, Pair, gather
from toolkit.insight.evaluation.items import items
from toolkit.insight.evaluation.labels import judge_labels
from toolkit.insight.evaluation.plots import Charts
from toolkit.insight.evaluation.reviewed import reviewed
from toolkit.insight.evaluation.sentiment import calibration, judge_sentiment
from toolkit.insight.evaluation.truth import Truth
from toolkit.records import Run
from toolkit.stages.store import Store

if TYPE_CHECKING:
    import polars as pl

__all__ = ["FIGURES", "Evaluation", "evaluated"]

FIGURES = (
    "boundary_precision",
    "boundary_recall",
    "boundary_f1",
    "micro_precision",
    "micro_recall",
    "micro_f1",
    "macro_precision",
    "macro_recall",
    "macro_f1",
    "mean_average_precision",
    "sentiment_accuracy",
    "sentiment_macro_f1",
    "sentiment_calibration_error",
    "exact_match",
    "token_f1",
)
"""All figures, in the order they are shown; of the calibration error less is better."""


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation:
    """How well a run did; what the truth does not tell has figures without a value.

    Attributes:
        run_id: The run.
        settings: Its settings, by section.
        truth: What it was measured by.
        figures: Every figure by its name, with its 95% interval.
        stretches: The stretches that were judged for what was said of them: video id, start, end.
        titles: The judged videos: id -> title.
        missing: Videos of the truth that the run does not have, which are not judged.
        unmatched: Reviewed stretches for which the run has no scene, which are not judged.
        unjudged: Labels that the run gave and the truth does not speak of, with their scenes.
        tolerance_s: How far from a boundary a scene might start.
        unit: What was drawn again for the intervals: "scenes" or "videos".
        boundaries: One row a kind of boundary.
        tags: One row a label.
        confusion: One row a true sentiment, one column a given one.
        reliability: One row a bin of the sentiment's confidence.
        answers: One row a question.
        items: One row a judgement: what is true, what was given, whether it is right.
    """

    run_id: str
    settings: dict[str, Any]
    truth: Truth
    figures: dict[str, Figure]
    stretches: tuple[tuple[str, float, float | None], ...]
    titles: dict[str, str]
    missing: tuple[str, ...]
    unmatched: int
    unjudged: dict[str, int]
    tolerance_s: float
    unit: str
    boundaries: pl.DataFrame
    tags: pl.DataFrame
    confusion: pl.DataFrame
    reliability: pl.DataFrame
    answers: pl.DataFrame
    items: pl.DataFrame

    @property
    def scenes(self) -> int:
        """How many stretches were judged for what was said of them."""
        return len(self.stretches)

    @property
    def frame(self) -> pl.DataFrame:
        """The figures as a Polars frame."""
        import polars as pl

        rows = [[name, one.value, one.low, one.high] for name, one in self.figures.items()]
        number = dict.fromkeys(("value", "low", "high"), pl.Float64())
        return columns.frame(rows, {"figure": pl.String(), **number})

    def compare(self, other: Evaluation) -> Comparison:
        """This run beside another one, by the same truth; the other one is what it changed from."""
        return Comparison.of(other, self)

    @property
    def charts(self) -> Charts:
        """Labels, confusion matrix and reliability, drawn; with the extra ``notebook``."""
        return Charts(self.tags, self.confusion, self.reliability)

    def to_html(self, path: str | os.PathLike[str], *, force: bool = False) -> Path:
        """Write a report: one page that needs no other file, no script and no network.

        Args:
            path: The file.
            force: Replace a file that is there.

        Returns:
            The file.

        Raises:
            MediaError: A file is there already, or it cannot be written.
            MissingExtraError: The extra ``notebook``, which draws the charts, is not installed.
        """
        return page.of_evaluation(self, path, force=force)

    def data(self) -> dict[str, Any]:
        """All of it but for the items, as what JSON can hold."""
        return {
            "run": self.run_id,
            "truth": self.truth.name,
            "scenes": self.scenes,
            "tolerance_s": self.tolerance_s,
            "drawn_again": self.unit,
            "figures": {name: vars(one) for name, one in self.figures.items()},
            "boundaries": self.boundaries.to_dicts(),
            "tags": self.tags.to_dicts(),
            "sentiment": {
                "confusion": self.confusion.to_dicts(),
                "reliability": self.reliability.to_dicts(),
            },
            "answers": self.answers.to_dicts(),
            "videos": self.titles,
            "missing": list(self.missing),
            "unmatched": self.unmatched,
            "disputed": self.truth.disputed,
            "unjudged": self.unjudged,
        }

    def __repr__(self) -> str:
        return report.as_text(report.of_evaluation(self))

    def _repr_html_(self) -> str:
        return report.as_html(report.of_evaluation(self))


def evaluated(
    store: Store,
    run: Run,
    truth: Truth | str | os.PathLike[str] | None = None,
    *,
    tolerance_s: float = 0.1,
    resamples: int = 1000,
    seed: int = 0,
) -> Evaluation:
    """Measure a run by the truth, see :func:`toolkit.evaluate`."""
    if tolerance_s < 0 or resamples < 0:
        raise ConfigError("The tolerance and the number of resamples cannot be below 0.")
    if truth is None:
        truth = reviewed(store, results.videos_of(store, run))
    truth = truth if isinstance(truth, Truth) else read_truth(Path(truth))
    found = gather(store, run, truth, tolerance_s=tolerance_s)
    labels = truth.labels
    figures = dict.fromkeys(FIGURES, Figure())
    draw = {"resamples": resamples, "seed": seed}
    measured, boundaries = judge_boundaries(found.films, **draw)
    figures |= measured
    measured, tags = _labels(found, labels, draw)
    figures |= measured
    measured, confusion, reliability = _sentiment(found, draw)
    figures |= measured
    asked = [(one, pair.video_id) for pair in found.pairs for one in pair.asked()]
    drawn = Bootstrap([video_id for _, video_id in asked], **draw)
    measured, answered = judge_answers([one for one, _ in asked], drawn)
    figures |= measured
    others = Counter(
        label
        for pair in found.pairs
        if pair.row.tells_labels
        for label in pair.tags
        if label not in labels
    )
    return Evaluation(
        run_id=run.id,
        settings=run.settings,
        truth=truth,
        figures=figures,
        stretches=tuple((one.video_id, one.row.start_s, one.row.end_s) for one in found.pairs),
        titles=found.titles,
        missing=found.missing,
        unmatched=found.unmatched,
        unjudged=dict(others.most_common()),
        tolerance_s=tolerance_s,
        unit=Bootstrap([pair.video_id for pair in found.pairs], **draw).unit,
        boundaries=boundaries,
        tags=tags,
        confusion=confusion,
        reliability=reliability,
        answers=answered,
        items=items(found, labels),
    )


def _labels(
    found: Gathered, labels: tuple[str, ...], draw: dict[str, int]
) -> tuple[dict[str, Figure], pl.DataFrame]:
    import numpy as np

    pairs = [pair for pair in found.pairs if pair.row.tells_labels]
    size = (len(pairs), len(labels))
    holds, given = np.full(size, -1, np.int8), np.zeros(size, np.bool_)
    scores = np.zeros(size)
    for place, pair in enumerate(pairs):
        for column, label in enumerate(labels):
            known = pair.row.holds(label)
            holds[place, column] = -1 if known is None else known
            given[place, column] = label in pair.tags
            scores[place, column] = _score(pair, label)
    bootstrap = Bootstrap([pair.video_id for pair in pairs], **draw)
    return judge_labels(labels, holds, given, scores, bootstrap)


def _score(pair: Pair, label: str) -> float:
    """How sure the run is: the tag's score, or where there is no tag the label's probability."""
    return pair.tags.get(label, pair.scores.get(label, 0.0))


def _sentiment(
    found: Gathered, draw: dict[str, int]
) -> tuple[dict[str, Figure], pl.DataFrame, pl.DataFrame]:
    truth, given, drawn = [], [], []
    right, sure = [], []
    for pair in found.pairs:
        if pair.feeling is None:
            continue
        truth.append(pair.feeling[0])
        given.append(pair.feeling[1])
        drawn.append(pair.video_id)
        said = pair.analysis.sentiment
        if said and said.confidence is not None:
            right.append(said.label == pair.feeling[0])
            sure.append(said.confidence)
    figures, confusion = judge_sentiment(truth, given, Bootstrap(drawn, **draw))
    error, reliability = calibration(right, sure)
    return {**figures, "sentiment_calibration_error": Figure(error)}, confusion, reliability
