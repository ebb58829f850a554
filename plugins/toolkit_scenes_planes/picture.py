"""What is kept of a frame: mean brightness and colour of a few thousand cells."""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats: TypeAlias = npt.NDArray[np.float32]
    Levels: TypeAlias = npt.NDArray[np.uint8]

__all__ = ["Picture", "cell_side", "change", "distance", "mixture", "tinted", "unlike"]

_CELLS = 2304
"""Cells of the fine grid of a picture, about: 36 x 64 at 16:9."""
_FLAT = 3.0
"""Contrast below which brightness is not stretched further: it would be noise."""
_REACH = 5, 8
"""How far things may have moved from one picture to another, in fine cells, down and across."""
_BLOCK = 3, 4
"""What moves as one, in coarse cells."""
_BLACK, _WHITE = 16, 235
"""Limits of brightness in films; where the full range is used, what lies beyond is as black."""
_LEVELS = 32
"""Steps of normalised brightness to one deviation."""
_BINS = 16
_LOWEST, _WIDTHS = (0, 64, 64), (256, 128, 128)
"""Ranges of brightness and colours that histograms tell apart."""


def cell_side(width: int, height: int) -> int:
    """Pixels on a side of a fine cell; even, for a pixel of colour covers two of brightness."""
    return max(2, round(math.sqrt(width * height / _CELLS) / 2) * 2)


class Picture:
    """A frame's cells, and what follows from them, computed when first asked for.

    Args:
        planes: The frame as yuv420p, uint8 (height * 3 // 2, width).
        side: Pixels on a side of a fine cell.

    Attributes:
        fine: Mean brightness of cells, 0 to 255, as (rows, columns); rows and columns are even.
        coarse: Mean brightness and two of colour of two by two cells, as (3, rows / 2,
            columns / 2).
        contrast: Deviation of brightness: near 0 where the picture is all one.
    """

    def __init__(self, planes: npt.NDArray[np.uint8], side: int) -> None:
        import numpy as np

        height, width = planes.shape[0] * 2 // 3, planes.shape[1]
        self.fine = _even(_means(planes[:height], side))
        rows, columns = self.fine.shape[0] // 2, self.fine.shape[1] // 2
        self.coarse = np.empty((3, rows, columns), np.float32)
        self.coarse[0] = _halved(self.fine)
        chroma = planes.reshape(-1)[height * width :].reshape(2, height // 2, width // 2)
        for plane, colour in enumerate(chroma, start=1):
            self.coarse[plane] = _means(colour, side)[:rows, :columns]
        self.contrast = float(self.coarse[0].std())

    @cached_property
    def normal(self) -> Floats:
        """Brightness of the coarse cells, of mean 0 and deviation 1: light and fades fall out."""
        return self._normalised(self.coarse[0])

    @cached_property
    def to_black(self) -> float:
        """How much brighter than black it is on average, in levels of 256."""
        return float((self.coarse[0] - _BLACK).clip(min=0).sum() / self.coarse[0].size)

    @cached_property
    def to_white(self) -> float:
        """How much darker than white it is on average, in levels of 256."""
        return float((_WHITE - self.coarse[0]).clip(min=0).sum() / self.coarse[0].size)

    @cached_property
    def energy(self) -> float:
        """Logarithm of how strong outlines are: a mixture of two pictures has weak ones."""
        import numpy as np

        down, across = np.diff(self.fine, axis=0), np.diff(self.fine, axis=1)
        return float(np.log(np.abs(down).mean() + np.abs(across).mean() + 1))

    @cached_property
    def histogram(self) -> Floats:
        """How often brightness and colours occur, as 3 x 16 shares that each sum to 1."""
        import numpy as np

        values = self.coarse.reshape(3, -1)
        lowest = np.array(_LOWEST, np.float32)[:, None]
        bins_each = np.array([_BINS / width for width in _WIDTHS], np.float32)[:, None]
        places = (values - lowest) * bins_each - 0.5
        places = places.clip(0, _BINS - 1.001)
        bins = places.astype(np.int32)
        share = (places - bins).ravel()  # a value between two bins counts for both in part
        bins += np.arange(3, dtype=np.int32)[:, None] * _BINS
        count = np.bincount(bins.ravel(), 1 - share, 3 * _BINS)
        count[1:] += np.bincount(bins.ravel(), share, 3 * _BINS)[:-1]
        return (count / values.shape[1]).astype(np.float32)

    @property
    def blocks(self) -> tuple[int, int]:
        """Rows and columns of `patches`."""
        _, rows, columns = self.coarse.shape
        return rows // min(2, rows), columns // min(2, columns)

    @cached_property
    def patches(self) -> Floats:
        """Blocks of two by two coarse cells, as (blocks, 12)."""
        high, wide = min(2, self.coarse.shape[1]), min(2, self.coarse.shape[2])
        rows, columns = self.blocks
        even = self.coarse[:, : rows * high, : columns * wide]
        parts = even.reshape(3, rows, high, columns, wide).transpose(1, 3, 0, 2, 4)
        return parts.reshape(rows * columns, -1)

    @cached_property
    def shown(self) -> Levels:
        """The normalised brightness of the coarse cells, in 32 levels a deviation."""
        return _levels(self.normal)

    @cached_property
    def shifted(self) -> Levels:
        """The same under every shift in reach, as (down, across, rows, columns)."""
        import numpy as np
        from numpy.lib.stride_tricks import sliding_window_view

        smooth = np.pad(self.fine, ((0, 1), (0, 1)), "edge")
        smooth = smooth[:-1] + smooth[1:]
        smooth = (smooth[:, :-1] + smooth[:, 1:]) * np.float32(0.25)
        down, across = _REACH
        wide = np.pad(_levels(self._normalised(smooth)), ((down, down), (across, across)), "edge")
        rows, columns = self.fine.shape
        views = sliding_window_view(wide, (rows - 1, columns - 1))[:, :, ::2, ::2]
        return np.ascontiguousarray(views[: 2 * down + 1, : 2 * across + 1])

    def _normalised(self, light: Floats) -> Floats:
        normal: Floats = (light - self.coarse[0].mean()) / max(self.contrast, _FLAT)
        return normal


def change(a: Picture, b: Picture) -> float:
    """How much two pictures differ as they stand, in levels of 256."""
    import numpy as np

    step = np.abs(a.fine - b.fine)
    tint = np.abs(a.coarse[1:] - b.coarse[1:])
    return float(step.sum() / step.size + tint.sum() / tint.size)


def distance(a: Picture, b: Picture) -> float:
    """How far apart two pictures are as they stand, light aside: 0, or about 1.1 if unrelated."""
    import numpy as np

    away = np.abs(a.normal - b.normal)
    return float(away.sum() / away.size)


def mixture(a: Picture, b: Picture) -> float:
    """How far apart the colours are that two pictures consist of: 0 to 1."""
    import numpy as np

    return float(np.abs(a.histogram - b.histogram).sum() / 6)


def tinted(a: Picture, b: Picture) -> float:
    """How much colours differ beyond what brighter or dimmer light does to them, in levels."""
    import numpy as np

    black = np.float32(_BLACK)
    gain = max(1.0, b.coarse[0].mean() - black) / max(1.0, a.coarse[0].mean() - black)
    before, after = (a.coarse[1:] - 128) * np.float32(gain), b.coarse[1:] - 128
    away = np.abs(before - after)
    return float(away.sum() / away.size) / max(1.0, float(gain))


def unlike(a: Picture, b: Picture) -> Floats:
    """For each block of `b`, how far it is from anything near that place in `a`.

    Motion by block matching: full search on normalised brightness, mean absolute difference.
    """
    import numpy as np

    views, shown = a.shifted, b.shown
    high, wide = min(_BLOCK[0], shown.shape[0]), min(_BLOCK[1], shown.shape[1])
    rows, columns = shown.shape[0] // high, shown.shape[1] // wide
    shown = shown[: rows * high, : columns * wide]
    views = views[:, :, : rows * high, : columns * wide]
    away = np.maximum(views, shown)
    away -= np.minimum(views, shown)
    # Adding slices is many times as fast as summing along short axes.
    sums = away[..., ::wide].astype(np.uint16)
    for column in range(1, wide):
        sums += away[..., column::wide]
    blocks = sums[..., ::high, :].copy()
    for row in range(1, high):
        blocks += sums[..., row::high, :]
    best: Floats = blocks.min(axis=(0, 1)) * np.float32(1 / (high * wide * _LEVELS))
    return best


def _means(plane: npt.NDArray[np.uint8], side: int) -> Floats:
    """Means of squares; what is left over at the right and below is left out."""
    import numpy as np

    rows, columns = plane.shape[0] // side, plane.shape[1] // side
    if not rows or not columns:
        return plane[:1, :1].astype(np.float32)
    plane = plane[: rows * side, : columns * side]
    # Pixels two by two, as numbers of 16 bits: many times as fast as summing along short axes.
    pairs = np.ascontiguousarray(plane).view(np.uint16)
    pairs = (pairs & 255) + (pairs >> 8)
    lines = pairs[::side] + pairs[1::side]
    for line in range(2, side):
        lines += pairs[line::side]
    sums = lines[:, :: side // 2].astype(np.uint32)
    for column in range(1, side // 2):
        sums += lines[:, column :: side // 2]
    return sums * np.float32(1 / side**2)


def _levels(normal: Floats) -> Levels:
    levels: Levels = (normal * _LEVELS + 128).clip(0, 255).astype("uint8")
    return levels


def _even(grid: Floats) -> Floats:
    """The grid with even rows and columns, at least two of each."""
    if min(grid.shape) < 2:
        grid = grid.repeat(2, axis=0).repeat(2, axis=1)
    return grid[: grid.shape[0] // 2 * 2, : grid.shape[1] // 2 * 2]


def _halved(grid: Floats) -> Floats:
    import numpy as np

    halves = grid[::2] + grid[1::2]
    return (halves[:, ::2] + halves[:, 1::2]) * np.float32(0.25)
