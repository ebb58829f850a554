"""File -> metadata, and a stream of frames."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from toolkit.records import Video
from toolkit.stages.component import Component

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["DecodedFrame", "Decoder", "FrameStream", "ImageFormat"]

ImageFormat = Literal["bgr24", "gray", "yuv420p"]


class DecodedFrame(Protocol):
    """One frame, still in the decoder's memory: keeping it costs a reference, not a copy."""

    @property
    def pts_s(self) -> float:
        """Its time in seconds, counted from the video's first frame (whose time is 0)."""

    @property
    def key_frame(self) -> bool:
        """Whether decoding can start here."""

    def small(self, width: int, height: int, image_format: ImageFormat) -> npt.NDArray[np.uint8]:
        """A small copy for detectors, made the cheapest way, not rotated.

        Shape (height, width, 3) for bgr24, (height, width) for gray, (height * 3 // 2, width)
        for yuv420p.
        """

    def rgb(self, width: int, height: int) -> npt.NDArray[np.uint8]:
        """A good copy, upright, as (height, width, 3) RGB.

        Width and height are those of the upright picture.
        """


class FrameStream(Iterator[DecodedFrame], Protocol):
    """The frames of a file in order of presentation, each exactly once.

    ``width`` and ``height`` are pixels as shown: upright, with square pixels. ``frame_s`` is the
    usual length of a frame in seconds. When the stream has ended, ``end_s`` is where the last
    frame ends, ``damaged`` counts packets that could not be decoded, and ``share_read`` is the
    share (0 to 1) of the promised duration that was there; None where none was promised.
    """

    width: int
    height: int
    frame_s: float
    end_s: float
    damaged: int
    share_read: float | None


class Decoder(Component):
    """Reads files. One decoder serves many threads; each stream belongs to one."""

    @abstractmethod
    def probe(self, path: Path) -> Video:
        """The file's metadata; ``id`` is left empty, for the caller hashes the file.

        Raises:
            NotAVideoError: The file is empty, text, audio only, or without a decodable frame.
            DecodeError: The file cannot be read.
        """

    @abstractmethod
    def open(self, path: Path) -> AbstractContextManager[FrameStream]:
        """A stream of the file's frames.

        Broken packets are skipped and counted; a truncated file ends where it was cut.

        Raises:
            NotAVideoError: There is no frame to decode.
            DecodeError: The file cannot be read.
        """
