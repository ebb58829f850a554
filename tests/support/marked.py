"""A mark in the environment of processes, by which all that a test has started is found."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

NAME = "TOOLKIT_TEST_MARK"


def running(mark: str) -> dict[int, str]:
    """What has the mark, as whatever a marked process starts has it: ids and commands."""
    found = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(NAME) == mark:
                found[process.pid] = " ".join(process.cmdline())[:200]
    return found


@contextmanager
def ending(mark: str) -> Iterator[None]:
    """However the block ends, nothing is left of what has the mark."""
    try:
        yield
    finally:
        until = time.monotonic() + 30
        while (left := running(mark)) and time.monotonic() < until:
            for pid in left:
                with suppress(psutil.Error):
                    psutil.Process(pid).kill()
            time.sleep(0.1)
