"""Checksums as the clouds write them."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from toolkit.errors import StorageError
from toolkit.stages.component import Cancel

__all__ = ["Crc32", "Hash", "crc32c", "hex_md5", "md5", "of_file", "of_parts", "sha1", "sha256"]

_BLOCK = 1 << 20


class Hash(Protocol):
    """A checksum that is fed piece by piece."""

    def update(self, data: bytes, /) -> None:
        """Add some bytes."""

    def digest(self) -> bytes:
        """The checksum of all that was added."""


class Crc32:
    """CRC-32 of ISO 3309, in big-endian order."""

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes, /) -> None:
        """Add some bytes."""
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        """Four bytes."""
        return self._value.to_bytes(4, "big")


def md5() -> Hash:
    """MD5: against accidents, and not against attackers."""
    return hashlib.md5(usedforsecurity=False)


def sha1() -> Hash:
    """SHA-1, likewise."""
    return hashlib.sha1(usedforsecurity=False)


def sha256() -> Hash:
    """SHA-256."""
    return hashlib.sha256()


def crc32c() -> Hash:
    """CRC-32C, which every object of Google has."""
    import google_crc32c

    made: Hash = google_crc32c.Checksum()  # type: ignore[no-untyped-call]
    return made


def hex_md5(data: bytes) -> str:
    """The MD5 of some bytes, as an ETag writes it."""
    state = md5()
    state.update(data)
    return state.digest().hex()


def of_file(path: Path, new: Callable[[], Hash], cancel: Cancel) -> str:
    """The checksum of a whole file, in base 64."""
    state = new()
    for block in _blocks(path, cancel):
        state.update(block)
    return base64.b64encode(state.digest()).decode()


def of_parts(path: Path, new: Callable[[], Hash], part_bytes: int, cancel: Cancel) -> bytes:
    """The checksum of the checksums of a file's parts, as S3 makes it of a multipart upload."""
    whole, part, left = new(), new(), part_bytes
    for block in _blocks(path, cancel):
        rest = block
        while rest:
            piece, rest = rest[:left], rest[left:]
            part.update(piece)
            left -= len(piece)
            if not left:
                whole.update(part.digest())
                part, left = new(), part_bytes
    if left < part_bytes:
        whole.update(part.digest())
    return whole.digest()


def _blocks(path: Path, cancel: Cancel) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                cancel.check()
                yield block
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}.", cause="refused") from error
