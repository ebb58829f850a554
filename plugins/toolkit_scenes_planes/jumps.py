"""Hard cuts.

A jump from one frame to the next that stands out, that motion does not explain, and after which
what was before does not come back.
"""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING

from toolkit_scenes_planes.differences import distance, mixture, nearest, tinted, unlike

if TYPE_CHECKING:
    from toolkit_scenes_planes.reel import Reel

__all__ = ["AFTER", "BEFORE", "FEATURES", "features", "stands_out"]

BEFORE, AFTER = 7, 9
"""Pictures before and after a jump that are looked at."""
_LEAST = 2.0
"""Change below which there is no jump, in levels of 256."""

FEATURES = (
    "change",  # how much the two frames differ, as logarithm
    "over_neighbours",  # the same against the changes around, before and after
    "over_before",
    "over_after",
    "unexplained",  # what is left of the difference after motion
    "unexplained_ratio",  # against what motion leaves unexplained around
    "unexplained_least",
    "apart",  # how different the two frames are, light aside
    "stays_apart",  # how different any frame before is from any after, light aside
    "returns",  # the same with light, against the jump itself
    "recoloured",  # difference of the histograms
    "recoloured_ratio",  # against those around
    "tinted",  # how much colours differ beyond what light does, as logarithm
    "tinted_ratio",  # against that around
    "contrast",  # of the weaker of both, as logarithm
    "share",  # of the picture in which motion does not explain the difference
)


def stands_out(reel: Reel, at: int) -> bool:
    """Whether the step to this frame is one that is worth a closer look."""
    around = reel.changes(at - 2, at + 3)
    change = around[2]
    if change < _LEAST or change < max(around):
        return False
    return change >= 1.6 * min(_around(reel, at)) + 1


def _around(reel: Reel, at: int) -> tuple[float, float]:
    """Mean change of the steps before and after."""
    return sum(reel.changes(at - 5, at)) / 5, sum(reel.changes(at + 1, at + 6)) / 5


def features(reel: Reel, at: int) -> list[float]:
    """What tells a cut from anything else that jumps, see `FEATURES`."""
    old, new = reel[at - 1], reel[at]
    change = reel.change(at)
    before, after = _around(reel, at)
    left = unlike(old, new)
    left_before, left_after = unlike(reel[at - 2], old), unlike(new, reel[at + 1])
    usual = max(left_before.mean(), left_after.mean())
    most = left_before.clip(min=left_after) if left_before.shape == left_after.shape else usual
    share = float((left > 2 * most + 0.1).mean())
    earlier = [reel[i] for i in range(at - BEFORE, at)]
    later = [reel[i] for i in range(at, at + AFTER)]
    stays = min(nearest(earlier[-3:], later), nearest(earlier[:-3], later[:3]))
    returns = nearest(earlier[-2:], later, lit=True)
    tint = mixture(old, new)
    tint_around = max(mixture(reel[at - 2], old), mixture(new, reel[at + 1]))
    beyond = tinted(old, new)
    beyond_around = max(tinted(reel[at - 2], old), tinted(new, reel[at + 1]))
    mean = float(left.mean())
    return [
        log(change),
        log(change / (max(before, after) + 1)),
        log(change / (before + 1)),
        log(change / (after + 1)),
        mean,
        log((mean + 0.05) / (usual + 0.05)),
        log((mean + 0.05) / (min(left_before.mean(), left_after.mean()) + 0.05)),
        distance(old, new),
        stays,
        log((returns + 1) / (nearest([old], [new], lit=True) + 1)),
        tint,
        log((tint + 0.02) / (tint_around + 0.02)),
        log(beyond + 0.5),
        log((beyond + 0.5) / (beyond_around + 0.5)),
        log(min(old.contrast, new.contrast) + 2),
        share,
    ]
