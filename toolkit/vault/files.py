"""Sealed files: written whole, read into memory, or plain for a while in a private folder."""

from __future__ import annotations

import errno
import io
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from uuid import uuid4

from toolkit.errors import EncryptionError
from toolkit.vault import scratch
from toolkit.vault.keys import Vault, vaults, wrong_key

if TYPE_CHECKING:
    from pyrage.x25519 import Identity

__all__ = [
    "SUFFIX",
    "copy_plain",
    "is_current",
    "is_sealed",
    "lent",
    "opened",
    "plain_name",
    "private",
    "read",
    "seal_file",
    "write",
]

SUFFIX = ".age"
"""What the names of sealed files end in."""
_HEADER = b"age-encryption.org/v1"
_HEAD_BYTES = 4096  # a header with one recipient has 200
Check = Callable[[], None]
"""Called every now and then; what it raises ends the work."""


def is_sealed(path: Path) -> bool:
    """Whether a file is an age file; False where there is none."""
    try:
        if not path.is_file():  # a named pipe would wait for its writer
            return False
        with path.open("rb") as file:
            return file.read(len(_HEADER)) == _HEADER
    except OSError:
        return False


def plain_name(path: Path) -> Path:
    """The path without the suffix of sealed files."""
    return path.with_suffix("") if path.suffix == SUFFIX else path


def write(data: bytes, to: Path, vault: Vault) -> None:
    """Seal bytes into a file, whole or not at all."""
    with _whole(to) as file:
        _sealed(io.BytesIO(data), file, vault)


def seal_file(path: Path, to: Path, vault: Vault, check: Check = lambda: None) -> None:
    """Seal a file's content into another file, whole or not at all; memory does not grow with it.

    Raises:
        OSError: It cannot be read or written.
    """
    with path.open("rb") as source, _whole(to) as file:
        _sealed(_Watched(source, check), file, vault)
        file.flush()
        os.fsync(file.fileno())  # the plain copy goes next


def read(path: Path) -> bytes:
    """A file's content, opened where it is sealed.

    Raises:
        OSError: It cannot be read.
        EncryptionError: It is sealed, and none of this process's keys fits; or it was changed.
    """
    if not is_sealed(path):
        return path.read_bytes()
    written = io.BytesIO()
    with path.open("rb") as source:
        _opened(source, written, path)
    return written.getvalue()


def copy_plain(path: Path, to: Path | None) -> None:
    """Write what is in a sealed file to another, readable to its owner alone, or to stdout.

    Raises:
        OSError: It cannot be read or written.
        EncryptionError: It cannot be opened.
    """
    with path.open("rb") as source:
        if to is None:
            _opened(source, sys.stdout.buffer, path)
        else:
            with _whole(to) as file:
                _opened(source, file, path)


def is_current(path: Path, vault: Vault) -> bool:
    """Whether a file is sealed with the first key of a vault; its content is not read."""
    if not is_sealed(path):
        return False
    import pyrage

    with path.open("rb") as source:
        head = io.BytesIO(source.read(_HEAD_BYTES))
    try:
        pyrage.decrypt_io(head, io.BytesIO(), vault.identities[:1])
    except pyrage.DecryptError as error:
        return "No matching keys" not in str(error)  # otherwise it misses the rest of the file
    return True


@dataclass
class _Copy:
    """A plain copy that is in use."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    users: int = 0
    path: Path | None = None
    stack: ExitStack = field(default_factory=ExitStack)


_copies: dict[Path, _Copy] = {}
_lock = threading.Lock()


@contextmanager
def opened(path: Path, check: Check = lambda: None) -> Iterator[Path]:
    """A path under which a file can be read plain: its own, or that of a copy while this lasts.

    Those who have a file open at once share a copy. It is in memory unless the vault's settings
    say otherwise, in a folder that nobody else may look into, and gone with the last of them.

    Raises:
        EncryptionError: It is sealed and cannot be opened, or there is no room for the copy.
    """
    if not is_sealed(path):
        yield path
        return
    with _lock:
        copy = _copies.setdefault(path, _Copy())
        copy.users += 1
    try:
        with copy.lock:
            if copy.path is None:
                copy.path = _copied(path, copy.stack, check)
        yield copy.path
    finally:
        _let_go(path, copy)


@contextmanager
def lent(path: Path, plain: Path) -> Iterator[None]:
    """A plain copy of a sealed file that is there already, for all who open it meanwhile."""
    with _lock:
        copy = _copies.setdefault(path, _Copy())
        copy.users += 1
    try:
        with copy.lock:
            if copy.path is None:
                copy.path = plain
        yield
    finally:
        if copy.path == plain:
            with copy.lock, _lock:
                # Whoever has it open goes on reading; whoever comes now makes a copy.
                _copies.pop(path, None)
        _let_go(path, copy)


def _let_go(path: Path, copy: _Copy) -> None:
    with _lock:
        copy.users -= 1
        if copy.users:
            return
        if _copies.get(path) is copy:
            del _copies[path]
    copy.stack.close()


def _copied(path: Path, stack: ExitStack, check: Check) -> Path:
    found = vaults()
    folder = stack.enter_context(scratch.folder(found[0].scratch if found else None))
    to = folder / plain_name(path).name
    try:
        with path.open("rb") as source, to.open("wb") as file:
            _opened(_Watched(source, check), file, path)
    except OSError as error:
        stack.close()
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise EncryptionError(
                f"There is no room in {folder.parent} for the plain copy of {path.name}.",
                hint="Name a place with more in [privacy] scratch; in a container, give /dev/shm "
                "more.",
                path=str(path),
            ) from error
        raise
    except BaseException:
        stack.close()
        raise
    return to


@contextmanager
def private(path: Path) -> Iterator[Path]:
    """A folder for what is made of a file and soon gone: as private as the file is."""
    if is_sealed(path):
        found = vaults()
        with scratch.folder(found[0].scratch if found else None) as folder:
            yield folder
    else:
        with tempfile.TemporaryDirectory() as name:
            yield Path(name)


class _Watched:
    """A file that tells when it is read on. Other threads get their turn then, too."""

    def __init__(self, file: BinaryIO, check: Check) -> None:
        self._file = file
        self._check = check

    def read(self, size: int = -1) -> bytes:
        self._check()
        return self._file.read(size)


def _sealed(source: BinaryIO | _Watched, to: BinaryIO, vault: Vault) -> None:
    import pyrage

    try:
        pyrage.encrypt_io(source, to, [vault.identities[0].to_public()])
    except pyrage.EncryptError as error:
        raise EncryptionError(f"A file cannot be sealed: {error}.") from error


def _opened(source: BinaryIO | _Watched, to: BinaryIO, path: Path) -> None:
    keys: list[Identity] = [key for vault in vaults() for key in vault.identities]
    if not keys:
        raise EncryptionError(
            f"{path} is encrypted.",
            hint="Set encrypt = yes and a key in [privacy].",
            path=str(path),
        )
    import pyrage

    try:
        pyrage.decrypt_io(source, to, keys)
    except (pyrage.DecryptError, OSError) as error:
        if "No matching keys" in str(error):
            raise wrong_key(str(path)) from None
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the system's; of what is inside pyrage says it without a number
        raise EncryptionError(
            f"{path} was changed or cut off: {error}.",
            hint="Bring back a copy, or remove it: what was downloaded is fetched again.",
            path=str(path),
        ) from error


@contextmanager
def _whole(to: Path) -> Iterator[BinaryIO]:
    part = to.with_name(f".{uuid4().hex}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        part.replace(to)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
