"""Small files that unpack to huge pictures cost themselves, and say so."""

from __future__ import annotations

import struct
import zlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from harmful import copied

import toolkit as tk


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


def test_small_files_of_huge_pictures_cost_themselves_alone(
    film: Path, workspace: Path, tmp_path: Path
) -> None:
    (good,) = copied(film, tmp_path, ["good"])
    names = ["png-30000", "png-16000", "vp9-16000", "picture"]
    paths = [tmp_path / f"{name}.mp4" for name in names]
    huge = png(16_000)
    film_of(paths[0], huge[:16] + struct.pack(">II", 30_000, 30_000) + huge[24:])
    film_of(paths[1], huge)
    paths[2].write_bytes(vp9(16_000))
    paths[3].write_bytes(huge)
    run = tk.analyze(
        [*map(str, paths), str(good)],
        workspace=workspace,
        decode={"memory_mb": 200},
        analyzer="signals",
        progress=False,
    )
    assert run.status == "done"
    failures = {Path(row["source"]).stem: row for row in run.failures.to_dicts()}
    assert {name: row["error"] for name, row in failures.items()} == {
        "png-30000": "NotAVideoError",  # FFmpeg takes no picture as large as that
        "png-16000": "LimitError",
        "vp9-16000": "LimitError",
        "picture": "NotAVideoError",
    }
    assert "takes more than 200 MB of memory" in failures["vp9-16000"]["message"]
    assert run.scenes.height == 3
