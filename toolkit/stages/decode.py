"""File -> metadata, and a stream of frames."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from toolkit.records import Video
from toolkit.stages.component import Component

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = [
    "MOMENT_S",
    "Colours",
    "DecodedFrame",
    "Decoder",
    "Entries",
    "FrameSeries",
    "FrameStream",
    "ImageFormat",
    "frames_shown",
]

ImageFormat = Literal["bgr24", "gray", "yuv420p"]
MOMENT_S = 1e-6
"""Times this near are the same: less than any container's tick, more than rounding adds."""


class Colours(NamedTuple):
    """What the numbers in planes of brightness and colour stand for."""

    bt709: bool = False
    """The colours are those of BT.709; otherwise those of BT.601."""
    full_range: bool = False
    """Black is 0 and white 255; otherwise 16 and 235."""


class Entries(NamedTuple):
    """Where the decoding of a file can begin, known without decoding it."""

    frame_s: float
    """The usual length of a frame in seconds."""
    times_s: Sequence[float]
    """When the frames are shown, ascending, as far as the file tells: damaged ones are counted."""
    keys: Sequence[int]
    """Numbers of the frames, places in ``times_s``, that decoding can begin with, ascending."""


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
    usual length of a frame in seconds, ``colours`` what the numbers in its planes stand for. When
    the stream has ended, ``end_s`` is where the last frame ends, ``damaged`` counts packets that
    could not be decoded, and ``share_read`` is the share (0 to 1) of the promised duration that was
    there; None where none was promised.
    """

    width: int
    height: int
    frame_s: float
    colours: Colours
    end_s: float
    damaged: int
    share_read: float | None


class FrameSeries(Iterator[DecodedFrame]):
    """Some frames of a file, and the size they are shown in.

    Args:
        frames: The frames.
        stream: The stream they are from; ``width``, ``height`` and ``frame_s`` are its own.
    """

    def __init__(self, frames: Iterable[DecodedFrame], stream: FrameStream) -> None:
        self._frames = iter(frames)
        self.width, self.height = stream.width, stream.height
        self.frame_s = stream.frame_s

    def __next__(self) -> DecodedFrame:
        return next(self._frames)


def frames_shown(
    frames: Iterable[DecodedFrame], times_s: Iterable[float]
) -> Iterator[DecodedFrame]:
    """For each time, ascending, the frame shown at it: the last that starts no later.

    Args:
        frames: Frames in order of presentation.
        times_s: Times in seconds; before the first frame that one is shown, after the last it.
    """
    coming = iter(frames)
    shown = after = next(coming, None)
    for time_s in sorted(times_s):
        while after is not None and after.pts_s <= time_s + MOMENT_S:
            shown, after = after, next(coming, None)
        if shown is not None:
            yield shown


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

    @contextmanager
    def frames_at(self, path: Path, times_s: Iterable[float]) -> Iterator[FrameSeries]:
        """For each time, ascending, the frame shown at it: the last that starts no later.

        The frames and their times are those that :meth:`open` gives. Before the first frame that
        one is shown, after the last frame that one; a time given twice gives its frame twice. A
        decoder that can seek overrides this: here the file is read from its start.

        Args:
            path: The file.
            times_s: Times in seconds, counted as ``pts_s`` is.

        Raises:
            NotAVideoError: There is no frame to decode.
            DecodeError: The file cannot be read.
        """
        with self.open(path) as stream:
            yield FrameSeries(frames_shown(stream, times_s), stream)

    def entries(self, path: Path) -> Entries | None:
        """Where decoding can begin; None where that is only at the start.

        The file is read, which takes a while, but not decoded.

        Raises:
            NotAVideoError: There is no frame to decode.
            DecodeError: The file cannot be read.
        """
        return None

    def open_at(self, path: Path, time_s: float) -> AbstractContextManager[FrameStream]:
        """A stream of the file's frames that begins with one of its ``entries``.

        Frames and times are those that :meth:`open` gives, and so is what the stream tells at its
        end; ``damaged`` counts what was seen on the way.

        Args:
            path: The file.
            time_s: The time of the frame to begin with.

        Raises:
            DecodeError: The file cannot be read, or decoding cannot begin there.
        """
        raise NotImplementedError("a decoder with entries can begin at them")
