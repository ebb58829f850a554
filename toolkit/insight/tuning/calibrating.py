"""From scores to probabilities: Platt's two numbers, or isotonic regression where there is more."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from types import ModuleType
from typing import TYPE_CHECKING, Literal

from toolkit.errors import MissingExtraError
from toolkit.records.calibration import Calibration

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from toolkit.insight.evaluation.figures import Array

    Flags = NDArray[np.bool_]

__all__ = ["ISOTONIC_LEAST", "METHODS", "Method", "isotonic", "logits", "platt"]

Method = Literal["platt", "isotonic"]

ISOTONIC_LEAST = 1000
"""Fewest reviews for isotonic regression, which overfits with fewer: Niculescu-Mizil & Caruana,
"Predicting Good Probabilities With Supervised Learning", 2005, section 5."""

_SUREST = 1e-6
"""Scores are kept this far from 0 and 1, as `toolkit.records.calibration` keeps them."""
_MOST = 16  # points, for people to read
_NEAR = 0.005  # a point that is so near to the line through its neighbours says nothing
_LEAN = 0.001  # by which the ends rise, so that no two scores have one probability


def logits(scores: Sequence[float] | Array) -> Array:
    """The scores' logits."""
    import numpy as np

    kept = np.clip(np.asarray(scores, np.float64), _SUREST, 1 - _SUREST)
    found: Array = np.log(kept / (1 - kept))
    return found


def platt(scores: Array, holds: Flags) -> Calibration | None:
    """Platt's ``a`` and ``b``; None where the score falls as the label gets likelier.

    Logistic regression on the logit of the score.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    import numpy as np

    n, share = len(holds), _shares(holds)
    model = _sklearn("linear_model").LogisticRegression(C=1e3)
    classes = np.repeat([1, 0], n)
    both = np.concatenate([logits(scores)[:, None]] * 2)
    model.fit(both, classes, np.concatenate([share, 1 - share]))
    a, b = float(model.coef_[0, 0]), float(model.intercept_[0])
    return (float(f"{a:.4g}"), float(f"{b:.4g}")) if a > 1e-3 else None


def isotonic(scores: Array, holds: Flags) -> Calibration | None:
    """Points (score, probability) that rise; None where the score says nothing.

    Isotonic regression gives steps. Each step becomes one point at its scores' mean, with straight
    lines between (Oron & Flournoy, "Centered Isotonic Regression", 2017): unlike steps these keep
    the order of any two scores. Points that say least are left out.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    import numpy as np

    order = np.argsort(scores, kind="stable")
    x = scores[order]
    model = _sklearn("isotonic").IsotonicRegression(out_of_bounds="clip")
    y = model.fit_transform(x, _shares(holds)[order])
    starts = [0, *(np.flatnonzero(np.diff(y) > 1e-9) + 1).tolist(), len(y)]
    points = [(float(x[start:end].mean()), float(y[start])) for start, end in pairwise(starts)]
    if len(points) < 2:
        return None
    (_, low), (_, high) = points[0], points[-1]
    ends = ((0.0, low - min(_LEAN, low / 2)), (1.0, high + min(_LEAN, (1 - high) / 2)))
    return _rounded([ends[0], *_thinned(points), ends[1]])


def _thinned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points without those that are nearest to the line through their neighbours."""
    points = [*points]
    while len(points) > 2:
        off = [
            abs(y - (y0 + (y1 - y0) * (x - x0) / (x1 - x0)))
            for (x0, y0), (x, y), (x1, y1) in zip(points, points[1:], points[2:], strict=False)
        ]
        least = min(range(len(off)), key=off.__getitem__)
        if off[least] >= _NEAR and len(points) <= _MOST:
            break
        del points[least + 1]
    return points


def _rounded(points: Sequence[tuple[float, float]]) -> Calibration:
    """Digits that people can read; what is then no step up is left out."""
    found: list[tuple[float, float]] = []
    for x, y in points:
        point = (round(x, 5), round(y, 5))
        if not found or (point[0] > found[-1][0] and point[1] > found[-1][1]):
            found.append(point)
    return tuple(found)


def _shares(holds: Flags) -> Array:
    """What is aimed at for each scene, a little off 0 and 1.

    Each scene counts a little as one of the other class, as in Platt, "Probabilistic Outputs for
    Support Vector Machines" (1999), so that scores that part the classes have finite numbers, too.
    """
    import numpy as np

    n, right = len(holds), int(holds.sum())
    found: Array = np.where(holds, (right + 1) / (right + 2), 1 / (n - right + 2))
    return found


def _sklearn(name: str) -> ModuleType:
    import importlib

    try:
        return importlib.import_module(f"sklearn.{name}")
    except ImportError as error:
        raise MissingExtraError("tune", "tune", cause=error) from error


METHODS: Mapping[Method, Callable[[Array, Flags], Calibration | None]] = {
    "platt": platt,
    "isotonic": isotonic,
}
"""How calibrations are found, by their names."""
