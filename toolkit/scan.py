"""Decode once: one stream of frames feeds the scene detector and the sampler side by side."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from toolkit.config import Settings
from toolkit.config.settings import Sampling
from toolkit.errors import NotAVideoError
from toolkit.isolation.reading import Pair
from toolkit.records import Video
from toolkit.stages.component import Cancel
from toolkit.stages.decode import DecodedFrame, Decoder, FrameStream
from toolkit.stages.keeping import Budget, Converted
from toolkit.stages.lengths import Closed, Lengths
from toolkit.stages.sampling import Reservoir, size_of
from toolkit.stages.scenes import SceneDetector
from toolkit.stages.threads import look
from toolkit.thumbnails import size_of as thumbnail_size
from toolkit.watchdog import Beat, watched

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["Ended", "Found", "Scan", "is_truncated", "pictured", "scan_file", "small_size"]

_AT_ONCE, _AT_ONCE_BYTES = 8, 32 << 20
"""Frames that are decoded before their small images are made, and most bytes of them."""


@dataclass(frozen=True)
class Found:
    """A scene as it closes, with the frames that were picked from it.

    Whoever wants the pixels of those that :class:`Scan` gives converts them at once: they pin the
    decoder's memory.
    """

    index: int
    start_s: float
    end_s: float
    kind: Literal["start", "cut", "fade", "dissolve", "wipe", "split"]
    score: float
    picked: list[DecodedFrame]


@dataclass(frozen=True)
class Ended:
    """What is known of a file once all of its scenes are."""

    frame_count: int
    share_read: float | None
    truncated: bool


def scan_file(
    pair: Pair,
    video: Video,
    settings: Settings,
    sampling: Sampling | None,
    looked_at: bool,
    cancel: Cancel,
) -> Iterator[tuple[Found, tuple[int, int]] | Ended]:
    """A job: the scenes of a file, each with the size the video is shown in, and then its end.

    Args:
        pair: Who reads it.
        video: The file, as probed.
        settings: See :class:`Scan`.
        sampling: See :class:`Scan`.
        looked_at: Whether analyzers will look at the frames.
        cancel: Ends it.

    Raises:
        DecodeError: The file cannot be decoded.
        CancelledError: ``cancel`` was set.
    """

    def asked(shown: tuple[int, int]) -> list[tuple[int, int]]:
        width = settings.scenes.thumbnail_width
        thumbnail = [thumbnail_size(shown, width)] if width else []
        return [size_of(shown, settings.sampling), *thumbnail]

    scan = Scan(pair.decoder, pair.detector, video, settings, cancel, sampling, asked)
    for found in scan:
        yield pictured(found, scan.size, settings, looked_at=looked_at), scan.size
        del found  # and its frames, while the next ones are looked for
    yield Ended(scan.frame_count, scan.share_read, scan.truncated)


def pictured(found: Found, size: tuple[int, int], settings: Settings, *, looked_at: bool) -> Found:
    """A scene with pixels in place of decoders' frames: all that will be asked of them.

    Args:
        found: The scene; its frames are let go.
        size: Width and height of the video as shown, in pixels.
        settings: How large frames and thumbnails are.
        looked_at: Whether analyzers will look at the frames.
    """
    width = settings.scenes.thumbnail_width
    middle = len(found.picked) // 2
    picked: list[DecodedFrame] = []
    for place, frame in enumerate(found.picked):
        sizes = [size_of(size, settings.sampling)] if looked_at else []
        if width and place == middle:
            sizes.append(thumbnail_size(size, width))
        picked.append(Converted(frame, sizes))
    found.picked.clear()
    return replace(found, picked=picked)


class Scan:
    """One pass over a file. Iterate it once; each scene comes as soon as it closes.

    Memory does not grow with the file: a bounded choice of the open scene's frames is kept, and
    where these are many or large, pixels in their place.

    Args:
        decoder: Reads the file.
        detector: Finds the boundaries.
        video: The file, as probed.
        settings: How short and how long scenes may be, and when a decoder counts as stuck.
        cancel: Ends the scan.
        sampling: Which frames to pick from each scene; None for boundaries only.
        asked: From the size as shown, all sizes that a picked frame will be asked for: others may
            not be there. None if it could be any; then decoders' frames are kept, however many.

    Attributes:
        size: Width and height as shown, in pixels; known once the first scene came.
        frame_count: Frames decoded.
        damaged: Packets that could not be decoded, known at the end.
        share_read: Share of the promised duration that was there, known at the end.
        truncated: Whether the file ends before it should, known at the end.
    """

    def __init__(
        self,
        decoder: Decoder,
        detector: SceneDetector,
        video: Video,
        settings: Settings,
        cancel: Cancel,
        sampling: Sampling | None = None,
        asked: Callable[[tuple[int, int]], Collection[tuple[int, int]]] | None = None,
    ) -> None:
        self._decoder = decoder
        self._detector = detector
        self._video = video
        self._cancel = cancel
        self._sampling = sampling
        self._asked = asked
        self._lengths = settings.scenes
        self._stall_s = settings.decode.stall_s
        self.size = (video.width, video.height)
        self.frame_count = 0
        self.damaged = 0
        self.share_read: float | None = None
        self.truncated = False
        self._index = 0

    def __iter__(self) -> Iterator[Found]:
        what = f"Decoding '{self._video.path}'"
        return watched(self._found_in_file, what, self._stall_s, self._cancel)

    def _found_in_file(self, beat: Beat) -> Iterator[Found]:
        with self._decoder.open(Path(self._video.path)) as stream:
            try:
                yield from self._read(stream, beat)
            finally:
                look()  # its decoder's threads end with it

    def _read(self, stream: FrameStream, beat: Beat) -> Iterator[Found]:
        self.size = (stream.width, stream.height)
        width, height = small_size(self._video, self._detector.width)
        image_format = self._detector.image_format
        watch = self._detector.start(stream.frame_s, colours=stream.colours)
        budget = None
        if self._asked:
            budget = Budget(self._frame_bytes, self._asked(self.size))
        kept = Reservoir(
            self._sampling or Sampling(), self._lengths.max_scene_s, image_format, budget
        )
        scenes = Lengths(self._lengths, kept)
        for frame, image in self._shrunk(stream, width, height, beat):
            if self._sampling:
                scenes.kept.add(frame, image)
            # No variable holds on to a scene that has left, and to its frames with it, but for the
            # few that were decoded at once.
            yield from map(self._found, scenes.reached(frame.pts_s))
            yield from map(self._found, scenes.cut(watch.push(frame.pts_s, image)))
            self.frame_count += 1
        if not self.frame_count:
            raise NotAVideoError(f"{self._video.path} has no frame that can be decoded.")
        yield from map(self._found, scenes.cut(watch.finish()))
        yield from map(self._found, scenes.finish(stream.end_s))
        self.damaged = stream.damaged
        self.share_read = stream.share_read
        self.truncated = is_truncated(self._video, stream.share_read, stream.frame_s)

    def _shrunk(
        self, stream: FrameStream, width: int, height: int, beat: Beat
    ) -> Iterator[tuple[DecodedFrame, npt.NDArray[np.uint8]]]:
        """Frames with their small images, several made one after the other.

        Between two frames decoding empties the processor's caches, of our code as well.
        """
        most = max(1, min(_AT_ONCE, _AT_ONCE_BYTES // self._frame_bytes))
        image_format = self._detector.image_format
        while True:
            batch = []
            for frame in islice(stream, most):
                beat()
                self._cancel.check()
                batch.append(frame)
            if not batch:
                return
            images = [frame.small(width, height, image_format) for frame in batch]
            yield from zip(batch, images, strict=True)

    @property
    def _frame_bytes(self) -> int:
        pixels = self._video.width * self._video.height
        return pixels * 3 // 2 * (2 if self._video.bit_depth > 8 else 1) or 1

    def _found(self, closed: Closed) -> Found:
        begin = closed.begin
        found = Found(
            index=self._index,
            start_s=begin.at_s,
            end_s=closed.end_s,
            kind=begin.kind if self._index else "start",
            score=begin.score,
            picked=self._picked(closed) if self._sampling else [],
        )
        self._index += 1
        return found

    def _picked(self, closed: Closed) -> list[DecodedFrame]:
        begin, end_s, kept = closed
        if picked := kept.pick(begin.at_s, end_s):
            return list(picked)
        # The detector told of a short scene so late that its frames are gone: read one again.
        path, middle_s = Path(self._video.path), (begin.at_s + end_s) / 2
        with self._decoder.frames_at(path, [middle_s]) as frames:
            return list(frames)


def is_truncated(video: Video, share_read: float | None, frame_s: float) -> bool:
    """Whether more of the promised duration is missing than rounding explains."""
    missing_s = (1 - (share_read or 1)) * (video.duration_s or 0)
    return missing_s > max(0.5, 3 * frame_s)


def small_size(video: Video, width: int) -> tuple[int, int]:
    """The size of a detector's frames: as stored, never enlarged, even."""
    width = max(2, min(width, video.width) // 2 * 2)
    return width, max(2, round(video.height * width / video.width / 2) * 2)
