"""Streams of one file that go into another, packet by packet."""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from toolkit.media.preface import preface, prefaced
from toolkit.media.reel import Reel

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

__all__ = ["Track", "keep_notes", "set_rotation", "track_of", "unsaid"]

# MPEG-TS would take any codec as private data, which nothing plays.
_MPEGTS = frozenset(
    (
        *("h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4", "vvc"),
        *("aac", "ac3", "dts", "eac3", "mp2", "mp3", "opus", "truehd"),
        *("dvb_subtitle", "dvb_teletext"),
    )
)
_NO_ROTATION = frozenset({"mpegts"})
_KEPT = ("title", "language", "handler_name")  # counts and lengths would be wrong in a part
_NOT_KEPT = frozenset({"compatible_brands", "duration", "encoder", "major_brand", "minor_version"})


class Track:
    """A copied stream.

    Args:
        target: The file that is written.
        source: The stream that is read.
        stream: The stream that is written.
        filters: FFmpeg's names of bit stream filters that the packets go through.
        note: What is put before the first packet's picture.
    """

    def __init__(
        self,
        target: OutputContainer,
        source: Any,
        stream: Any,
        filters: str = "",
        note: bytes = b"",
    ) -> None:
        from av.bitstream import BitStreamFilterContext

        self.source = source
        self._target = target
        self._stream = stream
        self._filter = BitStreamFilterContext(filters, source) if filters else None
        self._note = note
        self._tick = Fraction(source.time_base)
        self._last: int | None = None
        self._waiting: list[Packet[Any]] = []

    def span_s(self, packet: Packet[Any]) -> tuple[Fraction, Fraction]:
        """When the packet starts and ends, in seconds of the container it was read from."""
        start = packet.pts if packet.pts is not None else packet.dts or 0
        return start * self._tick, (start + (packet.duration or 0)) * self._tick

    def put(self, packet: Packet[Any], zero_s: Fraction) -> None:
        """Write a packet; what happens at ``zero_s`` in the source comes at zero."""
        shift = round(zero_s / self._tick)
        if packet.pts is not None:
            packet.pts -= shift
        if packet.dts is None:
            # Matroska has no decoding times: FFmpeg finds them from the third packet or so on.
            self._waiting.append(packet)
            return
        packet.dts -= shift
        self._write_waiting(packet.dts)
        self._write(packet)

    def finish(self) -> None:
        """Write what still waits."""
        last = self._waiting[-1] if self._waiting else None
        if last is not None and last.pts is not None:
            self._write_waiting(last.pts + 1)

    def _write_waiting(self, before: int) -> None:
        for packet in reversed(self._waiting):
            before -= max(1, packet.duration or 0)
            packet.dts = before if packet.pts is None else min(before, packet.pts)
        for packet in self._waiting:
            self._write(packet)
        self._waiting = []

    def _write(self, packet: Packet[Any]) -> None:
        assert packet.dts is not None
        if self._last is not None and packet.dts <= self._last:
            packet.dts = self._last + 1  # as the ffmpeg program does with broken files
        if packet.pts is not None:
            packet.pts = max(packet.pts, packet.dts)
        self._last = packet.dts
        if self._note:
            packet, self._note = prefaced(packet, self._note), b""
        for each in self._filter.filter(packet) if self._filter else [packet]:
            each.stream, each.time_base = self._stream, self._tick
            self._target.mux_one(each)


def track_of(
    target: OutputContainer, source: Any, container: str, first: VideoFrame | None = None
) -> Track | None:
    """A stream's copy in another file; None where the container cannot hold it.

    Args:
        target: The file that is written.
        source: The stream to copy.
        container: FFmpeg's name of the container.
        first: The first frame of a video stream, which knows the rotation.
    """
    if source.codec_context is None or source.type not in {"video", "audio", "subtitle"}:
        return None
    codec = source.codec.canonical_name
    if container == "mpegts" and codec not in _MPEGTS:
        return None
    try:
        stream: Any = target.add_stream_from_template(source, opaque=True)
    except ValueError:
        return None
    stream.disposition = source.disposition
    stream.metadata.update({k: v for k, v in source.metadata.items() if k in _KEPT})
    if first is not None:
        if codec == "hevc" and container in {"mp4", "mov"}:
            stream.codec_context.codec_tag = "hvc1"  # the only mark that Apple's players take
        shape = source.sample_aspect_ratio  # the container's word where the codec has none
        if shape:
            stream.codec_context.sample_aspect_ratio = shape
        set_rotation(stream, first, container)
    note = preface(source, first) if first is not None and codec == "h264" else b""
    return Track(target, source, stream, _filters(codec, container), note)


def _filters(codec: str, container: str) -> str:
    if codec == "h264" and container == "mpegts":
        # An open group of pictures starts with a frame that FFmpeg puts no parameter sets before.
        return "h264_mp4toannexb,dump_extra=freq=keyframe"
    if codec == "aac" and container in {"mp4", "mov", "ipod"}:
        return "aac_adtstoasc"  # FFmpeg thinks of it by itself, but not in a fragmented file
    return ""


def set_rotation(stream: VideoStream, first: VideoFrame, container: str) -> None:
    """Tell players to turn the picture as the source does, where the container can say it."""
    matrix = _display_matrix(first)
    if matrix and container not in _NO_ROTATION:
        stream.set_display_matrix(matrix)


def unsaid(reel: Reel, container: str) -> list[str]:
    """What the container has no words for: how the picture is turned."""
    return ["rotation"] if container in _NO_ROTATION and _display_matrix(reel.first) else []


def _display_matrix(first: VideoFrame) -> tuple[int, ...] | None:
    """How players turn the picture, as FFmpeg's nine numbers; None where they do not."""
    kinds: Any = first.side_data  # PyAV's stubs know other names of the kinds than PyAV
    data = kinds.get("DISPLAYMATRIX")
    return None if data is None else struct.unpack("=9i", bytes(data))


def keep_notes(reel: Reel, target: OutputContainer, start_s: float, end_s: float | None) -> None:
    """Take over the file's title and the like, and the chapters of this part.

    Args:
        reel: The file that is read.
        target: The file that is written, before its first packet.
        start_s: Where the part starts, in seconds since the first frame.
        end_s: Where it ends; None for the file's end.
    """
    notes = reel.container.metadata
    target.metadata.update({k: v for k, v in notes.items() if k.lower() not in _NOT_KEPT})
    zero_s = reel.zero * reel.tick + Fraction(start_s).limit_denominator(1_000_000)
    chapters: list[Any] = []
    for chapter in reel.container.chapters():
        tick = chapter["time_base"]
        if not tick:
            continue
        shift = round(zero_s / tick)
        first, last = max(0, chapter["start"] - shift), chapter["end"] - shift
        if end_s is not None:
            last = min(last, round((end_s - start_s) / tick))
        if first < last:
            chapters.append({**chapter, "start": first, "end": last})
    if chapters:
        target.set_chapters(chapters)
