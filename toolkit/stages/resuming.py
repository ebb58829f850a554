"""What plugins that move files need to wait with care, and to go on where they stopped."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError as Dropped
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Pending
from pathlib import Path
from typing import TypeVar

from pydantic import JsonValue

from toolkit.records import digest
from toolkit.stages.component import Cancel
from toolkit.stages.private import opened, part_of

__all__ = ["Sessions", "awaited", "beside"]

T = TypeVar("T")
_LOOK_S = 0.1  # how often somebody who waits looks whether the run was cancelled


def beside(call: Callable[[], T]) -> Future[T]:
    """Make a call in a thread of its own, which nobody has to wait for.

    For libraries that block: a process can end, and a run be cancelled, while the call hangs.
    """
    future: Future[T] = Future()

    def run() -> None:
        future.set_running_or_notify_cancel()
        try:
            result = call()
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits
            future.set_exception(error)
        else:
            future.set_result(result)

    threading.Thread(target=run, name="cloud", daemon=True).start()
    return future


def awaited(future: Future[T], cancel: Cancel, look: Callable[[], None] | None = None) -> T:
    """What a future brings; when the run is cancelled, it is dropped.

    Args:
        future: What is waited for.
        cancel: The run's.
        look: Called again and again meanwhile; what it raises ends the wait as well.

    Raises:
        CancelledError: ``cancel`` was set.
    """
    while True:
        try:
            return future.result(_LOOK_S)
        except Pending:
            if future.done():  # in time after all, or the timeout is the call's own
                return future.result()
        except Dropped:
            cancel.check()
            raise
        try:
            cancel.check()
            if look:
                look()
        except BaseException:
            future.cancel()
            raise


class Sessions:
    """Uploads that are under way: what the cloud calls them, kept for the next process.

    Args:
        folder: Where they are kept, a small file each.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @staticmethod
    def key(path: Path, url: str, **options: JsonValue) -> str:
        """The name of one file's way to one place, as long as the file stays as it is."""
        facts = path.stat()
        return digest(
            "upload", str(path.absolute()), facts.st_size, facts.st_mtime_ns, url, options
        )

    def find(self, key: str) -> dict[str, str]:
        """What was kept; {} if nothing was."""
        try:
            kept = json.loads(self._file(key).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return {str(k): str(v) for k, v in kept.items()} if isinstance(kept, dict) else {}

    def keep(self, key: str, session: Mapping[str, str]) -> None:
        """Keep a session; readable by this user alone, for some of them need no login."""
        draft = part_of(self._folder, key)
        with opened(draft, "w", encoding="utf-8") as file:
            json.dump(dict(session), file)
        draft.replace(self._file(key))

    def drop(self, key: str) -> None:
        """The upload is done, or the cloud has forgotten it."""
        self._file(key).unlink(missing_ok=True)

    def _file(self, key: str) -> Path:
        return self._folder / f"{key}.json"
