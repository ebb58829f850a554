"""Decode once: one stream of frames feeds the scene detector and the sampler side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from toolkit.errors import NotAVideoError
from toolkit.records import Cut, Video
from toolkit.stages.component import Cancel
from toolkit.stages.decode import DecodedFrame, Decoder, FrameStream
from toolkit.stages.sampling import Reservoir
from toolkit.stages.scenes import SceneDetector
from toolkit.watchdog import Beat, watched

__all__ = ["Found", "Scan"]


@dataclass(frozen=True)
class Found:
    """A scene as it closes, with the frames that were picked from it, still undecoded to RGB.

    Whoever wants their pixels converts them at once: they pin the decoder's memory.
    """

    index: int
    start_s: float
    end_s: float
    kind: Literal["start", "cut", "fade", "dissolve", "wipe"]
    score: float
    picked: list[DecodedFrame]


class Scan:
    """One pass over a file. Iterate it once; each scene comes as soon as it closes.

    Memory does not grow with the file: a bounded choice of the open scene's frames is kept.

    Args:
        decoder: Reads the file.
        detector: Finds the boundaries.
        video: The file, as probed.
        frames: How many frames to pick from each scene; 0 for boundaries only.
        cancel: Ends the scan.
        stall_s: Seconds without a frame after which the decoder counts as stuck.

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
        frames: int,
        cancel: Cancel,
        stall_s: float = 60.0,
    ) -> None:
        self._decoder = decoder
        self._detector = detector
        self._video = video
        self._frames = frames
        self._cancel = cancel
        self._stall_s = stall_s
        self.size = (video.width, video.height)
        self.frame_count = 0
        self.damaged = 0
        self.share_read: float | None = None
        self.truncated = False
        self._index = 0
        self._open = Cut(at_s=0.0)

    def __iter__(self) -> Iterator[Found]:
        what = f"Decoding '{self._video.path}'"
        return watched(self._found_in_file, what, self._stall_s, self._cancel)

    def _found_in_file(self, beat: Beat) -> Iterator[Found]:
        with self._decoder.open(Path(self._video.path)) as stream:
            yield from self._read(stream, beat)

    def _read(self, stream: FrameStream, beat: Beat) -> Iterator[Found]:
        self.size = (stream.width, stream.height)
        width, height = _small(self._video, self._detector.width)
        image_format = self._detector.image_format
        watch = self._detector.start(stream.frame_s)
        kept = Reservoir(max(1, self._frames))

        def close(cuts: Iterable[Cut]) -> Iterator[Found]:
            nonlocal kept
            for cut in cuts:
                if cut.at_s <= self._open.at_s:
                    continue  # a boundary at the first frame of a scene bounds nothing
                later = kept.split(cut.at_s)
                yield self._found(cut.at_s, kept)
                self._open, self._index, kept = cut, self._index + 1, later

        for frame in stream:
            beat()
            self._cancel.check()
            if self._frames:
                kept.add(frame)
            yield from close(watch.push(frame.pts_s, frame.small(width, height, image_format)))
            self.frame_count += 1
        if not self.frame_count:
            raise NotAVideoError(f"{self._video.path} has no frame that can be decoded.")
        yield from close(watch.finish())
        yield self._found(stream.end_s, kept)
        self.damaged = stream.damaged
        self.share_read = stream.share_read
        missing_s = (1 - (stream.share_read or 1)) * (self._video.duration_s or 0)
        self.truncated = missing_s > max(0.5, 3 * stream.frame_s)

    def _found(self, end_s: float, kept: Reservoir) -> Found:
        return Found(
            index=self._index,
            start_s=self._open.at_s,
            end_s=end_s,
            kind=self._open.kind if self._index else "start",
            score=self._open.score,
            picked=kept.pick(self._open.at_s, end_s) if self._frames else [],
        )


def _small(video: Video, width: int) -> tuple[int, int]:
    """The size of a detector's frames: as stored, never enlarged, even."""
    width = max(2, min(width, video.width) // 2 * 2)
    return width, max(2, round(video.height * width / video.width / 2) * 2)
