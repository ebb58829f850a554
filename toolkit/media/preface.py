"""What a copy's first picture has to tell decoders, when it is not the file's first."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

__all__ = ["preface", "prefaced"]

_X264 = bytes.fromhex("dc45e9bde6d948b7962cd820d923eeef")  # x264's UUID
_BUILD = re.compile(re.escape(_X264) + rb"x264 - core (\d+)")
_MENDED = 151  # the build from which on x264 does as the standard says


def preface(stream: VideoStream, first: VideoFrame) -> bytes:
    """The note that an old x264 made this, as a NAL unit; empty for all other videos.

    Before its build 151, x264 coded pictures with full colours (4:4:4) not as the standard says,
    and left a note in the file's first picture. FFmpeg copies the mistake where it has seen the
    note (``x264_build`` in its h264_cabac.c), and shows wrong colours where it has not.

    Args:
        stream: The video stream that is copied.
        first: The file's first frame.
    """
    kinds: Any = first.side_data
    note = kinds.get("SEI_UNREGISTERED")
    found = _BUILD.match(bytes(note)) if note is not None else None
    full_colours = first.format.name.startswith("yuv444")
    if found is None or int(found[1]) >= _MENDED or not full_colours:
        return b""
    # An SEI NAL unit with one unregistered user data message: H.264, 7.3.2.3.1 and D.1.7.
    unit = b"\x06\x05" + bytes([len(found[0])]) + found[0] + b"\x80"
    extra = stream.codec_context.extradata or b""
    if extra[:1] == b"\x01":  # units are preceded by their length, of so many bytes
        return len(unit).to_bytes((extra[4] & 3) + 1, "big") + unit
    return b"\0\0\0\1" + unit


def prefaced(packet: Packet[Any], note: bytes) -> Packet[Any]:
    """The packet with the note before its picture."""
    import av

    whole: Packet[Any] = av.Packet(note + bytes(packet))
    whole.pts, whole.dts, whole.duration = packet.pts, packet.dts, packet.duration
    whole.time_base, whole.is_keyframe = packet.time_base, packet.is_keyframe
    return whole
