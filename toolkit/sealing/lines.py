"""Logs, sealed line by line: what is written is readable only with the key, and can be added to."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import TextIO

from toolkit.errors import EncryptionError
from toolkit.vault.keys import SEALED, Vault, vaults

__all__ = ["SealedLines", "opened_lines", "sealed_line"]

_PLACE = "log"


def sealed_line(text: str, vault: Vault) -> str:
    """A text, of however many lines, as one line that only the key opens."""
    return vault.seal(text, _PLACE) if text else text


def opened_lines(lines: Iterable[str]) -> Iterator[str]:
    """Lines as they were written, opened with any of this process's keys."""
    for line in lines:
        text = line.rstrip("\n")
        for vault in vaults() if text.startswith(SEALED) else ():
            try:
                text = vault.open(text, _PLACE)
                break
            except EncryptionError:
                continue
        yield text


class SealedLines(io.TextIOBase):
    """A stream that seals each line it is given.

    Args:
        stream: Gets the sealed lines.
        vault: Seals them.
    """

    def __init__(self, stream: TextIO, vault: Vault) -> None:
        super().__init__()
        self._stream = stream
        self._vault = vault
        self._rest = ""

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, text: str) -> int:
        """Seal what lines are whole."""
        *lines, self._rest = (self._rest + text).split("\n")
        self._stream.writelines(f"{sealed_line(line, self._vault)}\n" for line in lines)
        return len(text)

    def flush(self) -> None:
        """Hand on what has been written; a line that is not whole waits."""
        self._stream.flush()
