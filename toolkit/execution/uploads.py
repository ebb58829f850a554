"""Files of a run, or any others, brought to a cloud."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from toolkit import transfer
from toolkit.clouds import Clouds
from toolkit.config import Settings
from toolkit.crew import Crew
from toolkit.errors import CancelledError, StorageError, ToolkitError
from toolkit.execution.cargo import Item, files, of_run
from toolkit.execution.looking import known_store
from toolkit.hooks.manager import PluginManager, configure
from toolkit.privacy import rows
from toolkit.privacy.audit import AuditLog
from toolkit.privacy.audited import AuditedStore
from toolkit.records import Run
from toolkit.stages.component import Cancel
from toolkit.stages.storage import Storage
from toolkit.stages.store import Store

__all__ = [
    "Told",
    "Upload",
    "at_end",
    "clouds_of",
    "complete",
    "send",
    "upload",
]

Told = Callable[[int, int, int], None]
"""Told how many files are done, how many there are, and how many bytes have been sent."""
_PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class Upload:
    """What became of one file.

    ``status`` is "uploaded", "there" (it was, with the same checksum), "missing" (a dry run found
    that it is not there), or "failed" with its ``error``.
    """

    kind: str
    path: Path
    url: str
    size_bytes: int
    status: Literal["uploaded", "there", "missing", "failed"]
    error: ToolkitError | None = None


def upload(
    paths: _PathLike | Iterable[_PathLike],
    to: str,
    *,
    dry_run: bool = False,
    told: Told = lambda *_: None,
    config: _PathLike | None = None,
) -> list[Upload]:
    """Bring files to a cloud. What is there already, by its checksum, is left as it is.

    Args:
        paths: Files, and folders with all that is in them; one or several.
        to: URL of a folder: ``s3://bucket/prefix``, ``gs://…``, ``dropbox://…``, ``file://…``.
        dry_run: Only say what would be uploaded.
        told: Told how far it is.
        config: A config file; None for the usual one.

    Raises:
        StorageError: A file could not be uploaded; the others were, as far as they could be.
        PrivacyError: The settings do not let files leave this machine.
        SourceError: There is no such file.
    """
    given = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    settings, plugins, _ = configure(config)
    with clouds_of(settings, plugins) as clouds, known_store(settings, plugins) as store:
        found = send(clouds, files(given), to, store=store, dry_run=dry_run, told=told)
        return complete(found)


def clouds_of(settings: Settings, plugins: PluginManager) -> Clouds:
    """The clouds of these settings; whoever asks closes them."""
    return Clouds(settings, lambda name: plugins.make(Storage, "storage", name, settings).component)


def send(
    clouds: Clouds,
    given: Iterable[Item],
    to: str,
    *,
    store: Store | None = None,
    dry_run: bool = False,
    told: Told = lambda *_: None,
    cancel: Cancel | None = None,
) -> list[Upload]:
    """Bring files to a folder in a cloud, several at once. One file's trouble is its own.

    Where copies of a video's files are is written down before the first is sent, in the store that
    is given: they are found again when the video is erased.

    Raises:
        StorageError: No storage knows the URL.
        PrivacyError: The settings do not let files leave this machine.
        CancelledError: ``cancel`` was set.
    """
    storage = clouds.target(to)
    settings = clouds.settings.storage
    items = list(given)
    stop = cancel or Cancel()
    if store is not None and not dry_run:
        rows.note_copies(store, to, [(i.of, i.path, i.kind, _url(to, i)) for i in items])
    sent: dict[int, int] = {}
    done: list[int] = []

    def one(place: int, item: Item) -> Upload:
        url = _url(to, item)

        def progress(bytes_: int, _: int | None) -> None:
            sent[place] = bytes_
            told(len(done), len(items), sum(sent.copy().values()))

        size = 0
        try:
            size = item.path.stat().st_size
            if transfer.same(storage, item.path, url, settings, stop):
                return Upload(item.kind, item.path, url, size, "there")
            if dry_run:
                return Upload(item.kind, item.path, url, size, "missing")
            transfer.send(storage, item.path, url, settings, progress, stop)
        except CancelledError:
            raise
        except ToolkitError as error:
            return Upload(item.kind, item.path, url, size, "failed", error)
        except OSError as error:
            ours = StorageError(f"{item.path} cannot be read: {error.strerror}.", cause="refused")
            return Upload(item.kind, item.path, url, size, "failed", ours)
        else:
            return Upload(item.kind, item.path, url, size, "uploaded")
        finally:
            done.append(place)
            told(len(done), len(items), sum(sent.copy().values()))

    with ThreadPoolExecutor(settings.threads, "upload") as pool:
        moving = [pool.submit(one, place, item) for place, item in enumerate(items)]
        try:
            return [each.result() for each in moving]
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _url(to: str, item: Item) -> str:
    return f"{to.rstrip('/')}/{item.name}"


def at_end(crew: Crew, run: Run, cancel: Cancel) -> list[tuple[str, ToolkitError]]:
    """Bring a run's files to where the settings say, if they do; gives what could not be brought.

    Raises:
        CancelledError: ``cancel`` was set.
    """
    settings = crew.settings
    to = settings.storage.to
    if not to or cancel.asked:
        return []
    try:
        items = of_run(crew.store, run, settings.storage.what, settings.workspace, crew.vault)
        audited = AuditedStore(crew.store, AuditLog(settings.workspace))
        uploads = send(crew.clouds, items, to, store=audited, cancel=cancel)
    except CancelledError:
        raise
    except ToolkitError as error:
        return [(to, error)]
    return [(one.url, one.error) for one in uploads if one.error]


def complete(uploads: list[Upload]) -> list[Upload]:
    """The same uploads, if none of them failed.

    Raises:
        StorageError: Some did; the first one's cause is its cause.
    """
    failed = [one.error for one in uploads if one.error]
    if not failed:
        return uploads
    raise StorageError(
        f"{len(failed)} of {len(uploads)} files could not be uploaded. {failed[0].message}",
        hint=failed[0].hint,
        retriable=any(error.retriable for error in failed),
        **{"cause": "refused", **failed[0].context},
    ) from failed[0]
