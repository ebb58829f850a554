"""Tags beside the labels that hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from toolkit.insight import columns
from toolkit.insight.evaluation.figures import Bootstrap, Figure, divided, f1

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from toolkit.insight.evaluation.figures import Array

__all__ = ["average_precision", "judge_labels"]


def average_precision(holds: NDArray[np.bool_], scores: Array) -> float | None:
    """Area under the steps of precision over recall; None where the label never holds.

    The sum of each precision times the recall that it adds, items of one score taken together:
    what scikit-learn's ``average_precision_score`` computes.
    """
    import numpy as np

    if not holds.any():
        return None
    order = np.argsort(-scores, kind="stable")
    right = np.cumsum(holds[order])
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    precision = right[last] / (last + 1)
    return float(np.sum(precision * np.diff(right[last], prepend=0)) / right[-1])


def judge_labels(
    labels: Sequence[str],
    holds: NDArray[np.int8],
    given: NDArray[np.bool_],
    scores: Array,
    bootstrap: Bootstrap,
) -> tuple[dict[str, Figure], pl.DataFrame]:
    """Micro and macro figures, and a row a label.

    Macro figures are means over the labels that have the figure: precision needs that the label
    was given, recall that it holds somewhere, F1 one of the two.

    Args:
        labels: Their names.
        holds: Whether each holds, as (scenes, labels): 1, 0, or -1 where nobody knows.
        given: Whether each was given.
        scores: How sure each was, whether given or not.
        bootstrap: Makes the intervals, over these scenes.
    """
    import numpy as np
    import polars as pl

    n = len(labels)
    right, wrong, missed = (holds == 1) & given, (holds == 0) & given, (holds == 1) & ~given
    counts = np.concatenate([right, wrong, missed], axis=1).astype(np.float64)

    def statistic(sums: Array) -> Array:
        parts = sums.reshape(len(sums), 3, n)
        each = _prf(parts)  # (resamples, 3, labels)
        micro = _prf(parts.sum(axis=2, keepdims=True))[:, :, 0]
        known = ~np.isnan(each)
        macro = divided(np.where(known, each, 0).sum(axis=2), known.sum(axis=2).astype(np.float64))
        return np.concatenate([micro, macro, each.reshape(len(sums), 3 * n)], axis=1)

    found = bootstrap.figures(counts, statistic)
    means = [
        f"{mean}_{what}" for mean in ("micro", "macro") for what in ("precision", "recall", "f1")
    ]
    figures = dict(zip(means, found, strict=False))
    rows = []
    precisions = []
    for place, label in enumerate(labels):
        judged = holds[:, place] >= 0
        ranked = average_precision(holds[judged, place] == 1, scores[judged, place])
        precisions += [] if ranked is None else [ranked]
        p, r, f = (found[6 + part * n + place] for part in range(3))
        support = int((holds[:, place] == 1).sum())
        sums = [int(one[:, place].sum()) for one in (right, wrong, missed)]
        rows.append([label, support, *sums, p.value, r.value, f.value, f.low, f.high, ranked])
    mean = sum(precisions) / len(precisions) if precisions else None
    figures["mean_average_precision"] = Figure(mean)
    schema: dict[str, pl.DataType] = {
        "label": pl.String(),
        "support": pl.Int64(),
        "right": pl.Int64(),
        "wrong": pl.Int64(),
        "missed": pl.Int64(),
        "precision": pl.Float64(),
        "recall": pl.Float64(),
        "f1": pl.Float64(),
        "f1_low": pl.Float64(),
        "f1_high": pl.Float64(),
        "average_precision": pl.Float64(),
    }
    return figures, columns.frame(rows, schema)


def _prf(parts: Array) -> Array:
    """Precision, recall and F1 of counts (n, 3, labels), in their place."""
    import numpy as np

    right, wrong, missed = parts[:, 0], parts[:, 1], parts[:, 2]
    return np.stack(
        [divided(right, right + wrong), divided(right, right + missed), f1(right, wrong, missed)],
        axis=1,
    )
