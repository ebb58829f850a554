"""Dissolves and wipes: for a while the picture is made of two others.

Of a stretch of frames the first, A, and the last, B, are taken for the two. In each block of each
frame between, the picture should lie on the way from A to B: as A + p (B - A), with p rising from
0 to 1. In a dissolve p is the same all over the picture, in a wipe it is 0 here and 1 there. In a
pan or a zoom, blocks lie far off that way. Mixtures have weak outlines (those of the parts, halved)
and wipes have the colours of both in proportion, both of which hold for shots that move as well.
"""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING

from toolkit_scenes_planes.differences import distance, mixture, nearest, tinted, unlike

if TYPE_CHECKING:
    from toolkit_scenes_planes.picture import Floats
    from toolkit_scenes_planes.reel import Reel

__all__ = ["FEATURES", "HALVES", "MARGIN", "glance", "look", "middle"]

HALVES = {4: 3, 7: 4, 11: 6, 16: 8, 22: 10}
"""Half the lengths of the stretches that are looked at, in frames; around every how manyth."""
MARGIN = 8
"""Frames before and after a stretch that are looked at."""
_INNER = 5
"""Frames between that are looked at."""
_APART = 0.45, 0.9
"""Distance of both ends, and the same plus twice that of their colours, below which they are of
one shot."""
_LEAST = 4.0
"""Change from end to end below which there is nothing to see, in levels of 256."""

_OFF_MIDDLE = 0.4
"""Squared distance of the middle from the way, as a share of the way's own, above which it is no
blend: of those that the detector found on the films for tuning, one in a hundred lies above."""
_MOST_OFF, _MOST_BACK, _MOST_SUDDEN = 0.75, 0.6, 0.8
"""Of "off_way", "back" and "sudden", above which it is none either."""

FEATURES = (
    "change",  # between A and B, as logarithm
    "off_way",  # how far frames between are from the way from A to B
    "back",  # how much of the way is gone back
    "uneven",  # how p differs over the picture, at half way
    "between",  # how much of the picture is at neither end of its way, at half way
    "moves_before",  # how much the picture changes before and after, against the change within
    "moves_after",
    "sudden",  # the largest step of the way
    "crooked",  # how unevenly it is gone
    "ragged",  # how differently blocks beside each other go
    "peak",  # the largest change from frame to frame against the mean
    "apart",  # how different A and B are, light aside
    "unexplained",  # the same after motion
    "recoloured",  # difference of the histograms of A and B
    "tinted",  # how much colours of A and B differ beyond what light does, as logarithm
    "contrast",  # of the weaker of A and B
    "sag",  # contrast in the middle, against the weaker of both
    "faint",  # strength of outlines between, against that of A and B
    "outlines",  # how different A and B are in that
    "middle_from_a",  # what motion leaves unexplained, from A to the middle and from there to B
    "middle_to_b",
    "colours_off_way",  # how far the histograms between are from the way between those of A and B
    "colours_back",  # how much of that way is gone back
    "restless",  # what motion leaves unexplained before and after
    "stays_apart",  # how different any frame before is from any after, light aside
    "stays_apart_lit",  # the same with light, as logarithm
)


def glance(reel: Reel, at: int, half: int) -> list[float] | None:
    """The cheap features of the stretch around this frame; None if it can be no blend by them."""
    import numpy as np

    start, end = at - half, at + half
    a, b = reel[start], reel[end]
    apart = distance(a, b)
    if apart < _APART[0]:
        return None
    first = a.patches
    way = b.patches - first
    size = np.abs(way).sum() / way.size
    if size < _LEAST:
        return None
    lengths = np.einsum("ij,ij->i", way, way)
    whole = float(lengths.sum()) + 1e-6
    # Most stretches are of one shot that moves: the frame in the middle alone tells them.
    _, off = _placed(reel[at].patches[None] - first, way, lengths)
    if off > _OFF_MIDDLE * whole or apart + 2 * mixture(a, b) < _APART[1]:
        return None
    inner = np.stack([reel[i].patches for i in _between(start, end)]) - first
    place, off = _placed(inner, way, lengths)
    off_way = (off / whole / _INNER) ** 0.5
    if off_way > _MOST_OFF:
        return None
    edge = np.zeros((1, place.shape[1]), place.dtype)
    steps = np.diff(np.concatenate([edge, place, edge + 1]), axis=0)
    back = float(((-steps).clip(min=0).sum(axis=0) * lengths).sum()) / whole
    if back > _MOST_BACK:
        return None
    done = (place @ lengths) / whole
    sudden = float(np.diff(done, prepend=0, append=1).max())
    if sudden > _MOST_SUDDEN:
        return None
    half_way = int(np.abs(done - 0.5).argmin())
    there = place[half_way]
    uneven = float((((there - done[half_way]) ** 2) * lengths).sum()) / whole
    between = float(((there * (1 - there)).clip(min=0) * lengths).sum()) / whole
    margin = min(MARGIN, max(2, half // 2))
    before = reel[start - margin].patches - first
    after = reel[end + margin].patches - reel[end].patches
    changes = reel.changes(start + 1, end + 1)
    peak = max(changes) * len(changes) / max(sum(changes), 1e-6)
    even = np.arange(1, _INNER + 1) / (_INNER + 1)
    ragged = _ragged(place.clip(0, 1).mean(axis=0), lengths, reel[start].blocks)
    return [
        float(np.log(size)),
        off_way,
        back,
        uneven,
        between,
        min(2.0, float(np.sqrt((before * before).sum() / whole))),
        min(2.0, float(np.sqrt((after * after).sum() / whole))),
        sudden,
        float(np.abs(done - even).mean()),
        ragged,
        min(3.0, log(max(peak, 1.0))),
    ]


def _placed(inner: Floats, way: Floats, lengths: Floats) -> tuple[Floats, float]:
    """Where frames between are on the way, a block each, and the square of what is beside it."""
    import numpy as np

    along = np.einsum("kij,ij->ki", inner, way)
    place = (along / (lengths + 20)).clip(-0.2, 1.2)
    # The square of what is left of a vector, when a share of another is taken from it.
    off = np.einsum("kij,kij->", inner, inner) + (place * (place * lengths - 2 * along)).sum()
    return place, max(0.0, float(off))


def look(reel: Reel, at: int, half: int, seen: list[float]) -> list[float]:
    """All features of the stretch, see `FEATURES`."""
    import numpy as np

    start, end = at - half, at + half
    a, middle, b = reel[start], reel[at], reel[end]
    inner = [reel[i] for i in _between(start, end)]
    done = np.arange(1, _INNER + 1) / (_INNER + 1)
    strength = np.exp([picture.energy for picture in inner])
    expected = (1 - done) * np.exp(a.energy) + done * np.exp(b.energy)
    margin = min(MARGIN, max(2, half // 2))
    restless = max(
        float(unlike(reel[start - margin], a).mean()),
        float(unlike(b, reel[end + margin]).mean()),
    )
    earlier = [reel[start - i] for i in (0, MARGIN // 2, MARGIN)]
    later = [reel[end + i] for i in (0, MARGIN // 2, MARGIN)]
    light = [picture.contrast for picture in (a, middle, b)]
    weaker = min(light[0], light[2])
    way = b.histogram - a.histogram
    length = float(way @ way) + 1e-6
    tints = np.stack([picture.histogram for picture in inner]) - a.histogram
    tint_done = tints @ way / length
    tint_off = np.abs(tints - tint_done.clip(0, 1)[:, None] * way).sum(axis=1).mean()
    tint_back = (-np.diff(tint_done, prepend=0, append=1)).clip(min=0).sum()
    return [
        *seen,
        distance(a, b),
        float(unlike(a, b).mean()),
        mixture(a, b),
        log(tinted(a, b) + 0.5),
        min(weaker, 40.0) / 40,
        min(3.0, light[1] / max(1.0, weaker)),
        float(np.log(strength / expected)[1:-1].mean()),
        abs(a.energy - b.energy),
        float(unlike(a, middle).mean()),
        float(unlike(b, middle).mean()),
        float(tint_off / (np.abs(way).sum() + 0.05)),
        min(1.0, float(tint_back)),
        restless,
        nearest(earlier, later),
        log(nearest(earlier, later, lit=True) + 1),
    ]


def middle(reel: Reel, at: int, half: int) -> int:
    """The middle of the blend that the stretch shows: the median of three guesses.

    The middle of the stretch; the frame around which most of its change is, beyond what goes on
    all the time; and the frame at which half of the way from A to B is gone.
    """
    import numpy as np

    start, end = at - half, at + half
    changes = np.array(reel.changes(start + 1, end + 1))
    more = (changes - np.sort(changes)[len(changes) // 4]).clip(min=1e-6)
    centre = start + 1 + int((np.arange(len(more)) * more).sum() / more.sum() + 0.5)
    first = reel[start].patches
    way = reel[end].patches - first
    goal = 0.5 * float((way * way).sum())
    done = [float(((reel[i].patches - first) * way).sum()) < goal for i in range(start, end + 1)]
    return sorted((at, centre, start + sum(done)))[1]


def _ragged(when: Floats, weight: Floats, shape: tuple[int, int]) -> float:
    """How much the time of change differs between neighbours: hardly, where an edge sweeps."""
    import numpy as np

    times, weights = when.reshape(shape), np.sqrt(weight).reshape(shape)
    apart = common = 0.0
    for a, b in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        both = np.minimum(weights[a], weights[b])
        apart += float((np.abs(times[a] - times[b]) * both).sum())
        common += float(both.sum())
    return apart / (common + 1e-6)


def _between(start: int, end: int) -> list[int]:
    step = (end - start) / (_INNER + 1)
    return [start + round(step * (place + 1)) for place in range(_INNER)]
