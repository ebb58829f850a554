"""The parts of a multipart upload, and what S3 says about them."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit_storage_fsspec import sums

__all__ = ["Part", "Parts", "damaged", "is_md5"]

_MOST_PARTS = 10_000


@dataclass(frozen=True)
class Part:
    """One part: its number (from 1), bytes, checksums, and where in the file it ends."""

    number: int
    data: bytes
    md5: str
    sha256: str
    end: int


class Parts:
    """A file's parts, read one after another; then the checksums of the whole.

    Args:
        path: The file.
        size: Its size in bytes.
        part_bytes: Size of a part; larger where the file would have more parts than S3 takes.
    """

    def __init__(self, path: Path, size: int, part_bytes: int) -> None:
        self.path, self.size = path, size
        self._stamp = self._now
        self.part_bytes = max(part_bytes, -(-size // _MOST_PARTS))
        self._md5, self._sha256 = sums.md5(), sums.sha256()
        self._count = 0

    def __iter__(self) -> Iterator[Part]:
        end = 0
        with self.path.open("rb") as file:
            while data := file.read(self.part_bytes):
                self._count += 1
                end += len(data)
                md5, sha256 = sums.md5(), sums.sha256()
                md5.update(data)
                sha256.update(data)
                self._md5.update(md5.digest())
                self._sha256.update(sha256.digest())
                sum_ = base64.b64encode(sha256.digest()).decode()
                yield Part(self._count, data, md5.digest().hex(), sum_, end)

    @property
    def _now(self) -> tuple[int, int]:
        facts = self.path.stat()
        return facts.st_size, facts.st_mtime_ns

    @property
    def changed(self) -> bool:
        """Whether the file is another one than in the beginning."""
        return self._now != self._stamp

    @property
    def etag(self) -> str:
        """The ETag of the whole: the MD5 of the parts' MD5s, and how many they are."""
        return f"{self._md5.digest().hex()}-{self._count}"

    @property
    def sha256(self) -> str:
        """The composite SHA-256, likewise."""
        return f"{base64.b64encode(self._sha256.digest()).decode()}-{self._count}"


def is_md5(said: Mapping[str, Any]) -> bool:
    """Whether the ETag is an MD5, which it is not where a key of KMS encrypts."""
    if str(said.get("ServerSideEncryption", "")).startswith("aws:kms"):
        return False
    return re.fullmatch(r"[0-9a-f]{32}(-\d+)?", str(said.get("ETag", "")).strip('"')) is not None


def damaged(said: Mapping[str, Any], md5: str, sha256: str) -> bool:
    """Whether what S3 says of what it has got differs from what was sent."""
    theirs = said.get("ChecksumSHA256")
    if theirs and theirs.partition("-")[0] != sha256.partition("-")[0]:
        return True
    etag = str(said.get("ETag", "")).strip('"')
    if "PartNumber" in said:  # from a list, which does not tell of the encryption
        return not theirs and etag != md5
    return is_md5(said) and etag != md5
