"""Where the decoding of a file can begin, from its packets."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from typing import TYPE_CHECKING

from toolkit.stages.decode import Entries
from toolkit_decode_pyav.seeking import GUESSED

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

    from toolkit_decode_pyav.stream import PyAVStream

__all__ = ["entries"]

_HIDING = frozenset({"vp8"})
"""Codecs with packets of their own for pictures that are never shown."""


def entries(stream: PyAVStream, container: InputContainer, video: VideoStream) -> Entries | None:
    """The times of all frames and which of them are keyframes; None if a seek finds no others.

    Args:
        stream: The file, no frame of it taken yet.
        container: The file, opened once more: its packets are read.
        video: Its main video stream.
    """
    import av

    first = stream.first
    codec = video.codec_context.codec.canonical_name
    unsound = stream.use_dts or container.format.name in GUESSED or codec in _HIDING
    if unsound or first is None or first.pts is None:
        return None
    ticks, keys = array("q"), array("q")
    decoded = -(1 << 63)
    try:
        for packet in container.demux(video):
            if not packet.size:
                continue
            if packet.pts is None or packet.dts is None or packet.dts <= decoded:
                return None  # times are missing, or start anew in the middle
            decoded = packet.dts
            if packet.is_discard or packet.pts < first.pts:
                continue  # hidden by an edit list, or without what it refers to
            ticks.append(packet.pts)
            if packet.is_keyframe:
                keys.append(packet.pts)
    except av.error.FFmpegError:
        return None
    ascending = sorted(ticks)
    if not ascending or ascending[0] != first.pts or len(set(ascending)) < len(ascending):
        return None
    numerator, denominator = stream.tick.as_integer_ratio()
    times_s = array("d", ((tick - first.pts) * numerator / denominator for tick in ascending))
    places = sorted(bisect_left(ascending, tick) for tick in keys)
    return Entries(stream.frame_s, times_s, array("q", places))
