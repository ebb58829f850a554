"""Whether a file is all there, by what its container says of itself, and how long it plays.

Reads a few headers, in no library's way; a container that says nothing about its size is taken to
be whole. Layouts: ISO/IEC 14496-12 (MP4, MOV), RFC 8794 and RFC 9559 (Matroska, WebM), RIFF.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

__all__ = ["duration_s", "ends_early"]

_EBML, _SEGMENT, _INFO, _CLUSTER = 0x1A45DFA3, 0x18538067, 0x1549A966, 0x1F43B675
_SCALE, _DURATION = 0x2AD7B1, 0x4489
_FIRST_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"styp", b"pnot")
_MOST_ELEMENTS = 10_000


def ends_early(path: Path) -> str:
    """Why the file cannot be all there; "" if nothing speaks against it."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(12)
        if start[4:8] in _FIRST_BOXES:
            return _boxes_end_early(file, size)
        if int.from_bytes(start[:4]) == _EBML:
            for name, begin, length in _elements(file, 0, size):
                if name == _SEGMENT and length is not None and begin + length > size:
                    return f"its segment goes on for {begin + length - size} bytes"
            return ""
        if start[:4] == b"RIFF" and 8 + int.from_bytes(start[4:8], "little") > size:
            return "its RIFF chunk goes on"
    return ""


def duration_s(path: Path) -> float | None:
    """Playing time in seconds, of a file that may still be growing; None if it is not told yet."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        if start[4:8] in _FIRST_BOXES:
            return _movie_s(file, size)
        if int.from_bytes(start[:4]) == _EBML:
            return _segment_s(file, size)
    return None


def _boxes(file: BinaryIO, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, begin of the content and end of each box; the last one may end after ``end``."""
    for _ in range(_MOST_ELEMENTS):
        if at + 8 > end:
            return
        file.seek(at)
        length, name = int.from_bytes(file.read(4)), file.read(4)
        begin = at + 8
        if length == 1:
            length, begin = int.from_bytes(file.read(8)), at + 16
        elif length == 0:  # to the end of the file
            length = end - at
        if length < begin - at or not name.isalnum():
            return  # no box: what follows a container is no part of it
        yield name, begin, at + length
        at += length


def _boxes_end_early(file: BinaryIO, size: int) -> str:
    names, last = set(), 0
    for name, _, end in _boxes(file, 0, size):
        names.add(name)
        last = end
    if last > size:
        return f"its last box goes on for {last - size} bytes"
    return "" if b"moov" in names else "it has no index (moov)"


def _movie_s(file: BinaryIO, size: int) -> float | None:
    for name, begin, end in _boxes(file, 0, size):
        if name != b"moov":
            continue
        for inner, at, stop in _boxes(file, begin, min(end, size)):
            if inner == b"mvhd" and stop <= size:
                file.seek(at)
                head = file.read(32)
                wide = head[0] == 1
                scale = int.from_bytes(head[20:24] if wide else head[12:16])
                units = int.from_bytes(head[24:32] if wide else head[16:20])
                known = scale and units not in (0, 2**64 - 1 if wide else 2**32 - 1)
                return units / scale if known else None
    return None


def _elements(file: BinaryIO, at: int, end: int) -> Iterator[tuple[int, int, int | None]]:
    """Id, begin of the content and length of each element; None for an unknown length."""
    for _ in range(_MOST_ELEMENTS):
        if at + 2 > end:
            return
        file.seek(at)
        head = file.read(12)
        id_size = 9 - head[0].bit_length()
        if id_size > 4 or len(head) <= id_size:
            return
        first = head[id_size]
        length_size = 9 - first.bit_length()
        if length_size > 8 or len(head) < id_size + length_size:
            return
        raw = int.from_bytes(head[id_size : id_size + length_size])
        mask = (1 << 7 * length_size) - 1
        length = None if raw & mask == mask else raw & mask
        begin = at + id_size + length_size
        yield int.from_bytes(head[:id_size]), begin, length
        if length is None:
            return
        at = begin + length


def _segment_s(file: BinaryIO, size: int) -> float | None:
    for name, begin, _ in _elements(file, 0, size):
        if name != _SEGMENT:
            continue
        for inner, at, length in _elements(file, begin, size):
            if inner == _CLUSTER or length is None:
                return None
            if inner == _INFO and at + length <= size:
                return _told_s(file, at, at + length)
    return None


def _told_s(file: BinaryIO, begin: int, end: int) -> float | None:
    import struct

    scale_ns, units = 1_000_000, None
    for name, at, length in _elements(file, begin, end):
        file.seek(at)
        if name == _SCALE and length:
            scale_ns = int.from_bytes(file.read(length))
        elif name == _DURATION and length in (4, 8):
            [units] = struct.unpack(">f" if length == 4 else ">d", file.read(length))
    return None if units is None else units * scale_ns / 1e9
