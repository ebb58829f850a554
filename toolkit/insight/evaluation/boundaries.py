"""Scene boundaries beside those that are there."""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.insight import columns
from toolkit.insight.evaluation.figures import Bootstrap, Figure, divided, f1
from toolkit.insight.evaluation.truth import ANY, KINDS

if TYPE_CHECKING:
    import polars as pl

    from toolkit.insight.evaluation.figures import Array

__all__ = ["Boundary", "Seen", "judge_boundaries", "matched"]

_FLOAT = 1e-6
"""Times are sums of frame lengths, and a tolerance of two frames has to hold two frames."""


@dataclass(frozen=True)
class Boundary:
    """A boundary, from its first moment to its last, in seconds; ``scene_id`` starts with it."""

    start_s: float
    end_s: float
    kind: str
    scene_id: str | None = None


@dataclass(frozen=True)
class Seen:
    """A video's boundaries: those that are there, those that were given, and pairs of both."""

    video_id: str
    truth: Sequence[Boundary]
    given: Sequence[Boundary]
    pairs: Sequence[tuple[int, int]]


def matched(
    truth: Sequence[tuple[float, float]], given: Sequence[float], tolerance_s: float
) -> list[tuple[int, int]]:
    """Pairs of places in both: as many as there can be, each in one pair at most.

    A moment fits a boundary from so long before its start to as long after its end. Moments are
    taken in order, each for the open boundary that ends first (Glover, "Maximum Matching in a
    Convex Bipartite Graph", Naval Research Logistics Quarterly 14, 1967). A boundary that more than
    one moment fits then has the one nearest to its middle.
    """
    reach = tolerance_s + _FLOAT
    waiting = sorted(range(len(truth)), key=lambda place: truth[place][0], reverse=True)
    opened: list[tuple[float, int]] = []
    pairs: dict[int, int] = {}
    order = sorted(range(len(given)), key=lambda place: given[place])
    for moment in order:
        at_s = given[moment]
        while waiting and truth[waiting[-1]][0] - reach <= at_s:
            place = waiting.pop()
            heapq.heappush(opened, (truth[place][1] + reach, place))
        while opened and opened[0][0] < at_s:
            heapq.heappop(opened)
        if opened:
            pairs[heapq.heappop(opened)[1]] = moment
    taken = set(pairs.values())
    times = [given[moment] for moment in order]
    for place, (start_s, end_s) in enumerate(truth):
        if place not in pairs:
            continue
        near = slice(bisect_left(times, start_s - reach), bisect_right(times, end_s + reach))
        fits = [one for one in order[near] if one not in taken or one == pairs[place]]
        nearest = min(fits, key=lambda one: abs(2 * given[one] - start_s - end_s))
        taken ^= {pairs[place], nearest} if nearest != pairs[place] else set()
        pairs[place] = nearest
    return sorted(pairs.items())


def judge_boundaries(
    films: Sequence[Seen], *, resamples: int, seed: int
) -> tuple[dict[str, Figure], pl.DataFrame]:
    """Precision, recall and F1 of all boundaries, and a row a kind.

    Of a kind, ``recall`` is the share of its boundaries that were given, as whatever kind, and
    ``precision`` the share of those given as it that are boundaries; ``named`` is the share of its
    found boundaries that were given as it.
    """
    import numpy as np
    import polars as pl

    counts = np.zeros((len(films), 3))
    kinds = {kind: [0, 0, 0, 0, 0] for kind in (*KINDS, ANY)}  # there, found, named, given, right
    for place, film in enumerate(films):
        right = len(film.pairs)
        counts[place] = right, len(film.given) - right, len(film.truth) - right
        for one in film.truth:
            kinds[one.kind][0] += 1
        for one in film.given:
            kinds[one.kind][3] += 1
        for there, moment in film.pairs:
            kind, said = film.truth[there].kind, film.given[moment].kind
            kinds[kind][1] += 1
            kinds[kind][2] += kind == said
            kinds[said][4] += 1
    # A boundary is no scene of its own: what is drawn again are videos, however few.
    bootstrap = Bootstrap([film.video_id for film in films], resamples=resamples, seed=seed)
    names = ("boundary_precision", "boundary_recall", "boundary_f1")
    figures = dict(zip(names, bootstrap.figures(counts, _prf), strict=True))
    rows = []
    for kind, (there, found, named, given, right) in kinds.items():
        if not there and not given:
            continue
        precision, recall = right / given if given else None, found / there if there else None
        both = (precision or 0) + (recall or 0)
        mean = 2 * (precision or 0) * (recall or 0) / both if both else 0.0
        known = precision is not None and recall is not None
        share = named / found if found and kind != ANY else None
        rows.append([kind, there, found, given, precision, recall, mean if known else None, share])
    schema: dict[str, pl.DataType] = {
        "kind": pl.String(),
        "there": pl.Int64(),
        "found": pl.Int64(),
        "given": pl.Int64(),
        "precision": pl.Float64(),
        "recall": pl.Float64(),
        "f1": pl.Float64(),
        "named": pl.Float64(),
    }
    return figures, columns.frame(rows, schema)


def _prf(sums: Array) -> Array:
    import numpy as np

    right, wrong, missed = sums.T
    return np.stack(
        [divided(right, right + wrong), divided(right, right + missed), f1(right, wrong, missed)],
        axis=1,
    )
