"""From a score to a probability, by two numbers or by points, and back."""

from __future__ import annotations

import math
from bisect import bisect_left
from itertools import pairwise

__all__ = ["Calibration", "calibrated", "rises", "uncalibrated"]

Calibration = tuple[float, float] | tuple[tuple[float, float], ...]
"""Platt's ``a`` and ``b``, or points (score, probability) in order, straight lines between them."""

_SUREST = 1e-6  # a probability of 0 or 1 has no logit


def calibrated(score: float, by: Calibration | None) -> float:
    """The probability that a score stands for.

    By two numbers ``1 / (1 + exp(-(a * logit(score) + b)))`` (Platt, "Probabilistic Outputs for
    Support Vector Machines", 1999); by points what lies between the two next to it. None changes
    nothing.
    """
    if by is None:
        return score
    if points := _points(by):
        return _between(score, points)
    a, b = by
    assert isinstance(a, float)
    assert isinstance(b, float)
    score = min(max(score, _SUREST), 1 - _SUREST)
    # As tanh, which does not overflow.
    return (1 + math.tanh((a * math.log(score / (1 - score)) + b) / 2)) / 2


def uncalibrated(probability: float, by: Calibration | None) -> float:
    """The least score that stands for a probability."""
    if by is None:
        return probability
    if points := _points(by):
        if probability <= points[0][1]:
            return 0.0
        return _between(probability, [(y, x) for x, y in points])
    a, b = by
    assert isinstance(a, float)
    assert isinstance(b, float)
    if probability in (0.0, 1.0):
        return probability
    return 1 / (1 + math.exp(-(math.log(probability / (1 - probability)) - b) / a))


def _points(by: Calibration) -> list[tuple[float, float]]:
    return [one for one in by if isinstance(one, tuple)]


def _between(x: float, points: list[tuple[float, float]]) -> float:
    """Where the line through the points is at x; level beyond its ends."""
    if x <= points[0][0]:
        return points[0][1]
    if x > points[-1][0]:
        return points[-1][1]
    after = bisect_left(points, x, key=lambda point: point[0])
    (x0, y0), (x1, y1) = points[after - 1], points[after]
    return y0 + (y1 - y0) * (x - x0) / (x1 - x0)


def rises(points: Calibration) -> bool:
    """Whether points are in order: scores from 0 to 1 that rise, probabilities that do not fall."""
    given = _points(points)
    inside = all(0 <= x <= 1 and 0 <= y <= 1 for x, y in given)
    return (
        inside and len(given) >= 2 and all(a[0] < b[0] and a[1] <= b[1] for a, b in pairwise(given))
    )
