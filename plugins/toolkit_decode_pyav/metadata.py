"""A file's metadata, read from its headers, its index and its first frame."""

from __future__ import annotations

from contextlib import suppress
from itertools import islice, pairwise
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from toolkit.records import AudioStream, Chapter, SubtitleStream, Video
from toolkit_decode_pyav.opening import opened
from toolkit_decode_pyav.stream import PyAVStream, pixel_shape, promised_s

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

__all__ = ["read_metadata"]

_LOOK_AHEAD = 600
"""Packets whose times are looked at where a file has no index."""

# FFmpeg's names of ISO/IEC 23091-2 code points (pixdesc.c); what is not here is not worth a name.
_SPACES = {0: "rgb", 1: "bt709", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "ycgco"}
_SPACES |= {9: "bt2020nc", 10: "bt2020c", 14: "ictcp"}
_PRIMARIES = {1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "film"}
_PRIMARIES |= {9: "bt2020", 10: "smpte428", 11: "smpte431", 12: "smpte432"}
_TRANSFERS = {1: "bt709", 4: "gamma22", 5: "gamma28", 6: "smpte170m", 7: "smpte240m", 8: "linear"}
_TRANSFERS |= {11: "iec61966-2-4", 13: "iec61966-2-1", 14: "bt2020-10", 15: "bt2020-12"}
_TRANSFERS |= {16: "smpte2084", 18: "arib-std-b67"}
_RANGES = {1: "limited", 2: "full"}
_HDR = {16: "PQ", 18: "HLG"}


def read_metadata(path: Path) -> Video:
    """The file's record, its ``id`` left empty.

    Raises:
        NotAVideoError: The file is empty, text, sound only, or without a decodable frame.
        DecodeError: The file cannot be read.
    """
    with opened(path) as (container, stream):
        frames = PyAVStream(container, stream, path)
        picture = frames.first
        assert picture is not None  # or the stream would have said so
        codec = stream.codec_context
        duration_s, _ = promised_s(container, stream, frames.start_s)
        return Video(
            id="",
            path=str(path),
            size_bytes=path.stat().st_size,
            container=_container_name(container, path),
            duration_s=duration_s,
            start_s=frames.start_s,
            width=picture.width,
            height=picture.height,
            rotation=frames.rotation,
            sample_aspect_ratio=pixel_shape(stream),
            frame_rate=float(stream.average_rate) if stream.average_rate else None,
            nominal_frame_rate=float(stream.guessed_rate) if stream.guessed_rate else None,
            variable_frame_rate=_varies(stream, path),
            frame_count=_frame_count(stream),
            codec=stream.codec.canonical_name,
            profile=codec.profile or "",
            pixel_format=picture.format.name,
            bit_depth=picture.format.components[0].bits,
            colour_space=_SPACES.get(picture.colorspace, ""),
            colour_transfer=_TRANSFERS.get(picture.color_trc, ""),
            colour_primaries=_PRIMARIES.get(picture.color_primaries, ""),
            colour_range="full"
            if picture.format.name.startswith("yuvj")
            else _RANGES.get(picture.color_range, ""),
            hdr=_hdr(picture, codec.codec_tag),
            bit_rate_bps=stream.bit_rate or container.bit_rate or None,
            audio=tuple(
                AudioStream(
                    index=s.index,
                    codec=_codec_name(s),
                    language=_language(s),
                    channels=getattr(s.codec_context, "channels", 0),
                    sample_rate_hz=getattr(s.codec_context, "sample_rate", 0),
                )
                for s in container.streams.audio
            ),
            subtitles=tuple(
                SubtitleStream(
                    index=s.index,
                    codec=_codec_name(s),
                    language=_language(s),
                )
                for s in container.streams.subtitles
            ),
            chapters=_chapters(container, frames.start_s),
            tags=dict(container.metadata),
        )


def _container_name(container: InputContainer, path: Path) -> str:
    """One name of a format that has several: the file's own suffix, if it is one of them."""
    names = container.format.name.split(",")
    suffix = path.suffix.lower().removeprefix(".")
    return suffix if suffix in names else names[0]


def _codec_name(stream: Stream) -> str:
    # The codec's own name, not that of the library that happens to decode it: av1, not libdav1d.
    return stream.codec.canonical_name if getattr(stream, "codec_context", None) else "unknown"


def _frame_count(stream: VideoStream) -> int | None:
    """Frames that the index lists and an edit list does not hide; None without a whole index."""
    entries = stream.index_entries
    if not stream.frames or len(entries) < stream.frames:
        return None
    return sum(not entry.is_discard for entry in entries)


def _varies(stream: VideoStream, path: Path) -> bool:
    """Whether frames differ in length, by more than rounding to the container's ticks explains.

    Told from the whole index where the file has one (mp4, mov, avi), from the first frames
    otherwise: a file that starts steady and varies later is then not noticed.
    """
    if stream.frames and len(stream.index_entries) >= stream.frames:
        # What an edit list hides counts: without it there would be gaps where frames are reordered.
        times = sorted(entry.timestamp for entry in stream.index_entries)
    else:
        times = sorted(_first_times(path))
        if len(times) > _LOOK_AHEAD - 64:
            # Frames shown before the last ones may come after them in the file.
            del times[-32:]
    steps = [after - before for before, after in pairwise(times)]
    if not steps:
        return False
    usual = median(steps)
    return any(abs(step - usual) > max(2, usual / 100) for step in steps)


def _first_times(path: Path) -> list[int]:
    import av

    times: list[int] = []
    with opened(path) as (container, stream), suppress(av.error.FFmpegError):
        packets = islice(container.demux(stream), _LOOK_AHEAD)
        times.extend(packet.pts for packet in packets if packet.pts is not None)
    return times


def _hdr(picture: VideoFrame, codec_tag: str) -> str:
    marked = any(kind in picture.side_data for kind in ("DOVI_METADATA", "DOVI_RPU_BUFFER"))
    if marked or codec_tag.startswith("dvh"):
        return "Dolby Vision"
    return _HDR.get(picture.color_trc, "")


def _language(stream: Stream) -> str:
    language = stream.language or ""
    return "" if language == "und" else language


def _chapters(container: InputContainer, start_s: float) -> tuple[Chapter, ...]:
    return tuple(
        Chapter(
            start_s=max(0.0, float(chapter["start"] * chapter["time_base"]) - start_s),
            end_s=max(0.0, float(chapter["end"] * chapter["time_base"]) - start_s),
            title=chapter["metadata"].get("title", ""),
        )
        for chapter in container.chapters()
        if chapter["time_base"]
    )
