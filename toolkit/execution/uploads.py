"""Files of a run, or any others, brought to a cloud."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from toolkit import transfer
from toolkit.clouds import Clouds
from toolkit.config import Settings
from toolkit.crew import Crew
from toolkit.errors import CancelledError, SourceError, StorageError, ToolkitError
from toolkit.exchange.export import export
from toolkit.execution.footage import clip_scenes, footage_of
from toolkit.execution.looking import known_store
from toolkit.hooks.manager import PluginManager, configure
from toolkit.insight import results
from toolkit.privacy import rows
from toolkit.privacy.audit import AuditLog
from toolkit.privacy.audited import AuditedStore
from toolkit.records import Run
from toolkit.stages.component import Cancel
from toolkit.stages.download import VIDEO_SUFFIXES
from toolkit.stages.private import made
from toolkit.stages.storage import Storage
from toolkit.stages.store import Store

__all__ = [
    "USUAL",
    "Item",
    "Told",
    "Upload",
    "What",
    "at_end",
    "clouds_of",
    "complete",
    "files",
    "of_run",
    "send",
    "upload",
]

What = Literal["originals", "clips", "thumbnails", "exports"]
USUAL: tuple[What, ...] = ("thumbnails", "exports")
Told = Callable[[int, int, int], None]
"""Told how many files are done, how many there are, and how many bytes have been sent."""
_PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class Item:
    """A local file, where it goes below the target's folder, and the video or run it is of."""

    kind: str
    path: Path
    name: str
    of: str = ""


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


def files(paths: Iterable[_PathLike]) -> Iterator[Item]:
    """Files, and what is in folders, under their names there.

    Raises:
        SourceError: There is no such file.
    """
    for given in (Path(path).expanduser().resolve() for path in paths):
        if given.is_dir():
            for path in sorted(given.rglob("*")):
                if path.is_file():
                    yield Item("files", path, path.relative_to(given.parent).as_posix())
        elif given.is_file():
            yield Item("files", given, given.name)
        else:
            raise SourceError(f"There is no file {given}.", source=str(given))


def of_run(store: Store, run: Run, what: Iterable[What], workspace: Path) -> Iterator[Item]:
    """A run's files of these kinds. Clips are cut and exports written, if they are not there yet.

    Raises:
        MediaError: A clip cannot be made.
        StoreError: The store cannot be read.
    """
    wanted = set(what)
    found = results.videos_of(store, run)
    titles = results.titles_of(found, results.sources_of(store, run))
    names = {video.id: _name(titles[video.id], video.id) for video in found}
    if "originals" in wanted:
        for video in found:
            path = Path(video.path)
            name = f"originals/{names[video.id]}{path.suffix.lower()}"
            yield Item("originals", path, name, video.id)
    if "thumbnails" in wanted:
        for scene in results.scenes_of(store, run, found):
            if scene.thumbnail:
                name = f"thumbnails/{names[scene.video_id]}/{scene.index:05}.jpg"
                yield Item("thumbnails", Path(scene.thumbnail), name, scene.video_id)
    if "clips" in wanted:
        for path in _clips(store, run, workspace / "clips" / run.id):
            yield Item("clips", path, f"clips/{run.id}/{path.name}", run.id)
    if "exports" in wanted:
        for path in _exports(store, run, workspace / "exports" / run.id):
            yield Item("exports", path, f"exports/{run.id}/{path.name}", run.id)


def _name(title: str, video_id: str) -> str:
    """A name that people know and that no other video has."""
    known = Path(title).suffix.lower() in VIDEO_SUFFIXES
    words = re.sub(r"[^\w.-]+", "-", Path(title).stem if known else title).strip("-.")[:80]
    return f"{words or 'video'}-{video_id[:8]}"


def _clips(store: Store, run: Run, folder: Path) -> list[Path]:
    footage = footage_of(store, run)
    count = sum(len(one.scenes) for one in footage)
    there = sorted(folder.iterdir()) if folder.is_dir() else []
    if len(there) == count:  # bytes that stay the same can be gone on with
        return there
    return [clip.path for clip in clip_scenes(footage, made(folder), force=True)]


def _exports(store: Store, run: Run, folder: Path) -> Iterator[Path]:
    made(folder)
    for what in ("videos", "scenes", "answers", "tags"):
        yield from export(store, run, folder / f"{what}.parquet", what=what, force=True)


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
        items = of_run(crew.store, run, settings.storage.what, settings.workspace)
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
