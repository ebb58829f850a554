"""An event loop in a thread of its own, for callers that have none, or one that must not wait."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

__all__ = ["Background"]

T = TypeVar("T")


class Background:
    """Runs coroutines until it is closed.

    Args:
        name: The thread's.
    """

    def __init__(self, name: str) -> None:
        self._running: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
        self._thread = threading.Thread(
            target=asyncio.run, args=(self._live(),), name=name, daemon=True
        )
        self._thread.start()

    async def _live(self) -> None:
        end = asyncio.Event()
        self._running.set_result((asyncio.get_running_loop(), end))
        await end.wait()

    def start(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Begin a coroutine; cancelling the future cancels it."""
        loop, _ = self._running.result()
        return asyncio.run_coroutine_threadsafe(work, loop)

    def close(self) -> None:
        """Cancel whatever still runs, and wait for the end."""
        loop, end = self._running.result()
        loop.call_soon_threadsafe(end.set)
        self._thread.join()
