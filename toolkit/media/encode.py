"""Frames decoded and encoded anew: exact to the frame, at the cost of time and a little quality."""

from __future__ import annotations

from collections.abc import Generator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from toolkit.errors import MediaError
from toolkit.media.copy import name_of, share_of
from toolkit.media.files import writing
from toolkit.media.redrawing import Redraw, redrawn
from toolkit.media.reel import LEAD_S, Reel, decoded
from toolkit.media.sound import Voice
from toolkit.media.tracks import keep_notes, set_rotation, unsaid
from toolkit.stages.decode import MOMENT_S

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.filter import Graph
    from av.packet import Packet
    from av.video.frame import VideoFrame

__all__ = ["encode"]

_ENCODERS = {"webm": ("libvpx-vp9", "libopus")}
_USUAL_ENCODERS = ("libx264", "aac")
_VP9_SHIFT = 10
"""VP9 looks about like H.264 when its CRF, of 0 to 63, is ten higher."""
# swscale's names of matrices, and their numbers in ISO/IEC 23091-2.
_BT709, _BT601 = ("ITU709", 1), ("SMPTE170M", 6)
_LIMITED, _HD_LINES = 1, 576


def encode(
    reel: Reel,
    start_s: float,
    end_s: float | None,
    part: Path,
    container: str,
    *,
    quality: int,
    fragmented: bool,
    redraw: Redraw | None = None,
) -> Generator[float, None, tuple[float, float, tuple[str, ...]]]:
    """Encode the frames with ``start_s <= pts < end_s``, and the sound to the sample.

    Yields:
        How far it is, at every step.

    Returns:
        Where the clip starts and ends, and what it leaves out.

    Raises:
        MediaError: No frame is in this stretch, or it cannot be written.
    """
    reel.start_at(start_s)
    with writing(part, container, fragmented=fragmented) as target:
        take = _Take(reel, target, container, start_s, end_s, quality, redraw)
        keep_notes(reel, target, start_s, end_s)
        for packet in reel.packets():
            if not take.put(packet):
                break
            yield share_of(take.end_s, start_s, end_s or reel.duration_s)
        take.finish()
    return take.start_s, take.end_s, tuple(take.left_out)


class _Take:
    """The part of a file that is encoded.

    Attributes:
        start_s: The first frame's time, in seconds since the video's first frame.
        end_s: Where the last frame ends so far.
        left_out: Streams that are not in the clip.
    """

    def __init__(
        self,
        reel: Reel,
        target: OutputContainer,
        container: str,
        start_s: float,
        end_s: float | None,
        quality: int,
        redraw: Redraw | None,
    ) -> None:
        self._reel = reel
        self._target = target
        self._wanted_s = start_s
        self._limit_s = end_s
        self.start_s = self.end_s = start_s
        picture_encoder, sound_encoder = _ENCODERS.get(container, _USUAL_ENCODERS)
        self._pictures = _Pictures(reel, target, container, picture_encoder, quality, redraw)
        self._voices: dict[int, Voice] = {}
        self.left_out = unsaid(reel, container)
        for stream in reel.container.streams:
            if stream.type == "audio" and stream.codec_context is not None:
                self._voices[stream.index] = Voice(target, stream, sound_encoder)
            elif stream is not reel.video:
                self.left_out.append(name_of(stream))
        self._sounding = set(self._voices)
        self._early: list[Packet[Any]] = []
        self._zero: int | None = None
        self._held: tuple[VideoFrame, int] | None = None
        self._seen_all = False

    @property
    def _zero_s(self) -> Fraction:
        assert self._zero is not None
        return self._zero * self._reel.tick

    @property
    def _length_s(self) -> float | None:
        return None if self._limit_s is None else self._limit_s - self.start_s

    def put(self, packet: Packet[Any]) -> bool:
        """Take in a packet; False when nothing of the clip is missing."""
        if packet.stream is self._reel.video:
            if not self._seen_all:
                self._put_frames(packet)
            elif self._limit_s is not None and packet.dts is not None:
                far_s = self._limit_s + LEAD_S
                return bool(self._sounding) and self._reel.seconds(packet.dts) < far_s
        elif packet.stream.index in self._voices:
            if self._zero is None:
                self._early.append(packet)
            else:
                self._put_sound(packet)
        return bool(not self._seen_all or self._sounding)

    def _put_frames(self, packet: Packet[Any] | None) -> None:
        for frame in decoded(self._reel.video, packet):
            ticks = self._reel.ticks_of(frame)
            at_s = self._reel.seconds(ticks)
            if at_s < self._wanted_s - MOMENT_S:
                continue
            if self._limit_s is not None and at_s >= self._limit_s - MOMENT_S:
                self._write_held(min(at_s, self._limit_s))
                self._seen_all = True
                return
            self._write_held(at_s)
            self._held = frame, ticks
            if self._zero is None:
                self._zero = ticks
                self.start_s = at_s
                for early in self._early:
                    self._put_sound(early)
                self._early = []

    def _write_held(self, end_s: float | None) -> None:
        """Encode the last frame, whose end is known now; None where no other frame follows."""
        if self._held is None or self._zero is None:
            return
        frame, ticks = self._held
        if end_s is None:
            length = frame.duration or self._reel.frame_ticks
        else:
            length = round((end_s - self._reel.seconds(ticks)) / self._reel.tick)
        if length <= 0:
            return  # a frame that claims the next one's time is not seen
        self._pictures.put(frame, ticks - self._zero, length)
        self.end_s = self._reel.seconds(ticks + length)
        self._held = None

    def _put_sound(self, packet: Packet[Any]) -> None:
        index = packet.stream.index
        at_s = float((packet.pts or 0) * packet.time_base - self._zero_s)
        if self._length_s is not None and at_s >= self._length_s:
            self._sounding.discard(index)
        if index in self._sounding:
            self._voices[index].put(packet, self._zero_s, self._length_s)

    def finish(self) -> None:
        """Encode what is still held.

        Raises:
            MediaError: Not one frame is in the stretch.
        """
        if not self._seen_all:
            self._put_frames(None)
            self._write_held(None)
        if self._zero is None:
            raise MediaError(
                f"'{self._reel.path}' has no frame from {self._wanted_s:g} s on"
                + ("." if self._limit_s is None else f" before {self._limit_s:g} s."),
                path=str(self._reel.path),
            )
        for index, voice in self._voices.items():
            if index in self._sounding:
                voice.put(None, self._zero_s, self._length_s)
            voice.finish()
        self._pictures.finish()


class _Pictures:
    """The video stream that is written: upright as before, with the same colours and pixels."""

    def __init__(
        self,
        reel: Reel,
        target: OutputContainer,
        container: str,
        encoder: str,
        quality: int,
        redraw: Redraw | None,
    ) -> None:
        import av
        from av.codec.context import Flags

        first, codec = reel.first, reel.video.codec_context
        options = {"crf": str(quality), "preset": "fast"}
        if encoder == "libvpx-vp9":
            options = {"crf": str(quality + _VP9_SHIFT), "b": "0", "cpu-used": "4", "row-mt": "1"}
        rate = Fraction(reel.video.average_rate or reel.video.guessed_rate or 25)
        self._target = target
        self._redraw = redraw
        self._tick = reel.tick
        stream = target.add_stream(encoder, rate=rate, options=options, time_base=reel.tick)
        assert isinstance(stream, av.VideoStream)
        # H.264 players take even sizes and 4:2:0 only: an odd edge is cut off.
        shape = reel.video.sample_aspect_ratio or codec.sample_aspect_ratio
        self._square = container == "webm"  # where FFmpeg has no place for the pixels' shape
        stretch = float(shape) if shape and self._square else 1.0
        self._source_size = round(first.width * stretch), first.height
        self._size = max(2, self._source_size[0] // 2 * 2), max(2, first.height // 2 * 2)
        self._crop: Graph | None = None
        stream.width, stream.height = self._size
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.flags |= Flags.frame_duration  # or the last frame would last as long as most
        context.color_range, context.colorspace = first.color_range, first.colorspace
        self._space_name = ""
        if first.format.is_rgb:
            hd = first.height > _HD_LINES
            self._space_name, context.colorspace = _BT709 if hd else _BT601
            context.color_range = _LIMITED
        context.color_primaries = first.color_primaries
        context.color_trc = first.color_trc
        if shape and not self._square:
            context.sample_aspect_ratio = shape
        set_rotation(stream, first, container)
        self._stream = stream

    def put(self, frame: VideoFrame, at: int, length: int) -> None:
        """Encode a frame; its time and length in ticks of the source."""
        if self._redraw:
            frame = redrawn(frame, self._redraw)
        frame = self._fitted(frame)
        frame.pts, frame.duration, frame.time_base = at, length, self._tick
        frame.pict_type = 0  # the encoder chooses keyframes for this clip, not as the source did
        self._target.mux(self._stream.encode(frame))

    def _fitted(self, frame: VideoFrame) -> VideoFrame:
        """The frame in the clip's size and format; its range and colours stay."""
        space, range_ = (self._space_name, 1) if frame.format.is_rgb else (None, None)
        # A film may change its size in the middle, a clip may not.
        frame = frame.reformat(
            *self._source_size, "yuv420p", dst_colorspace=space, dst_color_range=range_
        )
        if self._source_size == self._size:
            return frame
        if self._crop is None:
            self._crop = _cropping(frame, self._size)
        self._crop.push(frame)
        return cast("VideoFrame", self._crop.pull())

    def finish(self) -> None:
        """Write what the encoder still holds."""
        self._target.mux(self._stream.encode(None))


def _cropping(frame: VideoFrame, size: tuple[int, int]) -> Graph:
    from av.filter import Graph

    graph = Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
    )
    crop = graph.add("crop", f"{size[0]}:{size[1]}:0:0")
    sink = graph.add("buffersink")
    source.link_to(crop)
    crop.link_to(sink)
    graph.configure()
    return graph
