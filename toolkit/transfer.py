"""Files on their way: tries with pauses, what is here already, checksums at both ends."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from toolkit.config.settings import Storage as Settings
from toolkit.errors import CancelledError, StorageError
from toolkit.net.tries import LONGEST_WAIT_S, pause_s
from toolkit.records import digest
from toolkit.stages.component import Cancel
from toolkit.stages.download import Progress
from toolkit.stages.private import made, opened
from toolkit.stages.storage import Storage, Stored

__all__ = ["delete", "fetch", "listed", "same", "send", "stat"]

log = logging.getLogger(__name__)
T = TypeVar("T")
_ENOUGH_BYTES = 1 << 20  # so much since the last break, and a try counts as the first again


def stat(storage: Storage, url: str, settings: Settings, cancel: Cancel) -> Stored | None:
    """The file at a URL; None if there is none.

    Raises:
        StorageError: It cannot be found out.
        CancelledError: ``cancel`` was set.
    """
    return _tried(lambda: storage.stat(url, cancel), url, settings, cancel)


def listed(storage: Storage, folder: str, settings: Settings, cancel: Cancel) -> Iterator[Stored]:
    """All files below a folder, asked for page by page as they are wanted.

    Raises:
        StorageError: It cannot be listed.
        CancelledError: ``cancel`` was set.
    """
    after = ""
    while True:
        here = after
        page = _tried(lambda: storage.page(folder, here, cancel), folder, settings, cancel)  # noqa: B023
        yield from page.files
        after = page.after
        if not after:
            return


def fetch(
    storage: Storage,
    stored: Stored,
    path: Path,
    settings: Settings,
    progress: Progress,
    cancel: Cancel,
) -> None:
    """Bring a file here. It gets its name when it is whole and its checksum is right.

    Until then it grows in ``.part/`` beside it, where a later call goes on.

    Raises:
        StorageError: It cannot be fetched; the cause "changed" if it is another one by now.
        CancelledError: ``cancel`` was set.
    """
    # Bytes of one version are never added to those of another.
    part = path.parent / ".part" / f"{path.name}-{digest(stored.version)[:8]}"
    try:
        made(part.parent)
        room = shutil.disk_usage(part.parent).free + _size(part)
    except OSError as error:
        raise StorageError(
            f"{part} cannot be written: {error.strerror}.", cause="disk-full"
        ) from error
    if room < stored.size_bytes:
        raise StorageError(
            f"{stored.url} has {stored.size_bytes} bytes, and the disk has room for {room}.",
            hint="Make room and start again.",
            retriable=True,
            cause="disk-full",
        )
    _tried(
        lambda: _receive(storage, stored, part, progress, cancel),
        stored.url,
        settings,
        cancel,
        arrived=lambda: _size(part),
    )
    os.replace(part, path)  # noqa: PTH105 - atomic on every system, as Path.rename is not


def _receive(
    storage: Storage, stored: Stored, part: Path, progress: Progress, cancel: Cancel
) -> None:
    if _size(part) > stored.size_bytes:
        part.unlink()
    done = _size(part)
    progress(done, stored.size_bytes)
    try:
        with opened(part, "ab") as file:
            if done < stored.size_bytes:
                for block in storage.read(stored, done, cancel):
                    cancel.check()
                    file.write(block)
                    done += len(block)
                    progress(done, stored.size_bytes)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StorageError(
            f"{part} cannot be written: {error.strerror}.",
            hint="Make room and start again.",
            retriable=True,
            cause="disk-full",
        ) from error
    if done < stored.size_bytes:
        raise StorageError(
            f"{stored.url} ended after {done} of {stored.size_bytes} bytes.",
            retriable=True,
            cause="connection",
        )
    if storage.holds(part, stored, cancel) is False:
        part.unlink()
        raise StorageError(
            f"{stored.url} did not arrive as it is stored: its checksum is another.",
            hint="Try again; if it stays so, something on the way changes the bytes.",
            retriable=True,
            cause="corrupt",
        )


def same(storage: Storage, path: Path, url: str, settings: Settings, cancel: Cancel) -> bool:
    """Whether a local file is at the URL already, by its checksum.

    Raises:
        StorageError: It cannot be found out.
        CancelledError: ``cancel`` was set.
    """
    stored = stat(storage, url, settings, cancel)
    if stored is None:
        return False
    held = _tried(lambda: storage.holds(path, stored, cancel), url, settings, cancel)
    return held is True


def send(
    storage: Storage,
    path: Path,
    url: str,
    settings: Settings,
    progress: Progress,
    cancel: Cancel,
) -> Stored:
    """Bring a local file to a URL.

    Raises:
        StorageError: It cannot be brought there.
        CancelledError: ``cancel`` was set; what has arrived is taken up by the next call.
    """
    most = 0

    def told(done: int, total: int | None) -> None:
        nonlocal most
        most = max(most, done)
        progress(done, total)

    return _tried(
        lambda: storage.write(path, url, told, cancel), url, settings, cancel, arrived=lambda: most
    )


def delete(storage: Storage, url: str, settings: Settings, cancel: Cancel) -> None:
    """Delete the file at a URL, if there is one.

    Raises:
        StorageError: It cannot be deleted.
        CancelledError: ``cancel`` was set.
    """
    _tried(lambda: storage.delete(url, cancel), url, settings, cancel)


def _tried(
    once: Callable[[], T],
    url: str,
    settings: Settings,
    cancel: Cancel,
    *,
    arrived: Callable[[], int] = lambda: 0,
) -> T:
    """The result of the first try that succeeds, with exponential backoff and jitter between.

    A transfer that got on since it last broke off has all its tries again.
    """
    number, before = 0, arrived()
    while True:
        cancel.check()
        try:
            return once()
        except StorageError as error:
            if arrived() >= before + _ENOUGH_BYTES:
                number = 0
            before = max(before, arrived())
            number += 1
            wait_s = pause_s(error, number, settings.backoff_s)
            final = not error.retriable or error.context.get("cause") in ("changed", "disk-full")
            if final or number > settings.retries or wait_s > LONGEST_WAIT_S:
                raise
            log.info("%s: %s Try %d of %d.", url, error.message, number + 1, settings.retries + 1)
        if cancel.wait(wait_s):
            raise CancelledError("The run was cancelled.")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
