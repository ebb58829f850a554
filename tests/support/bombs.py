"""Small files that unpack to huge pictures."""

from __future__ import annotations

import struct
import zlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

__all__ = ["film_of", "png", "vp9"]


def png(side: int) -> bytes:
    """A picture of one colour: with 16000 pixels a side a file of 1 MB, and 256 MB of memory."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    packer, row = zlib.compressobj(1), bytes(side + 1)
    data = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def vp9(side: int) -> bytes:
    """A film of VP9, in IVF, whose frame claims to be so large, and is not."""
    context = av.VideoCodecContext.create("libvpx-vp9", "w")
    context.width = context.height = 64
    context.pix_fmt, context.time_base = "yuv420p", Fraction(1, 25)
    grey = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 128, np.uint8), format="rgb24")
    (packet,) = [*context.encode(grey.reformat(format="yuv420p")), *context.encode(None)]
    bits = int.from_bytes(bytes(packet), "big")
    # 8 bits of kind, 24 of sync code, 4 of colours, then 16 of width and 16 of height, less one.
    shift = 8 * packet.size - 36 - 32
    size = (side - 1) << 16 | (side - 1)
    bits = bits >> (shift + 32) << (shift + 32) | size << shift | bits & ((1 << shift) - 1)
    frame = bits.to_bytes(packet.size, "big")
    header = struct.pack("<4sHH4sHHIIIHH", b"DKIF", 0, 32, b"VP90", *(side,) * 2, 25, 1, 9, 0, 0)
    return header + b"".join(struct.pack("<IQ", len(frame), n) + frame for n in range(9))


def film_of(path: Path, picture: bytes) -> None:
    """An AVI file of pictures, which says itself that they are small."""
    with av.open(str(path), "w", format="avi") as container:
        stream = container.add_stream("png", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width = stream.height = 64
        stream.pix_fmt = "gray"
        for number in range(3):
            packet = av.Packet(picture)
            packet.stream, packet.time_base = stream, Fraction(1, 25)
            packet.pts = packet.dts = number
            packet.is_keyframe = True
            container.mux(packet)
