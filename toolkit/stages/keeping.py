"""What keeping frames may cost: beyond a budget, pixels are kept in place of decoders' frames."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING
from weakref import WeakSet, WeakValueDictionary

from toolkit.stages.decode import DecodedFrame, ImageFormat

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["Budget", "Converted", "Kept"]

_BYTES = 160 << 20
"""What kept frames may take: 53 of 1080p, more than scenes of eight frames keep."""
_LEAST = 16
"""Decoders' frames that are kept however large: most of the newest are let go soon anyway."""


class Kept:
    """A frame that is kept, and its small image if somebody will judge by it.

    It stands for its frame, see :class:`~toolkit.stages.decode.DecodedFrame`: as long as somebody
    holds it, picked or not, it counts in the scan's budget.
    """

    __slots__ = ("__weakref__", "frame", "image", "pts_s")

    def __init__(self, frame: DecodedFrame, image: npt.NDArray[np.uint8] | None) -> None:
        self.frame = frame
        self.image = image
        self.pts_s = frame.pts_s

    @property
    def key_frame(self) -> bool:
        """The frame's."""
        return self.frame.key_frame

    def small(self, width: int, height: int, image_format: ImageFormat) -> npt.NDArray[np.uint8]:
        """The frame's."""
        return self.frame.small(width, height, image_format)

    def rgb(self, width: int, height: int) -> npt.NDArray[np.uint8]:
        """The frame's, or what was converted of it early."""
        return self.frame.rgb(width, height)


class Budget:
    """Bounds what the kept frames of one scan take, in whichever scene they are.

    A decoder's frame is large, and its decoder never gives back the memory of as many as were ever
    kept at once. When there are too many, some are converted to all that will be asked of them,
    and let go. Frames stay the longer, the higher the power of two that divides their number, so
    these go first, and few are converted in vain. The pixels are the same sooner or later.

    Args:
        frame_bytes: What a decoder's frame takes, about.
        sizes: Width and height of all pictures that will be asked of a picked frame.
    """

    def __init__(self, frame_bytes: int, sizes: Collection[tuple[int, int]]) -> None:
        self._frame_bytes = max(1, frame_bytes)
        self._sizes = set(sizes)
        self._pixels_bytes = 3 * sum(width * height for width, height in self._sizes)
        self._whole: WeakValueDictionary[int, Kept] = WeakValueDictionary()
        self._converted: WeakSet[Kept] = WeakSet()

    def hold(self, number: int, kept: Kept) -> None:
        """The frame with this number is kept from now on, until nobody refers to ``kept``."""
        self._whole[number] = kept
        while len(self._whole) > self._most():
            first = max(list(self._whole), key=_stays, default=0)
            # None where whoever converts picked frames let go of it just now, in another thread.
            if (kept_longer := self._whole.pop(first, None)) is not None:
                self._convert(kept_longer)

    def _most(self) -> int:
        left = _BYTES - len(self._converted) * self._pixels_bytes
        return max(_LEAST, left // self._frame_bytes)

    def _convert(self, kept: Kept) -> None:
        kept.frame = Converted(kept.frame, self._sizes)
        self._converted.add(kept)


class Converted:
    """What was asked of a frame beforehand; see :class:`~toolkit.stages.decode.DecodedFrame`.

    It holds nothing of the decoder's, and can be pickled.

    Args:
        frame: The frame.
        sizes: Width and height of all pictures that will be asked for.
    """

    def __init__(self, frame: DecodedFrame, sizes: Collection[tuple[int, int]]) -> None:
        self.pts_s = frame.pts_s
        self.key_frame = frame.key_frame
        self._pictures = {size: frame.rgb(*size) for size in sizes}

    def small(self, width: int, height: int, image_format: ImageFormat) -> npt.NDArray[np.uint8]:
        """Not there."""
        raise NotImplementedError("detectors see frames before they are kept")

    def rgb(self, width: int, height: int) -> npt.NDArray[np.uint8]:
        """The frame's, in one of the sizes."""
        return self._pictures[width, height]


def _stays(number: int) -> tuple[int, int]:
    return number & -number or 1 << 62, -number
