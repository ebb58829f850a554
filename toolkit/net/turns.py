"""One at a time: whoever fetches a link holds its lock, in whichever thread or process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from toolkit.stages.component import Cancel
from toolkit.stages.private import made

__all__ = ["turn"]

_LOOK_S = 0.2  # how often somebody who waits looks whether the run was cancelled


@contextmanager
def turn(folder: Path, name: str, cancel: Cancel) -> Iterator[None]:
    """Wait until nobody else fetches what has this name, and keep others out meanwhile.

    The lock is the operating system's, so it ends with a process that is killed.

    Raises:
        CancelledError: ``cancel`` was set.
    """
    from filelock import FileLock, Timeout

    locks = folder / ".locks"
    made(locks)
    lock = FileLock(locks / name, mode=0o600, thread_local=False)
    while True:
        cancel.check()
        try:
            lock.acquire(timeout=_LOOK_S)
        except Timeout:
            continue
        break
    try:
        yield
    finally:
        lock.release()
