"""A private folder for what has to be plain for a while, gone when its process is.

It lies in memory (``/dev/shm``) unless the settings name another place. A process that is killed
cannot clean up: the next one that needs such a folder removes what the dead have left. Whether a
process lives is told by a lock that the system lets go of at its end.
"""

from __future__ import annotations

import atexit
import os
import shutil
import stat
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.errors import EncryptionError

if TYPE_CHECKING:
    from filelock import BaseFileLock

__all__ = ["folder", "sweep"]

_MEMORY = Path("/dev/shm")  # noqa: S108 - below it each user has a folder of their own
_lock = threading.Lock()
_own: dict[tuple[Path, int], tuple[Path, BaseFileLock]] = {}


@contextmanager
def folder(base: Path | None = None) -> Iterator[Path]:
    """A folder that nobody else may look into, removed with all that is in it.

    Args:
        base: Where; None for memory, or where there is none the system's temporary folder.

    Raises:
        EncryptionError: It cannot be made, or somebody else made one of its name.
    """
    try:
        made = Path(tempfile.mkdtemp(dir=_own_folder(base)))
    except OSError as error:
        raise _refused(_place(base), error) from error
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def sweep(base: Path | None = None) -> int:
    """Remove what processes have left that are no more; says how many."""
    from filelock import FileLock, Timeout

    root, count = _place(base), 0
    for lock_file in root.glob("*.lock"):
        left = FileLock(lock_file)
        try:
            left.acquire(timeout=0)
        except (Timeout, OSError):
            continue  # its process lives
        try:
            shutil.rmtree(lock_file.with_suffix(""), ignore_errors=True)
            lock_file.unlink(missing_ok=True)
            count += 1
        finally:
            left.release()
    return count


def _place(base: Path | None) -> Path:
    if base is None:
        base = _MEMORY if _MEMORY.is_dir() else Path(tempfile.gettempdir())
    user = os.getuid() if sys.platform != "win32" else os.environ.get("USERNAME", "")
    return base / f"video-analysis-toolkit-{user}"


def _own_folder(base: Path | None) -> Path:
    """This process's folder there."""
    from filelock import FileLock

    root = _place(base)
    with _lock:
        if found := _own.get((root, os.getpid())):
            if found[0].is_dir():
                return found[0]
            found[1].release()
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Anybody may make folders in /dev/shm, under any name.
        status = root.lstat()
        if sys.platform != "win32" and (
            not stat.S_ISDIR(status.st_mode)
            or status.st_uid != os.getuid()
            or status.st_mode & 0o077
        ):
            raise EncryptionError(
                f"{root} is not this user's alone.",
                hint="Remove it, or name another place in [privacy] scratch.",
                path=str(root),
            )
        sweep(base)
        own = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=root))
        lock = FileLock(f"{own}.lock")
        lock.acquire(timeout=10)
        _own[root, os.getpid()] = own, lock
        atexit.register(_leave, own, lock, os.getpid())
        return own


def _leave(own: Path, lock: BaseFileLock, pid: int) -> None:
    if os.getpid() == pid:  # a fork inherits what is to be done at exit
        shutil.rmtree(own, ignore_errors=True)
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


def _refused(root: Path, error: OSError) -> EncryptionError:
    return EncryptionError(
        f"A private folder cannot be made in {root}: {error.strerror or error}.",
        hint="Name another place in [privacy] scratch.",
        path=str(root),
    )
