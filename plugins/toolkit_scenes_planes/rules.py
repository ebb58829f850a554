"""The rules of PySceneDetect's content and adaptive detectors, on planes.

See https://www.scenedetect.com/docs/latest/api/detectors.html: both measure how much hue,
saturation and value (as OpenCV defines them) change from one frame to the next. Content cuts where
that is much, adaptive where it is also much more than around it.

They measure in pixels that were converted for it. Here the same numbers come from the planes, for
one pixel of brightness with each of colour. FFmpeg's conversion adds whole numbers: one that
depends on a pixel's brightness to one for each of red, green and blue that depends on its colour.
So hue, and by how much the largest and the least of the three differ from the brightness, can be
looked up by the two numbers of the colour; only where red, green or blue leave their range is the
hue another one.
"""

from __future__ import annotations

from collections import deque
from functools import cache
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from toolkit.records import Cut
from toolkit.stages.decode import MOMENT_S, Colours
from toolkit.stages.scenes import DetectorPass

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from toolkit_scenes_planes import PlanesOptions

    Levels: TypeAlias = npt.NDArray[np.uint8]

__all__ = ["NEIGHBOURS", "RulesPass"]

_CONTENT, _ADAPTIVE = 27.0, 15.0
"""Least change of a cut: the mean over hue (0 to 179), saturation and value (0 to 255)."""
_TIMES = 3.0
"""How many times the neighbours' change it must be."""
_WINDOW = 2
"""Neighbours on each side, in frames."""
NEIGHBOURS = 2 * _WINDOW + 1
"""Frames that a decision looks at."""
_BT601, _BT709 = (104597, -25675, -53279, 132201), (117504, -13954, -34903, 138453)
"""Red by V, green by U and by V, and blue by U, in 65536ths, limited range: FFmpeg's integers."""


class RulesPass(DetectorPass):
    """One video, by the rules of one of the two."""

    def __init__(self, options: PlanesOptions, colours: Colours) -> None:
        self._tables = _tables(colours)
        kind = _Adaptive if options.method == "adaptive" else _Content
        self._rule = kind(options.min_scene_s - MOMENT_S)
        self._before: Levels | None = None

    def push(self, pts_s: float, image: Levels) -> list[Cut]:
        now, before = _hsv(image, self._tables), self._before
        self._before = now
        return self._rule.step(pts_s, 0.0 if before is None else _change(before, now))

    def finish(self) -> list[Cut]:
        return []

    def state(self) -> bytes:
        state = blake2b(repr(self._rule.state()).encode())
        state.update(b"" if self._before is None else self._before.tobytes())
        return state.digest()


class _Content:
    """Cuts that follow one another too soon become one, given when it is quiet again."""

    def __init__(self, least_s: float) -> None:
        self._least_s = least_s
        self._last: Cut | None = None  # the last frame with much change; at first the first frame
        self._any = False
        self._merged_from_s: float | None = None
        self._now_s = 0.0

    def state(self) -> object:
        """What matters of the frames so far."""
        last = self._last
        if last and self._merged_from_s is None and self._now_s - last.at_s >= self._least_s:
            return "quiet"  # whatever changed, and when: the next change is a cut
        return last, self._any, self._merged_from_s, self._now_s

    def step(self, pts_s: float, change: float) -> list[Cut]:
        """What is certain after a frame that differs by this much from the one before."""
        self._now_s = pts_s
        last = self._last or Cut(at_s=pts_s)
        quiet = pts_s - last.at_s >= self._least_s
        if change < _CONTENT:
            self._last = last
            from_s = self._merged_from_s
            if quiet and from_s is not None and last.at_s - from_s >= self._least_s:
                self._merged_from_s = None
                return [last]
            return []
        self._last = Cut(at_s=pts_s, kind="cut", score=change)
        if self._merged_from_s is not None:
            return []
        if quiet:
            self._any = True
            return [self._last]
        if self._any:
            self._merged_from_s = pts_s
        return []


class _Adaptive:
    """A cut is given two frames late, when all its neighbours are there."""

    def __init__(self, least_s: float) -> None:
        self._least_s = least_s
        self._recent: deque[tuple[float, float]] = deque(maxlen=2 * _WINDOW + 1)
        self._last_s: float | None = None

    def state(self) -> object:
        """What matters of the frames so far."""
        recent, last_s = list(self._recent), self._last_s
        if len(recent) > 2 * _WINDOW and last_s is not None:
            following_s, _ = recent[_WINDOW + 1]
            if following_s - last_s >= self._least_s:
                last_s = None  # long enough ago for all frames to come
        return recent, last_s

    def step(self, pts_s: float, change: float) -> list[Cut]:
        """What is certain after a frame that differs by this much from the one before."""
        self._recent.append((pts_s, change))
        if self._last_s is None:
            self._last_s = pts_s
        if len(self._recent) <= 2 * _WINDOW:
            return []
        at_s, middle = self._recent[_WINDOW]
        around = (sum(other for _, other in self._recent) - middle) / (2 * _WINDOW)
        if middle < max(_ADAPTIVE, _TIMES * around) or at_s - self._last_s < self._least_s:
            return []
        self._last_s = at_s
        return [Cut(at_s=at_s, kind="cut", score=middle)]


def _change(before: Levels, now: Levels) -> float:
    import numpy as np

    step = np.maximum(now, before) - np.minimum(now, before)
    return int(step.sum(dtype=np.uint32)) / step.size


class _Tables(NamedTuple):
    light: Levels
    """What brightness adds to red, green and blue, for each of its 256 levels."""
    colours: npt.NDArray[np.uint32]
    """For each of 256 x 256 colours, in bytes: hue, how much the largest and the least of red,
    green and blue lie above and below the brightness, and nothing."""


@cache
def _tables(colours: Colours) -> _Tables:
    import numpy as np

    shares: tuple[float, ...] = _BT709 if colours.bt709 else _BT601
    black, luma = 16, 65536 * 255 / 219
    if colours.full_range:
        black, luma = 0, 65536
        shares = tuple(share * 224 / 255 for share in shares)
    red_v, green_u, green_v, blue_u = (round(share / 8) for share in shares)
    level = np.arange(256)
    u, v = (level[:, None] - 128) * 8, (level[None, :] - 128) * 8
    light = ((level - black) * 8 * round(luma / 8) >> 16).clip(0, 255)
    blue, red = np.broadcast_arrays(u * blue_u >> 16, v * red_v >> 16)
    green = (u * green_u >> 16) + (v * green_v >> 16)
    most, least = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
    sector = (most == red, most == green)
    turn = np.select(sector, (green - blue, blue - red), red - green) / np.maximum(most - least, 1)
    hue = np.rint((turn + np.select(sector, (0, 2), 4)) * 30) % 180
    hue[most == least] = 0
    parts = np.zeros((256, 256, 4), np.uint8)
    for place, part in enumerate((hue, most, -least)):
        parts[..., place] = part.clip(0, 255)
    return _Tables(light.astype(np.uint8), parts.view(np.uint32).ravel())


def _hsv(planes: Levels, tables: _Tables) -> Levels:
    """Hue, saturation and value of every pixel of colour, as (3, height / 2, width / 2)."""
    import numpy as np

    height, width = planes.shape[0] * 2 // 3, planes.shape[1]
    u, v = planes.reshape(-1)[height * width :].reshape(2, height // 2, width // 2)
    place = u.astype(np.intp)
    place <<= 8
    place |= v
    parts = tables.colours.take(place).view(np.uint8).reshape(*place.shape, 4)
    light = tables.light.take(planes[:height:2, ::2])
    hsv = np.empty((3, *place.shape), np.uint8)
    hsv[0] = parts[..., 0]
    value = np.add(light, np.minimum(parts[..., 1], 255 - light), out=hsv[2])
    least = light - np.minimum(light, parts[..., 2])
    saturation = (value - least).astype(np.float32)
    saturation *= 255
    saturation /= np.maximum(value, 1)
    hsv[1] = np.rint(saturation, out=saturation)
    return hsv
