"""Waiting, in any thread, for what the loop of a cloud's session does."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from toolkit.errors import CancelledError
from toolkit.stages.component import Cancel
from toolkit.stages.resuming import awaited
from toolkit_storage_fsspec.causes import explain

__all__ = ["finished"]

T = TypeVar("T")


def finished(
    work: Coroutine[Any, Any, T],
    loop: asyncio.AbstractEventLoop,
    *,
    cloud: str,
    url: str,
    cancel: Cancel,
) -> T:
    """What the work gives.

    Raises:
        CancelledError: ``cancel`` was set.
        StorageError: It failed, with the cause.
    """
    if cancel.asked:
        work.close()
        cancel.check()
    try:
        return awaited(asyncio.run_coroutine_threadsafe(work, loop), cancel)
    except CancelledError:
        raise
    except Exception as error:  # noqa: BLE001 - explain has set its cause
        raise explain(error, cloud, url)  # noqa: B904
