"""How fast requests may go: so many at once, so many a minute, and not before the server says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

__all__ = ["Gate"]


class _Pace:
    """Spreads what is spent evenly over time.

    No minute gets more than its allowance and one request: whoever comes waits until all that was
    spent before is paid off, and then owes its own.
    """

    def __init__(self, per_minute: float) -> None:
        self._seconds_each = 60 / per_minute if per_minute else 0.0
        self._paid_at = 0.0

    async def spend(self, amount: float) -> None:
        await _until(lambda: self._paid_at)
        self._paid_at = time.monotonic() + amount * self._seconds_each

    def correct(self, amount: float) -> None:
        """More (or less) was spent than expected."""
        self._paid_at += amount * self._seconds_each


class Gate:
    """What every request passes. Belongs to one event loop.

    Args:
        concurrency: Requests at once.
        requests_per_minute: Most requests a minute, 0 for any number.
        tokens_per_minute: Most tokens a minute, 0 for any number.
    """

    def __init__(
        self, concurrency: int, *, requests_per_minute: float, tokens_per_minute: float
    ) -> None:
        self._places = asyncio.Semaphore(concurrency)
        self._requests = _Pace(requests_per_minute)
        self._tokens = _Pace(tokens_per_minute)
        self._opens_at = 0.0

    @asynccontextmanager
    async def enter(self, tokens: int) -> AsyncIterator[None]:
        """Wait for a place; ``tokens`` is how many the request will probably take."""
        async with self._places:
            await _until(lambda: self._opens_at)
            await self._requests.spend(1)
            await self._tokens.spend(tokens)
            yield

    def took(self, tokens: int, *, expected: int) -> None:
        """A request took this many tokens in truth."""
        self._tokens.correct(tokens - expected)

    def pause(self, seconds: float) -> None:
        """Let nobody in for a while: the server said so to one, and means all."""
        self._opens_at = max(self._opens_at, time.monotonic() + seconds)


async def _until(moment: Callable[[], float]) -> None:
    """Wait for a moment, which may be put off meanwhile."""
    while (wait_s := moment() - time.monotonic()) > 0:  # noqa: ASYNC110 - time alone is waited for
        await asyncio.sleep(wait_s)
