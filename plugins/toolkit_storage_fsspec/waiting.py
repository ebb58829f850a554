"""Waiting, in any thread, for what the loop of a cloud's session does."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

from toolkit.errors import CancelledError
from toolkit.stages.component import Cancel
from toolkit.stages.resuming import awaited
from toolkit_storage_fsspec.causes import explain

__all__ = ["Body", "finished"]

T = TypeVar("T")


class Body(io.BytesIO):
    """What is sent, and when some of it was last taken: aiohttp has no timeout for writing.

    Args:
        data: The bytes.
        timeout_s: How long nothing may be taken once something was, in seconds.
    """

    def __init__(self, data: bytes, timeout_s: float) -> None:
        super().__init__(data)
        self._timeout_s = timeout_s
        self._taken_at: float | None = None

    def read(self, size: int | None = -1, /) -> bytes:
        self._taken_at = time.monotonic()
        return super().read(size)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        # Whoever goes back, to sign or to send once more, has not begun: he may wait for a turn.
        self._taken_at = None
        return super().seek(offset, whence)

    def check(self) -> None:
        """Raise if nobody takes any more.

        Raises:
            TimeoutError: Nothing was taken for ``timeout_s``.
        """
        if self._taken_at is not None and time.monotonic() - self._taken_at > self._timeout_s:
            raise TimeoutError(f"no progress for {self._timeout_s:g} s")


def finished(
    work: Coroutine[Any, Any, T],
    loop: asyncio.AbstractEventLoop,
    *,
    cloud: str,
    url: str,
    cancel: Cancel,
    body: Body | None = None,
) -> T:
    """What the work gives.

    Raises:
        CancelledError: ``cancel`` was set.
        StorageError: It failed, with the cause; or nobody takes the body that it sends.
    """
    if cancel.asked:
        work.close()
        cancel.check()
    try:
        sent = asyncio.run_coroutine_threadsafe(work, loop)
        return awaited(sent, cancel, body.check if body else None)
    except CancelledError:
        raise
    except Exception as error:  # noqa: BLE001 - explain has set its cause
        raise explain(error, cloud, url)  # noqa: B904
