"""Sentiment beside the true one, and whether its confidence can be believed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from toolkit.insight import columns
from toolkit.insight.evaluation.figures import Bootstrap, Figure, divided, f1

if TYPE_CHECKING:
    import polars as pl

    from toolkit.insight.evaluation.figures import Array

__all__ = ["ANOTHER", "FEELINGS", "calibration", "judge_sentiment"]

FEELINGS = ("positive", "neutral", "negative")
ANOTHER = "another"
"""The true sentiment where all that is known is that the given one is wrong."""
_BINS = 10


def judge_sentiment(
    truth: Sequence[str], given: Sequence[str | None], bootstrap: Bootstrap
) -> tuple[dict[str, Figure], pl.DataFrame]:
    """Accuracy and macro F1, and the confusion matrix: a row a true sentiment.

    Where none was given counts as wrong. The mean is over the sentiments that are true of a scene
    or were given to one. The matrix has a row for :data:`ANOTHER` where that is the truth of one.
    """
    import numpy as np
    import polars as pl

    said = [*FEELINGS, "none"]
    true = [*FEELINGS, ANOTHER]
    cells = np.zeros((len(truth), len(true) * len(said)))
    for place, (one, other) in enumerate(zip(truth, given, strict=True)):
        cells[place, true.index(one) * len(said) + said.index(other or "none")] = 1

    def statistic(sums: Array) -> Array:
        table = sums.reshape(len(sums), len(true), len(said))
        right = np.stack([table[:, k, k] for k in range(len(FEELINGS))], axis=1)
        wrong = table[:, :, : len(FEELINGS)].sum(axis=1) - right
        missed = table[:, : len(FEELINGS)].sum(axis=2) - right
        each = f1(right, wrong, missed)
        known = ~np.isnan(each)
        mean = divided(np.where(known, each, 0).sum(axis=1), known.sum(axis=1).astype(np.float64))
        return np.stack([divided(right.sum(axis=1), table.sum(axis=(1, 2))), mean], axis=1)

    names = ("sentiment_accuracy", "sentiment_macro_f1")
    figures = dict(zip(names, bootstrap.figures(cells, statistic), strict=True))
    table = cells.sum(axis=0).reshape(len(true), len(said))
    schema: dict[str, pl.DataType] = {"truth": pl.String(), **dict.fromkeys(said, pl.Int64())}
    shown = true if ANOTHER in truth else FEELINGS
    rows = [[one, *map(int, row)] for one, row in zip(shown, table, strict=False)]
    return figures, columns.frame(rows, schema)


def calibration(
    right: Sequence[bool], confidence: Sequence[float]
) -> tuple[float | None, pl.DataFrame]:
    """The expected calibration error, and a row a bin of confidence.

    Ten bins of one width; the error is the mean gap between a bin's confidence and accuracy,
    weighted by how many are in it (Naeini et al., AAAI 2015; Guo et al., ICML 2017).
    """
    import numpy as np
    import polars as pl

    edges = np.linspace(0, 1, _BINS + 1)
    sure, hits = np.asarray(confidence, np.float64), np.asarray(right, np.float64)
    bins = np.digitize(sure, edges[1:-1], right=True)
    rows: list[list[float | int | None]] = []
    error = 0.0
    for place in range(_BINS):
        inside = bins == place
        n = int(inside.sum())
        means = (float(sure[inside].mean()), float(hits[inside].mean())) if n else (None, None)
        if means[0] is not None and means[1] is not None:
            error += n / len(right) * abs(means[0] - means[1])
        low, high = place / _BINS, (place + 1) / _BINS
        rows.append([low, high, n, *means])
    schema: dict[str, pl.DataType] = {
        "from": pl.Float64(),
        "to": pl.Float64(),
        "scenes": pl.Int64(),
        "confidence": pl.Float64(),
        "accuracy": pl.Float64(),
    }
    return (error if len(right) else None), columns.frame(rows, schema)
