"""Processes that wait for the next file, whichever run it is of."""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from contextlib import suppress

from toolkit.isolation.process import Process
from toolkit.isolation.reading import Tools

__all__ = ["end", "give_back", "start", "taken"]

_MOST = 4


class _Bench:
    """All processes of this one, and those of them that have nothing to do."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.every: weakref.WeakSet[Process] = weakref.WeakSet()
        self.idle: list[Process] = []

    def forked(self) -> None:
        """This is a copy of the process that they belong to: none of them is ours."""
        for process in list(self.every):
            process.let_go()
        self.__init__()  # type: ignore[misc]  # nobody else is in the copy


_bench = _Bench()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_bench.forked)


def taken(tools: Tools | None) -> Process:
    """A process for the caller alone: one that waits, at best with these tools, or a new one.

    Raises:
        OSError: No process can be started.
    """
    with _bench.lock:
        alike = [one for one in _bench.idle if one.tools == tools] or _bench.idle
        found = alike[-1] if alike else None
        if found:
            _bench.idle.remove(found)
    if found and found.is_there():
        return found
    if found:
        found.end()
    process = Process(tools)
    with _bench.lock:
        _bench.every.add(process)
    return process


def start(tools: Tools | None) -> None:
    """Have a process get ready, if there is none at all.

    Raises:
        OSError: No process can be started.
    """
    with _bench.lock:
        if any(one.is_there() for one in _bench.every):
            return
        process = Process(tools)
        _bench.every.add(process)
        _bench.idle.append(process)


def give_back(process: Process) -> None:
    """Keep a process for the next file, if it is there and there are not too many."""
    with _bench.lock:
        if process.is_there():
            _bench.idle.append(process)
        surplus = [one for one in _bench.idle if not one.is_there()] or _bench.idle[:-_MOST]
        for one in surplus:
            _bench.idle.remove(one)
    for one in surplus:
        one.end()


@atexit.register
def end() -> None:
    """End all of them, whatever they are at."""
    with _bench.lock:
        every = list(_bench.every)
        _bench.idle.clear()
    for process in every:
        with suppress(OSError):
            process.end()
