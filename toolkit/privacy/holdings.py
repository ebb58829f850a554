"""All that is held about a subject, for whoever has a right to know: a subject access export."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from toolkit.config import Settings
from toolkit.errors import MediaError
from toolkit.privacy import rows
from toolkit.privacy.audit import AuditLog, Entry
from toolkit.privacy.places import places_of, size_of
from toolkit.privacy.subjects import Subject
from toolkit.records import Record, Run, Source, now
from toolkit.stages.private import made, opened
from toolkit.stages.store import Store
from toolkit.vault.files import opened as plainly
from toolkit.vault.files import plain_name

__all__ = ["Held", "Holdings", "holdings"]

_SAID = ("title", "uploader", "upload_date", "licence", "webpage_url")


@dataclass(frozen=True)
class Held:
    """A file that is held.

    ``kind`` is "file" (the toolkit made it) or "original" (the user's own).
    """

    kind: str
    path: Path
    size_bytes: int


@dataclass(frozen=True)
class Holdings:
    """What is held about a subject, and where.

    Attributes:
        subject: Whom it is about.
        at: When it was looked at.
        records: Every row, kind by kind; runs are those that had it.
        files: Files on this machine.
        copies: URLs of files in clouds.
        logs: Logs with lines about it, and how many.
        entries: What the audit log says of it.
    """

    subject: Subject
    at: datetime
    records: dict[str, list[Record]] = field(default_factory=dict)
    files: list[Held] = field(default_factory=list)
    copies: list[str] = field(default_factory=list)
    logs: dict[Path, int] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)

    @property
    def provenance(self) -> list[dict[str, JsonValue]]:
        """Where it came from, who asked for it and when, and under what licence, if known."""
        return [
            {
                "source": source.uri,
                "requested_by": source.requested_by or None,
                "requested_at": source.requested_at.isoformat(),
                **{name: source.info.get(name) for name in _SAID},
            }
            for source in self.records.get("Source", ())
            if isinstance(source, Source)
        ]

    def about(self) -> dict[str, JsonValue]:
        """All of it but the rows and the files themselves, as JSON."""
        return {
            "subject": self.subject.name,
            "taken_for": self.subject.kind,
            "at": self.at.isoformat(),
            "videos": [*self.subject.video_ids],
            "runs": [*self.subject.run_ids],
            "provenance": [*self.provenance],
            "records": {kind: len(found) for kind, found in self.records.items()},
            "files": [
                {"kind": one.kind, "path": str(one.path), "size_bytes": one.size_bytes}
                for one in self.files
            ],
            "copies": [*self.copies],
            "logs": {str(path): lines for path, lines in self.logs.items()},
            "audit": len(self.entries),
        }

    def write(self, path: str | os.PathLike[str], *, originals: bool = False) -> Path:
        """Write it to a folder, or to a ``.zip``, for its owner alone.

        There is ``about.json``, ``records.jsonl`` with every row, ``audit.jsonl``, and in
        ``files/`` what the toolkit made of it, but for videos; all of it plain, whatever is
        encrypted here.

        Args:
            path: A file that ends with ``.zip``, or a folder that is not there yet.
            originals: Whether videos are in it, too.

        Raises:
            MediaError: It is there already, or cannot be written.
            EncryptionError: A file is encrypted, and there is no key that opens it.
        """
        to = Path(path)
        if to.exists():
            raise MediaError(f"'{to}' is there already.", hint="Name another.", path=str(to))
        try:
            if to.suffix.lower() == ".zip":
                with opened(to, "wb") as file, zipfile.ZipFile(file, "w") as packed:
                    for name, text in self._texts():
                        packed.writestr(name, text, zipfile.ZIP_DEFLATED)
                    for name, found in self._copied(originals=originals):
                        with plainly(found) as plain:
                            packed.write(plain, name)
            else:
                for name, text in self._texts():
                    with opened(made(to) / name, "w", encoding="utf-8") as file:
                        file.write(text)
                for name, found in self._copied(originals=originals):
                    with (
                        plainly(found) as plain,
                        plain.open("rb") as given,
                        opened(_place(to, name), "wb") as file,
                    ):
                        shutil.copyfileobj(given, file)
        except OSError as error:
            raise MediaError(f"'{to}' cannot be written: {error.strerror}.") from error
        return to

    def _texts(self) -> Iterator[tuple[str, str]]:
        yield "about.json", json.dumps(self.about(), ensure_ascii=False, indent=1)
        lines = [
            json.dumps({"kind": kind, "record": one.model_dump(mode="json")}, ensure_ascii=False)
            for kind, found in self.records.items()
            for one in found
        ]
        yield "records.jsonl", "".join(f"{line}\n" for line in lines)
        yield "audit.jsonl", "".join(json.dumps(vars(one)) + "\n" for one in self.entries)

    def _copied(self, *, originals: bool) -> Iterator[tuple[str, Path]]:
        videos = {getattr(one, "path", "") for one in self.records.get("Video", ())}
        for number, one in enumerate(self.files):
            if originals or (one.kind == "file" and str(one.path) not in videos):
                yield f"files/{number:04}-{plain_name(one.path).name}", one.path


def _place(folder: Path, name: str) -> Path:
    made((folder / name).parent)
    return folder / name


def holdings(store: Store, settings: Settings, log: AuditLog, subject: Subject) -> Holdings:
    """What is held about a subject."""
    found: dict[str, list[Record]] = {}
    for kind, where in rows.rows(store, subject):
        found.setdefault(kind.__name__, []).extend(store.find(kind, **where))
    found["Run"] = [*store.find(Run, id=list(subject.run_ids))]
    places = places_of(store, settings, log, subject)
    files = [Held("file", path, size_of([path])) for path in places.ours]
    files += [Held("original", path, size_of([path])) for path in places.originals]
    ids = {*subject.video_ids, *subject.source_ids, *subject.run_ids}
    return Holdings(
        subject,
        now(),
        {kind: some for kind, some in found.items() if some},
        files,
        [one.key for one in rows.copies(store, subject)],
        places.logs,
        [one for one in log.entries() if _tells(one.about, ids)],
    )


def _tells(about: Any, ids: set[str]) -> bool:
    if isinstance(about, dict):
        return any(_tells(value, ids) for value in about.values())
    if isinstance(about, list):
        return any(_tells(value, ids) for value in about)
    return about in ids
