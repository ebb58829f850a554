"""What is kept of a frame: mean brightness and colour of a few thousand cells."""

from __future__ import annotations

import math
from functools import cache, cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    Floats: TypeAlias = npt.NDArray[np.float32]
    Levels: TypeAlias = npt.NDArray[np.uint8]

__all__ = ["BLACK", "LEVELS", "Picture", "cell_side", "pictures"]

_CELLS = 2304
"""Cells of the fine grid of a picture, about: 36 x 64 at 16:9."""
_FLAT = 3.0
"""Contrast below which brightness is not stretched further: it would be noise."""
_REACH = 5, 8
"""How far things may have moved from one picture to another, in fine cells, down and across."""
BLACK, _WHITE = 16, 235
"""Limits of brightness in films; where the full range is used, what lies beyond is as black."""
LEVELS = 32
"""Steps of normalised brightness to one deviation."""
_BINS = 16
_LOWEST, _WIDTHS = (0, 64, 64), (256, 128, 128)
"""Ranges of brightness and colours that histograms tell apart."""


def cell_side(width: int, height: int) -> int:
    """Pixels on a side of a fine cell; even, for a pixel of colour covers two of brightness."""
    return max(2, round(math.sqrt(width * height / _CELLS) / 2) * 2)


class Picture:
    """A frame's cells, and what follows from them: made by `pictures`, several at a time.

    What is seldom needed is computed when it is first asked for.

    Attributes:
        fine: Mean brightness of cells, 0 to 255, as (rows, columns); rows and columns are even.
        coarse: Mean brightness and two of colour of two by two cells, as (3, rows / 2,
            columns / 2).
        patches: Blocks of two by two coarse cells, as (blocks, 12).
        blocks: Rows and columns of these blocks.
        normal: Brightness of the coarse cells, of mean 0 and deviation 1: light and fades fall out.
        histogram: How often brightness and colours occur, as 3 x 16 shares that each sum to 1.
        light: Its mean before that.
        contrast: Its deviation before that: near 0 where the picture is all one.
        to_black: How much brighter than black it is on average, in levels of 256.
        to_white: How much darker than white it is on average, in levels of 256.
    """

    def __init__(
        self,
        fine: Floats,
        coarse: Floats,
        patches: Floats,
        normal: Floats,
        histogram: Floats,
        levels: list[float],
    ) -> None:
        self.fine = fine
        self.coarse = coarse
        self.patches = patches
        self.normal = normal
        self.histogram = histogram
        self.light, self.contrast, self.to_black, self.to_white = levels

    @property
    def blocks(self) -> tuple[int, int]:
        _, rows, columns = self.coarse.shape
        return rows // min(2, rows), columns // min(2, columns)

    @cached_property
    def digest(self) -> bytes:
        """Names what is kept of the frame: all else follows from it."""
        return blake2b(self.fine.tobytes() + self.coarse.tobytes(), digest_size=16).digest()

    @cached_property
    def energy(self) -> float:
        """Logarithm of how strong outlines are: a mixture of two pictures has weak ones."""
        import numpy as np

        fine = self.fine
        down, across = fine[1:] - fine[:-1], fine[:, 1:] - fine[:, :-1]
        return float(np.log(np.abs(down).mean() + np.abs(across).mean() + 1))

    @cached_property
    def shown(self) -> Levels:
        """The normalised brightness of the coarse cells, in 32 levels a deviation."""
        return _levels(self.normal)

    @cached_property
    def shifted(self) -> Levels:
        """The same under every shift in reach, by half cells: (down, across, rows, columns)."""
        import numpy as np
        from numpy.lib.stride_tricks import as_strided

        smooth = self.fine + self.fine[_near(self.fine.shape[0], 1, 1)]
        smooth = (smooth + smooth[:, _near(self.fine.shape[1], 1, 1)]) * np.float32(0.25)
        smooth = (smooth - self.light) / max(self.contrast, _FLAT)
        down, across = _REACH
        rows, columns = (side // 2 for side in smooth.shape)
        high, wide = rows + down, columns + across
        wider = _levels(smooth)[_near(2 * rows, -down, down)]
        wider = wider[:, _near(2 * columns, -across, across)]
        # Even and odd lines apart: what a shift shows is then in one piece, line by line.
        halves = np.ascontiguousarray(wider.reshape(high, 2, wide, 2).transpose(1, 3, 0, 2))
        shape = (down + 1, 2, across + 1, 2, rows, columns)
        strides = (wide, 2 * high * wide, 1, high * wide, wide, 1)
        views = np.ascontiguousarray(as_strided(halves, shape, strides, writeable=False))
        views = views.reshape(2 * down + 2, 2 * across + 2, rows, columns)
        return views[: 2 * down + 1, : 2 * across + 1]


def pictures(images: Sequence[npt.NDArray[np.uint8]], side: int) -> list[Picture]:
    """The pictures of some frames of one size: together they cost a fraction of one by one.

    Args:
        images: The frames as yuv420p, uint8 (height * 3 // 2, width).
        side: Pixels on a side of a fine cell.
    """
    import numpy as np

    planes = np.stack(images)
    count, height, width = len(planes), planes.shape[1] * 2 // 3, planes.shape[2]
    fine = _even(_means(planes[:, :height], side))
    rows, columns = fine.shape[1] // 2, fine.shape[2] // 2
    coarse = np.empty((count, 3, rows, columns), np.float32)
    coarse[:, 0] = _halved(fine)
    chroma = planes.reshape(count, -1)[:, height * width :]
    chroma = chroma.reshape(count * 2, height // 2, width // 2)
    colours = _means(chroma, side)[:, :rows, :columns]
    coarse[:, 1:] = colours.reshape(count, 2, *colours.shape[1:])
    high, wide = min(2, rows), min(2, columns)
    even = coarse[:, :, : rows // high * high, : columns // wide * wide]
    parts = even.reshape(count, 3, rows // high, high, columns // wide, wide)
    patches = parts.transpose(0, 2, 4, 1, 3, 5).reshape(count, -1, 3 * high * wide)
    luma = coarse[:, 0].reshape(count, -1)
    light, contrast = luma.mean(axis=1), luma.std(axis=1)
    normal = (luma - light[:, None]) / contrast.clip(min=_FLAT)[:, None]
    normal = normal.reshape(count, rows, columns)
    to_black = (luma - BLACK).clip(min=0).mean(axis=1)
    to_white = (_WHITE - luma).clip(min=0).mean(axis=1)
    levels = np.stack([light, contrast, to_black, to_white], axis=1).tolist()
    parts_each = zip(fine, coarse, patches, normal, _histograms(coarse), levels, strict=True)
    return [Picture(*each) for each in parts_each]


def _means(planes: npt.NDArray[np.uint8], side: int) -> Floats:
    """Means of squares; what is left over at the right and below is left out."""
    import numpy as np

    rows, columns = planes.shape[1] // side, planes.shape[2] // side
    if not rows or not columns:
        return planes[:, :1, :1].astype(np.float32)
    planes = planes[:, : rows * side, : columns * side]
    # Pixels two by two, as numbers of 16 bits: many times as fast as summing along short axes.
    pairs = planes.view(np.uint16)
    pairs = (pairs & 255) + (pairs >> 8)
    lines = pairs[:, ::side] + pairs[:, 1::side]
    for line in range(2, side):
        lines += pairs[:, line::side]
    sums = lines[:, :, :: side // 2].astype(np.uint32)
    for column in range(1, side // 2):
        sums += lines[:, :, column :: side // 2]
    means: Floats = sums.astype(np.float32) * np.float32(1 / side**2)
    return means


def _histograms(coarse: Floats) -> Floats:
    """Of each picture of (pictures, 3, rows, columns): a value between two bins counts for both."""
    import numpy as np

    values = coarse.reshape(*coarse.shape[:2], -1)
    lowest = np.array(_LOWEST, np.float32)[:, None]
    bins_each = np.array([_BINS / width for width in _WIDTHS], np.float32)[:, None]
    places = ((values - lowest) * bins_each - 0.5).clip(0, _BINS - 1.001)
    bins = places.astype(np.intp)
    share = (places - bins.astype(np.float32)).ravel()
    size = 3 * _BINS * len(values)
    bins += np.arange(0, size, _BINS).reshape(-1, 3, 1)
    count = np.bincount(bins.ravel(), 1 - share, size)
    count[1:] += np.bincount(bins.ravel(), share, size)[:-1]
    shares: Floats = (count / values.shape[2]).astype(np.float32)
    return shares.reshape(-1, 3 * _BINS)


@cache
def _near(side: int, before: int, after: int) -> npt.NDArray[np.intp]:
    """Places from ``before`` to ``after`` beyond the side, those outside moved to its edge."""
    import numpy as np

    return np.arange(before, side + after).clip(0, side - 1)


def _levels(normal: Floats) -> Levels:
    levels: Levels = (normal * LEVELS + 128).clip(0, 255).astype("uint8")
    return levels


def _even(grids: Floats) -> Floats:
    """The grids with even rows and columns, at least two of each."""
    if min(grids.shape[1:]) < 2:
        grids = grids.repeat(2, axis=1).repeat(2, axis=2)
    return grids[:, : grids.shape[1] // 2 * 2, : grids.shape[2] // 2 * 2]


def _halved(grids: Floats) -> Floats:
    import numpy as np

    halves = grids[:, ::2] + grids[:, 1::2]
    return (halves[:, :, ::2] + halves[:, :, 1::2]) * np.float32(0.25)
