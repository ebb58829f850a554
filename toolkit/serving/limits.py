"""How much at once: requests of a client, work that takes long."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from toolkit.serving.problems import RefusedError

__all__ = ["Gate", "Pace"]

_MOST_KEYS = 10_000


class Pace:
    """Token buckets, one a key.

    Args:
        per_s: Requests a second, on average.
        burst: Requests that may come at once.
    """

    def __init__(self, per_s: float, burst: int) -> None:
        self._per_s = per_s
        self._burst = burst
        self._lock = threading.Lock()
        self._filled: OrderedDict[str, tuple[float, float]] = OrderedDict()  # how far, when

    def check(self, key: str) -> None:
        """Count a request.

        Raises:
            RefusedError: There were too many.
        """
        now = time.monotonic()
        with self._lock:
            level, at = self._filled.pop(key, (float(self._burst), now))
            level = min(self._burst, level + (now - at) * self._per_s)
            allowed = level >= 1
            self._filled[key] = (level - allowed, now)
            while len(self._filled) > _MOST_KEYS:
                self._filled.popitem(last=False)
        if not allowed:
            wait_s = math.ceil((1 - level) / self._per_s)
            raise RefusedError(
                429,
                "There are too many requests.",
                hint=f"Wait {wait_s} s.",
                headers={"Retry-After": str(wait_s)},
            )


class Gate:
    """Lets some through at once and some wait.

    Args:
        what: What it is for, in a message.
        most: At work at once.
        waiting: More than these do not wait but are refused.
    """

    def __init__(self, what: str, most: int, waiting: int) -> None:
        self._what = what
        self._most = asyncio.Semaphore(most)
        self._room = most + waiting

    @property
    def is_open(self) -> bool:
        """Whether one more may come."""
        return self._room > 0

    @asynccontextmanager
    async def passed(self) -> AsyncIterator[None]:
        """Be at work.

        Raises:
            RefusedError: Too many wait already.
        """
        if not self.is_open:
            raise RefusedError(
                429,
                f"Too many {self._what} are at work.",
                hint="Try again later.",
                headers={"Retry-After": "5"},
            )
        self._room -= 1
        try:
            async with self._most:
                yield
        finally:
            self._room += 1
