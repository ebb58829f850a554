"""Erase all that is known of a subject, prove it, and keep it from coming back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from pydantic import JsonValue

from toolkit.config import Settings
from toolkit.errors import PrivacyError, ToolkitError
from toolkit.privacy import rows
from toolkit.privacy.audit import AuditLog
from toolkit.privacy.places import Places, places_of, remove, size_of, strike
from toolkit.privacy.scanning import needles, remaining
from toolkit.privacy.subjects import Subject
from toolkit.privacy.tombstones import STAGE, tombstone
from toolkit.records import Completion, Run, RunSource
from toolkit.stages.store import Store

__all__ = ["Copies", "Eraser", "Erasure", "Trace", "allow"]


class Copies(Protocol):
    """Files in clouds, by their URLs."""

    def delete(self, url: str) -> None:
        """Delete one, if it is there.

        Raises:
            StorageError: It could not be deleted, or that cannot be known.
        """


@dataclass(frozen=True)
class Trace:
    """Something that is held about a subject.

    Attributes:
        kind: "rows", "file", "log", "copy" (in a cloud), or "original" (the user's own file).
        name: Which: a kind of rows, a path, a URL.
        count: How many rows or lines.
        size_bytes: Of a file.
        outcome: "found", "erased", "kept" (an original that was not asked for), "failed".
        why: Why it failed.
    """

    kind: Literal["rows", "file", "log", "copy", "original"]
    name: str
    count: int = 1
    size_bytes: int = 0
    outcome: Literal["found", "erased", "kept", "failed"] = "found"
    why: str = ""


@dataclass(frozen=True)
class Erasure:
    """What an erasure found, or did.

    Attributes:
        subject: Whom it was about.
        traces: All that was held.
        left: What is wrong after it, a sentence each; nothing if all is gone.
        notes: Where bytes may be that this program cannot reach.
        done: Whether it was done, or only looked at.
    """

    subject: Subject
    traces: list[Trace]
    left: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    done: bool = False


class Eraser:
    """Erases in one workspace.

    Args:
        store: Its store.
        settings: The settings that lead to it.
        log: Its audit log.
        copies: The clouds.
    """

    def __init__(self, store: Store, settings: Settings, log: AuditLog, copies: Copies) -> None:
        self._store = store
        self._settings = settings
        self._log = log
        self._copies = copies

    def look(self, subject: Subject, *, files: bool = False) -> Erasure:
        """What would be erased.

        Args:
            subject: Whom it is about.
            files: Whether the user's own originals go as well.
        """
        places = places_of(self._store, self._settings, self._log, subject)
        traces = [
            Trace("rows", kind, count) for kind, count in rows.counts(self._store, subject).items()
        ]
        traces += [Trace("file", str(p), size_bytes=size_of([p])) for p in places.ours]
        traces += [Trace("log", str(p), lines) for p, lines in places.logs.items()]
        traces += [Trace("copy", one.key) for one in rows.copies(self._store, subject)]
        outcome: Literal["found", "kept"] = "found" if files else "kept"
        traces += [
            Trace("original", str(p), size_bytes=size_of([p]), outcome=outcome)
            for p in places.originals
        ]
        return Erasure(subject, traces)

    def erase(self, subject: Subject, *, files: bool = False, comes_back: bool = False) -> Erasure:
        """Erase it, look whether all is gone, and write down that it was done.

        It can be repeated, also where a cloud did not answer or the process was killed.

        Args:
            subject: Whom it is about.
            files: Whether the user's own originals go as well.
            comes_back: Whether a later run may take it in again: there is no tombstone then.

        Raises:
            PrivacyError: A run is working on it.
            StoreError: The store cannot be written or scrubbed.
            AuditError: It cannot be written down, and was not done.
        """
        self._refuse_running(subject)
        ids: dict[str, JsonValue] = {
            "videos": [*subject.video_ids],
            "sources": [*subject.source_ids],
        }
        about: dict[str, JsonValue] = {
            **ids,
            "taken_for": subject.kind,
            "files": files,
            "comes_back": comes_back,
        }
        self._log.add("erasure.begun", **about)
        if not comes_back:  # first of all: a run that begins now must not take it in
            self._store.save(_tombstones(subject))
        places = places_of(self._store, self._settings, self._log, subject)
        marks = needles(
            self._store, subject, [p for p in places.ours if p.suffix.lower() == ".jpg"]
        )
        found = rows.counts(self._store, subject)
        traces, kept = self._erase_copies(subject)
        traces += self._erase_files(subject, places, files=files)
        rows.delete(self._store, subject, keep=kept)
        traces += [Trace("rows", kind, n, outcome="erased") for kind, n in found.items()]
        notes = list(self._store.scrub())
        left = [f"{one.name}: {one.why}" for one in traces if one.outcome == "failed"]
        left += self._left(subject, kept, marks)
        erased = {kind: sum(t.count for t in traces if t.kind == kind) for kind in _KINDS}
        self._log.add("erasure.ended", **ids, **erased, left=len(left))
        return Erasure(subject, traces, left, notes, done=True)

    def _refuse_running(self, subject: Subject) -> None:
        live = [run for run in self._store.find(Run, status="running") if run.standing == "running"]
        for run in live:
            ways = self._store.find(RunSource, run_id=run.id)
            if any(
                way.video_id in subject.video_ids or way.source_id in subject.source_ids
                for way in ways
            ):
                raise PrivacyError(
                    f"The run {run.id} is working on it.",
                    hint=f"Wait for its end, or end it: toolkit cancel {run.id}",
                    run_id=run.id,
                )

    def _erase_copies(self, subject: Subject) -> tuple[list[Trace], set[str]]:
        traces, kept = [], set()
        for one in rows.copies(self._store, subject):
            try:
                self._copies.delete(one.key)
            except ToolkitError as error:
                traces.append(Trace("copy", one.key, outcome="failed", why=str(error)))
                kept.add(one.id)  # so that a later call knows of it
            else:
                traces.append(Trace("copy", one.key, outcome="erased"))
        return traces, kept

    def _erase_files(self, subject: Subject, places: Places, *, files: bool) -> list[Trace]:
        traces = [self._erase_file("file", path) for path in places.ours]
        for path in places.originals:
            if files:
                traces.append(self._erase_file("original", path))
            else:
                size = size_of([path])
                traces.append(Trace("original", str(path), size_bytes=size, outcome="kept"))
        for path, lines in places.logs.items():
            try:
                strike(path, subject)
            except OSError as error:
                why = error.strerror or str(error)
                traces.append(Trace("log", str(path), lines, outcome="failed", why=why))
            else:
                traces.append(Trace("log", str(path), lines, outcome="erased"))
        return traces

    def _erase_file(self, kind: Literal["file", "original"], path: Path) -> Trace:
        size = size_of([path])
        try:
            remove(path, self._settings.workspace)
        except OSError as error:
            why = error.strerror or str(error)
            return Trace(kind, str(path), size_bytes=size, outcome="failed", why=why)
        return Trace(kind, str(path), size_bytes=size, outcome="erased")

    def _left(self, subject: Subject, kept: set[str], marks: Sequence[bytes]) -> Iterator[str]:
        for kind, where in rows.rows(self._store, subject, kept):
            if count := self._store.count(kind, **where):
                yield f"The store has {count} rows of the kind {kind.__name__} still."
        again = places_of(self._store, self._settings, self._log, subject)
        yield from (f"{path} is there still." for path in again.ours)
        yield from remaining(self._store, self._settings, marks)


_KINDS = ("rows", "file", "log", "copy")


def _tombstones(subject: Subject) -> list[Completion]:
    first = next(iter(subject.video_ids), "")
    stones = [tombstone(id_, id_) for id_ in subject.video_ids]
    return stones + [tombstone(one.id, one.video_id or first) for one in subject.sources]


def allow(store: Store, log: AuditLog, ids: Sequence[str]) -> int:
    """Let sources or videos come back, and whatever has their bytes; gives how many may.

    Args:
        store: The store.
        log: Its workspace's audit log.
        ids: Ids of sources or videos.
    """
    stones = store.find(Completion, item_id=list(ids), stage=STAGE)
    videos = {one.key for one in stones if one.key}
    stones += store.find(Completion, key=list(videos), stage=STAGE)
    names = sorted({one.item_id for one in stones})
    if names:
        log.add("allowed", ids=[*names])
        store.delete(Completion, id=list({one.id for one in stones}))
    return len(names)
