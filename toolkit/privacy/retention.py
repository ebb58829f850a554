"""What is older than the settings keep it, and how it goes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import JsonValue

from toolkit.config import Settings
from toolkit.privacy import rows
from toolkit.privacy.audit import AuditLog
from toolkit.privacy.forgetting import Eraser
from toolkit.privacy.places import exported, remove, size_of
from toolkit.privacy.subjects import whole
from toolkit.records import Completion, Failure, Run, RunSource, Scene, Source, Video, now
from toolkit.stages.store import Store

__all__ = ["Expired", "Purger"]


@dataclass(frozen=True)
class Expired:
    """What of a kind is older than it is kept.

    Attributes:
        kind: "originals", "thumbnails", "cache", "results" (videos) or "runs".
        days: For how long it is kept.
        items: How many files, videos or runs.
        size_bytes: Of the files.
        oldest: When the oldest of them was made.
    """

    kind: str
    days: float
    items: int
    size_bytes: int
    oldest: datetime | None


class Purger:
    """Looks for what is too old in one workspace, and removes it. What a live run uses stays.

    Args:
        store: Its store.
        settings: The settings that lead to it.
        log: Its audit log.
        eraser: Erases whole videos in it.
        at: The moment it is.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        log: AuditLog,
        eraser: Eraser,
        at: datetime | None = None,
    ) -> None:
        self._store, self._settings, self._log, self._eraser = store, settings, log, eraser
        self._at = at or now()
        self._runs = store.find(Run)
        live = [run.id for run in self._runs if run.standing == "running"]
        self._busy = {way.video_id for way in store.stream(RunSource, run_id=live)}

    def look(self) -> list[Expired]:
        """What is too old, kind by kind."""
        keep = self._settings.privacy
        results, begun = self._results()
        runs = self._old_runs()
        return [
            _of_files("originals", keep.keep_originals_days, list(self._originals())),
            _of_files("thumbnails", keep.keep_thumbnails_days, list(self._thumbnails())),
            _of_files("cache", keep.keep_cache_days, list(self._cache())),
            Expired("results", keep.keep_results_days, len(results), 0, begun),
            Expired(
                "runs",
                keep.keep_runs_days,
                len(runs),
                0,
                min((run.started_at for run in runs), default=None),
            ),
        ]

    def purge(self) -> list[Expired]:
        """Remove it, and say what it was.

        Raises:
            StoreError: The store cannot be written or scrubbed.
            AuditError: It cannot be written down, and was not done.
        """
        found = self.look()
        about: dict[str, JsonValue] = {
            one.kind: {"items": one.items, "days": one.days} for one in found if one.items
        }
        if not about:
            return found
        self._log.add("purge", **about)
        if old := self._results()[0]:
            videos = whole(self._store, "what is too old", "video", old)
            self._eraser.erase(videos, comes_back=True)
        pictures = list(self._thumbnails())
        for path in [*self._originals(), *pictures, *self._cache()]:
            remove(path, self._settings.workspace)
        self._without_pictures({path.parent.name for path in pictures})
        if runs := self._old_runs():
            self._drop_runs([run.id for run in runs])
        if pictures or runs:
            self._store.scrub()
        return found

    # ------------------------------------------------------------------ what is too old

    def _before(self, days: float) -> datetime | None:
        return self._at - timedelta(days=days) if days else None

    def _files(self, days: float, *folders: Path) -> Iterator[Path]:
        before = self._before(days)
        if before is None:
            return
        for folder in folders:
            for place, _, names in os.walk(folder):
                for name in sorted(names):
                    path = Path(place, name)
                    if path.is_file() and _made(path) < before:
                        yield path

    def _originals(self) -> Iterator[Path]:
        folder = self._settings.workspace / self._settings.paths.downloads
        busy = {one.path for one in self._store.stream(Video, id=[i for i in self._busy if i])}
        for path in self._files(self._settings.privacy.keep_originals_days, folder):
            if path.parent == folder and str(path) not in busy:
                yield path

    def _thumbnails(self) -> Iterator[Path]:
        folder = self._settings.workspace / self._settings.paths.thumbnails
        for path in self._files(self._settings.privacy.keep_thumbnails_days, folder):
            if path.parent.name not in self._busy:
                yield path

    def _cache(self) -> Iterator[Path]:
        workspace = self._settings.workspace
        names = ("cache", "clips", "exports", "uploads")
        folders = [workspace / name for name in names]
        folders.append(workspace / self._settings.paths.downloads / ".part")
        used = {one.uri for one in self._store.stream(Source, kind="file")}
        for path in self._files(self._settings.privacy.keep_cache_days, *folders):
            if str(path) not in used:  # a video that somebody brought into the workspace
                yield path

    def _results(self) -> tuple[list[str], datetime | None]:
        before = self._before(self._settings.privacy.keep_results_days)
        if before is None:
            return [], None
        ends = {run.id: run.finished_at or run.heartbeat_at for run in self._runs}
        last = {video.id: datetime.min.replace(tzinfo=UTC) for video in self._store.stream(Video)}
        for source in self._store.stream(Source, video_id=list(last)):
            last[source.video_id or ""] = max(last[source.video_id or ""], source.requested_at)
        for way in self._store.stream(RunSource, video_id=list(last)):
            if way.run_id in ends:
                last[way.video_id or ""] = max(last[way.video_id or ""], ends[way.run_id])
        old = [id_ for id_, at in last.items() if at < before and id_ not in self._busy]
        return old, min((last[id_] for id_ in old), default=None)

    def _old_runs(self) -> list[Run]:
        before = self._before(self._settings.privacy.keep_runs_days)
        if before is None:
            return []
        return [
            run
            for run in self._runs
            if run.standing != "running" and (run.finished_at or run.heartbeat_at) < before
        ]

    # ------------------------------------------------------------------ how it goes

    def _without_pictures(self, video_ids: set[str]) -> None:
        for id_ in video_ids:
            scenes = self._store.find(Scene, video_id=id_)
            gone = [one for one in scenes if one.thumbnail and not Path(one.thumbnail).exists()]
            self._store.save(one.model_copy(update={"thumbnail": ""}) for one in gone)

    def _drop_runs(self, ids: list[str]) -> None:
        workspace = self._settings.workspace
        for path in list(exported(workspace, self._log, set(), set(ids))):
            remove(path, workspace)
        for id_ in ids:
            remove(workspace / "logs" / f"{id_}.log", workspace)
            # Copies in clouds stay known as those of the videos that are in them.
            notes = self._store.find(Completion, item_id=id_, stage=rows.UPLOAD)
            ways = self._store.find(RunSource, run_id=id_)
            videos = {way.video_id for way in ways if way.video_id}
            self._store.save(rows.upload(v, note.key) for v in videos for note in notes)
        self._store.delete(Completion, item_id=ids)
        self._store.delete(Failure, run_id=ids)
        self._store.delete(RunSource, run_id=ids)
        self._store.delete(Run, id=ids)


def _of_files(kind: str, days: float, paths: list[Path]) -> Expired:
    oldest = min(map(_made, paths), default=None)
    return Expired(kind, days, len(paths), size_of(paths), oldest)


def _made(path: Path) -> datetime:
    """When a file came to be here, whatever time a server gave it."""
    facts = path.stat()
    return datetime.fromtimestamp(max(facts.st_mtime, facts.st_ctime), UTC)
