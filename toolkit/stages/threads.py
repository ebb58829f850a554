"""Processor time of threads that libraries start: decoders', OpenMP's and OpenCV's.

A thread knows its own time and not that of those that work for it. Linux gives a new thread the
name of the thread that starts it, so stages' threads are named after their stage, and whoever is
called so works for it. FFmpeg names its threads itself, ``av:...``: they decode, for the scan.
Elsewhere, and in names that something else gives, nothing is told.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["Helpers", "counted", "look", "marked"]

_TASKS = Path("/proc/self/task")
_MARK = "tk:"
_KNOWN = {"av:": "scan"}
_TOLD = sys.platform == "linux"

_lock = threading.Lock()
_counted: set[int] = set()
_seen: dict[int, tuple[str, float]] = {}
_open: weakref.WeakSet[Helpers] = weakref.WeakSet()  # a run that fails to begin closes nothing


class Helpers:
    """What libraries' threads take while this is open.

    Where several are open, for several runs of one process, each gets an equal share: nobody knows
    which of them a shared thread worked for.
    """

    def __init__(self) -> None:
        self._spent: dict[str, float] = {}
        with _lock:
            if _TOLD:
                _look()  # what was before counts for nobody here
            _open.add(self)

    def add(self, stage: str, seconds: float) -> None:
        """So much more."""
        self._spent[stage] = self._spent.get(stage, 0.0) + seconds

    def spent(self) -> dict[str, float]:
        """Processor seconds by stage, since this was last asked."""
        look()
        with _lock:
            spent, self._spent = self._spent, {}
        return spent

    def close(self) -> None:
        """Count no more."""
        with _lock:
            _open.discard(self)


@contextmanager
def marked(stage: str) -> Iterator[None]:
    """The calling thread does this stage's work, and whoever counts it does so by itself."""
    if _TOLD:
        with suppress(OSError):
            (_TASKS / str(threading.get_native_id()) / "comm").write_text(_MARK + stage)
    with counted():
        yield


@contextmanager
def counted() -> Iterator[None]:
    """The calling thread's time is noted by itself."""
    me = threading.get_native_id()
    with _lock:
        _counted.add(me)
    try:
        yield
    finally:
        with _lock:
            _counted.discard(me)
            # What it spent so far is not a helper's, should somebody look before it is gone.
            _seen[me] = ("", time.thread_time())


def look() -> None:
    """Read all threads' clocks: from time to time, and before threads end that may be helpers."""
    if _TOLD and _open:
        with _lock:
            _look()


def _look() -> None:
    there = {int(name) for name in os.listdir(_TASKS)}  # noqa: PTH208 - paths are not wanted
    for gone in _seen.keys() - there:
        del _seen[gone]
    for thread in there - _counted:
        with suppress(OSError):
            _read(thread)


def _read(thread: int) -> None:
    spent = time.clock_gettime(~thread << 3 | 6)  # the clock of a thread, see clock_getres(2)
    stage, before = _seen.get(thread, ("", -1.0))
    if spent < before or before < 0:  # new, or another one with the number of one that is gone
        stage, before = _stage((_TASKS / str(thread) / "comm").read_text().strip()), 0.0
    _seen[thread] = stage, spent
    if stage:
        for helpers in _open:
            helpers.add(stage, (spent - before) / len(_open))


def _stage(name: str) -> str:
    if name.startswith(_MARK):
        return name.removeprefix(_MARK)
    return next((stage for start, stage in _KNOWN.items() if name.startswith(start)), "")
