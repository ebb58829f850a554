"""A file's packets from any moment on, whatever its container makes of seeking."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from toolkit.errors import DecodeError, NotAVideoError
from toolkit.media.files import opened
from toolkit.stages.decode import MOMENT_S

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

__all__ = ["LEAD_S", "Reel", "decoded", "packets_of"]

LEAD_S = 5.0
"""How much earlier than its pictures a clip's sound and subtitles are looked for."""
_STEPS_S = (0.0, 0.5, 2.0, 8.0, 32.0)
"""How far before the wanted time to seek, where a seek lands too late; then from the start."""
_READ_ATTEMPTS = 64
"""How often in a row a file may fail to give a packet before that counts as its end."""


class Reel:
    """A video file, to be read from the keyframe at or before a moment.

    Times are in seconds since the video's first frame; ticks are those of its video stream.

    Args:
        path: The file.

    Attributes:
        container: The open file; it may be another one after :meth:`start_at`.
        video: Its main video stream.
        tick: The length of a tick in seconds.
        zero: The first frame's time in ticks.
        first: The first frame: it alone knows the file's rotation.
        timeless: Whether packets do not say when they are shown.
        key: The keyframe where reading starts, in ticks; None where none is early enough, and
            reading starts with the file.

    Raises:
        SourceError: There is no such file.
        NotAVideoError: It holds no picture.
        DecodeError: It cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stack = ExitStack()
        try:
            self._open()
            self.tick = Fraction(self.video.time_base or Fraction(1, 90_000))
            self.first = self._first()
        except BaseException:
            self.close()
            raise
        # AVI holds no times of presentation. What FFmpeg makes up for them is in the wrong order
        # where frames are; the times of decoding are not, as frames come out.
        shuffled = self.container.format.name == "avi" and self.video.codec_context.has_b_frames
        self.timeless = shuffled or self.first.pts is None
        self.zero = self.ticks_of(self.first)
        self.key: int | None = None
        self._held: list[Packet[Any]] = []
        self._rest: Iterator[Packet[Any]] = iter(())

    container: InputContainer
    video: VideoStream

    def close(self) -> None:
        """Close the file."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> None:
        """Stand at the file's first packet. A seek to the start is not the same everywhere."""
        self._stack.close()
        self.container = self._stack.enter_context(opened(self.path))
        self.video = _main_video(self.container, self.path)
        self.video.thread_type = "AUTO"

    def _first(self) -> VideoFrame:
        for packet in packets_of(self.container, self.video, self.path):
            frames: list[VideoFrame] = decoded(self.video, packet)
            if frames:
                return frames[0]
        raise NotAVideoError(
            f"'{self.path}' has no frame that can be decoded.", path=str(self.path)
        )

    @property
    def frame_ticks(self) -> int:
        """The usual length of a frame in ticks."""
        rate = self.video.average_rate or self.video.guessed_rate or 25
        return max(1, round(1 / (self.tick * Fraction(rate))))

    @property
    def duration_s(self) -> float | None:
        """How long the file says its pictures last; None where it does not say."""
        if self.video.duration:
            return float(self.video.duration * self.tick)
        if not self.container.duration:
            return None
        end_s = (self.container.duration + (self.container.start_time or 0)) / 1e6
        return end_s - float(self.zero * self.tick)

    def ticks_of(self, frame: VideoFrame) -> int:
        """When a frame is shown, in ticks."""
        return (frame.dts if self.timeless else frame.pts) or 0

    def seconds(self, ticks: int) -> float:
        """A time of the video stream as seconds since the first frame."""
        numerator, denominator = self.tick.as_integer_ratio()
        return (ticks - self.zero) * numerator / denominator  # whole numbers: rounded once

    def start_at(self, at_s: float) -> None:
        """Stand at the last keyframe whose time is at most ``at_s``."""
        target = self.zero + int((at_s + MOMENT_S) / self.tick)
        self.key = None if self.timeless else self._find_key(target)
        if self.key is None or not self._stand_at(self.key, sought=True):
            self._stand_at(self.key, sought=False)

    def _find_key(self, target: int) -> int | None:
        for step_s in _STEPS_S:
            earlier = target - round(step_s / self.tick)
            if not self._seek(earlier):
                break
            if (found := self._last_key(target)) is not None:
                return found
            if earlier <= self.zero:
                break
        self._open()
        return self._last_key(target)

    def _seek(self, ticks: int) -> bool:
        import av

        try:
            self.container.seek(ticks, stream=self.video)
        except av.error.FFmpegError:
            return False
        return True

    def _last_key(self, target: int) -> int | None:
        """The last keyframe up to ``target`` that comes from here on."""
        found: int | None = None
        for packet in packets_of(self.container, self.video, self.path):
            if packet.pts is None:
                continue
            if packet.is_keyframe and packet.pts <= target:
                found = packet.pts
            elif packet.dts is not None and packet.dts > target:
                break  # no later packet is shown before it is decoded
        return found

    def _stand_at(self, key: int | None, *, sought: bool) -> bool:
        """Hold what is needed from before the keyframe, and the keyframe; whether it came."""
        self._held = []
        lead = round(LEAD_S / self.tick)
        # The same decoder goes on where it can: it may have learnt from the file's first frame
        # what no later one says, such as the mistakes of the encoder that it has to copy.
        if not sought or key is None:
            self._open()
        elif not self._seek(max(key - lead, self.zero)):
            return False
        self._rest = packets_of(self.container, None, self.path)
        if key is None:
            return True
        earliest_s = float((key - lead) * self.tick)
        for packet in self._rest:
            if packet.stream is not self.video:
                if packet.pts is not None and packet.pts * packet.time_base >= earliest_s:
                    self._held.append(packet)
            elif packet.pts == key and packet.is_keyframe:
                self._held.append(packet)
                return True
            elif packet.dts is not None and packet.dts > key:
                return False
        return False

    def packets(self) -> Iterator[Packet[Any]]:
        """Every stream's packets, those of the video from the keyframe on. To be read once."""
        yield from self._held
        self._held = []
        yield from self._rest


def packets_of(container: InputContainer, only: Stream | None, path: Path) -> Iterator[Packet[Any]]:
    """The packets from where the file stands, without those that cannot be read.

    Raises:
        DecodeError: The file cannot be read any further.
    """
    import av

    failures = 0
    while failures < _READ_ATTEMPTS:
        try:
            for packet in container.demux(*([only] if only else [])):
                failures = 0
                if packet.size:  # an empty packet would end the decoder
                    yield packet
        except av.error.InvalidDataError:
            failures += 1
        except av.error.FFmpegError as error:
            raise DecodeError(
                f"'{path}' cannot be read on: {error.strerror}.", path=str(path)
            ) from error
        else:
            return


def decoded(stream: Any, packet: Packet[Any] | None) -> list[Any]:
    """The frames that come out as a packet goes in; none from one that is broken.

    Raises:
        DecodeError: There is not enough memory.
    """
    import av

    try:
        return list(stream.decode(packet))
    except av.error.MemoryError as error:
        name = stream.container.name.removeprefix("file:")
        raise DecodeError(f"'{name}' needs more memory than there is.", path=name) from error
    except av.error.FFmpegError:
        return []


def _main_video(container: InputContainer, path: Path) -> VideoStream:
    from av.stream import Disposition

    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    best = container.streams.best("video")
    for stream in [s for s in streams if s is best] or streams:
        if stream.codec_context is not None:
            return stream
    raise NotAVideoError(f"'{path}' holds no video that can be decoded.", path=str(path))
