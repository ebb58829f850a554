"""The frames of a file, one after the other."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, cast

from toolkit.errors import NotAVideoError
from toolkit.stages.decode import Colours
from toolkit_decode_pyav.clock import Clock
from toolkit_decode_pyav.frame import BT709, PyAVFrame
from toolkit_decode_pyav.opening import unreadable

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.sidedata.sidedata import SideData
    from av.stream import Stream
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

__all__ = ["PyAVStream", "pixel_shape", "promised_s", "usual_frame_s"]

_READ_ATTEMPTS = 64
"""How often in a row a file may fail to give a packet before that counts as its end."""
_UNORDERED = frozenset({("avi", "h264")})
"""What AVI times in order of decoding, and FFmpeg does not put into that of presentation."""
_FULL_RANGE = 2


class PyAVStream(Iterator[PyAVFrame]):
    """The frames of an open file, see :class:`~toolkit.stages.decode.FrameStream`.

    Each packet is decoded by itself, so that a bad one takes no other with it.

    Raises:
        NotAVideoError: There is no frame to decode.
    """

    def __init__(self, container: InputContainer, stream: VideoStream, path: Path) -> None:
        from av.video.reformatter import VideoReformatter

        self.damaged = 0
        self.end_s = 0.0
        self.share_read: float | None = None
        self.frame_s = usual_frame_s(stream)
        codec = stream.codec_context.codec.canonical_name
        self.container = container
        self.stream = stream
        self._path = path
        self._scalers = VideoReformatter(), VideoReformatter()
        self.tick = Fraction(stream.time_base or Fraction(1, 90_000))
        self._clock = Clock(self.tick, self.frame_s)
        self._problem: Exception | None = None
        self._others_end_s = 0.0
        self._pictures = self._decoded()
        self.first = next(self._pictures, None)
        if self.first is None:
            why = f" ({self.damaged} damaged packets)" if self.damaged else ""
            raise NotAVideoError(
                f"'{path}' has no frame that can be decoded{why}.",
                hint="Copy or download it again." if self.damaged else None,
                path=str(path),
            ) from self._problem
        self.use_dts = self.first.pts is None or (container.format.name, codec) in _UNORDERED
        self.colours = Colours(
            bt709=self.first.colorspace == BT709, full_range=self.first.color_range == _FULL_RANGE
        )
        self.start_s = float((self.first.pts or 0) * self.tick)
        self.rotation, self._mirrored = _orientation(self.first)
        shape = pixel_shape(stream)
        width = round(self.first.width * max(shape, 1.0))
        height = round(self.first.height / min(shape, 1.0))
        self.width, self.height = (height, width) if self.rotation % 180 else (width, height)
        self.promise_s, self._promise_is_files = promised_s(container, stream, self.start_s)
        self._frames = self._timed()

    def __next__(self) -> PyAVFrame:
        return next(self._frames)

    def enter(self, pictures: Iterator[VideoFrame]) -> bool:
        """Go on with these pictures of the file, in place of all; False if there are none."""
        assert self.first is not None  # a stream that nothing was taken from
        self._clock.at(self.first.pts)
        self._pictures, self.damaged = pictures, 0
        self.first = next(pictures, None)
        return self.first is not None

    def _timed(self) -> Iterator[PyAVFrame]:
        picture = self.first
        numerator, denominator = self.tick.as_integer_ratio()
        self.first = None  # or it would be held to the end of the file
        while picture is not None:
            pts_s = self._clock.at(picture.dts if self.use_dts else picture.pts)
            length_s = picture.duration * numerator / denominator or self.frame_s
            self.end_s = round(pts_s + length_s, 9)
            yield self.frame(picture, pts_s)
            picture = next(self._pictures, None)
        self.share_read = self._share()

    def frame(self, picture: VideoFrame, pts_s: float) -> PyAVFrame:
        """The picture as a frame of this stream."""
        return PyAVFrame(picture, pts_s, self.rotation, self._mirrored, self._scalers)

    def _decoded(self) -> Iterator[VideoFrame]:
        for packet in self.packets():
            if packet.size:  # an empty packet would tell the decoder that the file ends
                yield from self.decode(packet)
        yield from self.decode(None)

    def decode(self, packet: Packet[VideoStream] | None) -> list[VideoFrame]:
        """The pictures that come out as a packet goes in; None tells the decoder of the end."""
        import av

        try:
            return self.stream.decode(packet)
        except av.error.MemoryError as error:
            raise unreadable(self._path, error) from error
        except av.error.FFmpegError as error:
            self.damaged += 1
            self._problem = error
            return []

    def packets(self) -> Iterator[Packet[VideoStream]]:
        """The packets from where the file stands; those that cannot be read are counted."""
        import av

        failures = 0
        while failures < _READ_ATTEMPTS:
            try:
                for packet in self.container.demux():
                    failures = 0
                    if packet.stream is self.stream:
                        yield cast("Packet[VideoStream]", packet)
                    else:
                        self._note_end(packet)
            except av.error.InvalidDataError as error:
                failures += 1
                self.damaged += 1
                self._problem = error
            except av.error.FFmpegError as error:
                raise unreadable(self._path, error) from error
            else:
                return

    def _note_end(self, packet: Packet[Stream]) -> None:
        if packet.pts is not None and packet.time_base:
            end_s = float((packet.pts + (packet.duration or 0)) * packet.time_base)
            self._others_end_s = max(self._others_end_s, end_s)

    def _share(self) -> float | None:
        if not self.promise_s:
            return None
        read_s = self.end_s
        if self._promise_is_files:
            read_s = max(read_s, self._others_end_s - self.start_s)
        # Containers round, and the last frame's length is often a guess.
        if read_s >= self.promise_s - 2 * self.frame_s - 0.05:
            return 1.0
        return read_s / self.promise_s


def usual_frame_s(stream: VideoStream) -> float:
    """The usual length of a frame in seconds; a 25th where the file does not tell."""
    rate = stream.average_rate or stream.guessed_rate
    return float(1 / rate) if rate else 0.04


def pixel_shape(stream: VideoStream) -> float:
    """Width of a pixel over its height."""
    ratio = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio
    return float(ratio) if ratio else 1.0


def promised_s(
    container: InputContainer, stream: VideoStream, start_s: float
) -> tuple[float | None, bool]:
    """How long the file says the video is, in seconds, None where it does not.

    The second value says whether that is a word on the whole file only, whose sound may outlast
    its pictures.
    """
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base), False
    own = stream.metadata.get("DURATION", "")  # Matroska: hours:minutes:seconds, from zero
    if own.count(":") == 2:
        hours, minutes, seconds = own.split(":")
        try:
            end_s = int(hours) * 3600 + int(minutes) * 60 + float(seconds)
            return round(end_s - start_s, 9), False
        except ValueError:
            pass
    if container.duration and container.duration > 0:
        end_s = (container.duration + (container.start_time or 0)) / 1e6
        return round(end_s - start_s, 9), True
    return None, False


def _orientation(picture: VideoFrame) -> tuple[int, bool]:
    """Degrees to turn the picture clockwise, after mirroring it left to right where True."""
    matrix = cast("SideData | None", picture.side_data.get("DISPLAYMATRIX"))
    if matrix is None:
        return 0, False
    # Rows of a 3x3 matrix; x goes to (a, b) and y to (c, d), with y downwards.
    a, b, _, c, d = struct.unpack("=9i", bytes(matrix))[:5]
    mirrored = a * d < b * c
    if mirrored:
        a, b = -a, -b
    return round(math.degrees(math.atan2(b, a)) / 90) % 4 * 90, mirrored
