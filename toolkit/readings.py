"""What is seen in a part of a file, and how such readings are joined."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.config import Settings
from toolkit.errors import NotAVideoError
from toolkit.records import Cut, Video
from toolkit.scan import is_truncated, small_size
from toolkit.stages.component import Cancel
from toolkit.stages.decode import MOMENT_S, Decoder
from toolkit.stages.scenes import SceneDetector
from toolkit.watchdog import Beat, watched

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["GRID", "Chunk", "Ending", "Joined", "Reading", "join", "look_of", "read", "seam_of"]

GRID = 64
"""Every so manyth frame is a mark."""


@dataclass(frozen=True)
class Chunk:
    """A part of a file to be read.

    Attributes:
        number: The number of the frame it begins with.
        enter_s: Its time.
        stop_s: The time of the first frame that is not read any more; infinite: all are.
    """

    number: int
    enter_s: float
    stop_s: float


@dataclass(frozen=True)
class Ending:
    """What is known at the end of a file: the last cuts, where it ends, how much of it is there."""

    cuts: tuple[Cut, ...]
    end_s: float
    damaged: int
    share_read: float | None


@dataclass(frozen=True)
class Reading:
    """What was seen in a chunk.

    Attributes:
        chunk: The part that was read.
        frame_s: The usual length of a frame in seconds.
        times_s: When its frames are shown.
        looks: What they look like: a digest of each as the detector sees it.
        told: What the detector told after the frame with this number.
        marks: By the frame's number: the state after it, and the damaged packets until then.
        ending: Where the file ended; None if it goes on.
    """

    chunk: Chunk
    frame_s: float
    times_s: array[float]
    looks: array[int]
    told: dict[int, tuple[Cut, ...]]
    marks: dict[int, tuple[bytes, int]]
    ending: Ending | None

    def number_at(self, time_s: float) -> int | None:
        """The number of the frame that is shown from this time on."""
        place = bisect_left(self.times_s, time_s)
        found = place < len(self.times_s) and self.times_s[place] == time_s
        return self.chunk.number + place if found else None


@dataclass(frozen=True)
class Joined:
    """What one pass over the file would have seen, see :class:`Reading`."""

    times_s: array[float]
    looks: array[int]
    told: dict[int, tuple[Cut, ...]]
    ending: Ending
    frame_s: float
    damaged: int
    entries_s: tuple[float, ...]
    """Where the chunks begin that it was made of."""

    def look_at(self, time_s: float) -> tuple[float, int]:
        """The time of the frame that is shown at this time, and what it looks like."""
        place = max(0, bisect_right(self.times_s, time_s + MOMENT_S) - 1)
        return self.times_s[place], self.looks[place]

    def entry_before(self, time_s: float) -> float:
        """Where a chunk begins whose decoding led to the frame at this time."""
        return self.entries_s[bisect_right(self.entries_s, time_s) - 1]

    def truncated(self, video: Video) -> bool:
        """Whether the file ends before it should."""
        return is_truncated(video, self.ending.share_read, self.frame_s)


def read(
    decoder: Decoder,
    detector: SceneDetector,
    video: Video,
    settings: Settings,
    chunk: Chunk,
    cancel: Cancel,
) -> Reading:
    """Read a chunk. What is given back is small, and can be pickled.

    Raises:
        DecodeError: The chunk cannot be read: scan the file as a whole.
        CancelledError: ``cancel`` was set.
    """

    def reading(beat: Beat) -> Iterator[Reading]:
        yield _read(decoder, detector, video, chunk, cancel, beat)

    what = f"Decoding '{video.path}' from {chunk.enter_s:g} s on"
    [result] = watched(reading, what, settings.decode.stall_s, cancel)
    return result


def _read(
    decoder: Decoder,
    detector: SceneDetector,
    video: Video,
    chunk: Chunk,
    cancel: Cancel,
    beat: Beat,
) -> Reading:
    width, height = small_size(video, detector.width)
    number, ending = chunk.number, None
    times_s, looks, told, marks = array("d"), array("Q"), {}, {}
    with decoder.open_at(Path(video.path), chunk.enter_s) as stream:
        frame_s = stream.frame_s
        watch = detector.resume(frame_s, number, colours=stream.colours)
        for frame in stream:
            beat()
            cancel.check()
            if frame.pts_s >= chunk.stop_s:
                break
            image = frame.small(width, height, detector.image_format)
            times_s.append(frame.pts_s)
            looks.append(look_of(image))
            if cuts := tuple(watch.push(frame.pts_s, image)):
                told[number] = cuts
            number += 1
            if number % GRID == 0:
                state = blake2b(watch.state(), digest_size=16)
                for part in (times_s, looks):
                    state.update(part[-GRID:])
                marks[number - 1] = state.digest(), stream.damaged
        else:
            cuts = tuple(watch.finish())
            ending = Ending(cuts, stream.end_s, stream.damaged, stream.share_read)
    if not times_s:
        raise NotAVideoError(f"{video.path} has no frame that can be decoded.")
    return Reading(chunk, frame_s, times_s, looks, told, marks, ending)


def look_of(image: npt.NDArray[np.uint8]) -> int:
    """A digest of a picture."""
    return int.from_bytes(blake2b(image.tobytes(), digest_size=8).digest(), "little")


def seam_of(left: Reading, right: Reading, after: int) -> int | None:
    """The first mark after a frame at which both are in the same state; None if none is."""
    for number, (state, _) in right.marks.items():
        if number > after and number in left.marks and left.marks[number][0] == state:
            return number
    return None


def join(chain: Sequence[Reading], seams: Sequence[int]) -> Joined:
    """What one pass would have seen.

    Args:
        chain: Readings in order, the last to the file's end.
        seams: After which frame each one goes on from the one before; -1 for the first.
    """
    ending = chain[-1].ending
    assert ending is not None
    ends = [*seams[1:], chain[-1].chunk.number + len(chain[-1].times_s) - 1]
    times_s, looks, damaged = array("d"), array("Q"), 0
    told: dict[int, tuple[Cut, ...]] = {}
    for reading, begin, end in zip(chain, seams, ends, strict=True):
        first = reading.chunk.number
        own = slice(begin + 1 - first, end + 1 - first)
        times_s += reading.times_s[own]
        looks += reading.looks[own]
        told |= {n: cuts for n, cuts in reading.told.items() if begin < n <= end}
        damaged -= reading.marks[begin][1] if begin >= 0 else 0
        damaged += ending.damaged if reading is chain[-1] else reading.marks[end][1]
    entries_s = tuple(reading.chunk.enter_s for reading in chain)
    return Joined(times_s, looks, told, ending, chain[-1].frame_s, damaged, entries_s)
