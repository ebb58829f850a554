"""Files and folders that only their owner may look into, and names for those not yet whole."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

__all__ = ["hide", "made", "opened", "part_of", "scratch", "swept"]

_MARK = re.compile(r"(?P<host>[0-9a-f]{8})-(?P<pid>\d+)-[0-9a-f]{8}(\.part)?$")
_FORGOTTEN_S = 24 * 3600.0  # nobody writes on one file for longer without touching it
_BEFORE = (".toolkit-", "toolkit-")
PARTS = ".parts"
"""The folder where files grow until they are whole, beside what they belong to."""


def made(folder: Path) -> Path:
    """The folder, made with those above it where they are missing: all for their owner alone."""
    missing = []
    above = folder
    while not above.exists():
        missing.append(above)
        above = above.parent
    for one in reversed(missing):
        one.mkdir(mode=0o700, exist_ok=True)
    return folder


def opened(path: Path, mode: str, **options: Any) -> IO[Any]:
    """Open a file as :func:`open` does; one that is made by it is its owner's alone."""
    return open(path, mode, opener=_opener, **options)


def _opener(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def hide(*paths: Path) -> None:
    """Let nobody else look at files, or at folders and all in them, that a library has made."""
    for path in paths:
        if path.is_dir():
            for place, _, names in os.walk(path):
                Path(place).chmod(0o700)
                for name in names:
                    _hidden(Path(place, name))
        else:
            _hidden(path)


def _hidden(path: Path) -> None:
    if path.is_file() and not path.is_symlink():
        path.chmod(0o600)


def part_of(folder: Path, name: str) -> Path:
    """Where a file of this name grows until it is whole: in a folder below this one.

    The name tells which process writes it, so that :func:`swept` knows whether one still does.
    """
    return made(folder / PARTS) / f"{name}.{_mark()}.part"


@contextmanager
def scratch(beside: Path | None = None) -> Iterator[Path]:
    """A folder for files under way, that is gone after the block.

    Where a process was killed meanwhile, the next one that makes such a folder removes it.

    Args:
        beside: The folder it is made in; None for that of the system's temporary files.
    """
    above = Path(tempfile.gettempdir()) if beside is None else beside
    swept(above)
    folder = above / f"{_BEFORE[beside is None]}{_mark()}"
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def swept(*folders: Path) -> int:
    """Remove what processes that are gone have left half written in these; gives the number.

    Of another machine's processes nobody here knows: their files go when they are a day old.
    """
    count = 0
    for folder in folders:
        parts = folder / PARTS
        found = [*parts.iterdir()] if parts.is_dir() else []
        if folder.is_dir():
            found += [one for one in folder.iterdir() if one.name.startswith(_BEFORE)]
        for path in found:
            match = _MARK.search(path.name)
            if match and _abandoned(path, match["host"], int(match["pid"])):
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)
                count += 1
    return count


def _mark() -> str:
    """A name that no other has, and that tells which process of which machine gave it."""
    return f"{_host()}-{os.getpid()}-{secrets.token_hex(4)}"


def _abandoned(path: Path, host: str, pid: int) -> bool:
    try:
        facts = path.stat()
        if os.name == "posix" and facts.st_uid != os.getuid():
            return False
        gone = host == _host() and not _lives(pid)
        return gone or time.time() - facts.st_mtime > _FORGOTTEN_S
    except FileNotFoundError:
        return False  # it has become whole


def _lives(pid: int) -> bool:
    if os.name != "posix":
        return True  # there a signal, whichever, ends a process
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # somebody else's
    return True


def _host() -> str:
    return hashlib.blake2b(socket.gethostname().encode(), digest_size=4).hexdigest()
