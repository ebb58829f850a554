"""The audit log: who did what with which version, and when, in lines that hold each other.

    audit/log.jsonl    a line an entry, each with the SHA-256 of the line before it
    audit/head.json    how many there are, and the SHA-256 of the last one
    audit/lock         held while somebody adds a line

An entry names runs, videos and files by ids and hashes alone, so that what is erased is not in it
and nothing has to be taken out again: a chain whose links may be changed proves nothing.
"""

from __future__ import annotations

import getpass
import hashlib
import importlib.metadata
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from toolkit.config.settings import STAGES
from toolkit.errors import AuditError
from toolkit.records import Run, digest, now
from toolkit.stages.private import made, opened

__all__ = ["AuditLog", "Entry", "Head", "begun", "config_written", "file_key", "user"]

_FIRST = "0" * 64
_LOCK_S = 60.0


@dataclass(frozen=True)
class Entry:
    """A line of the log.

    Attributes:
        number: Its place, from 1 on.
        at: When, in UTC.
        who: The user of the operating system, the machine, the process.
        what: What was done: "run.begun", "review", "export", "erasure" …
        about: What it was done with: ids, hashes, counts, versions.
        previous: The SHA-256 of the line before.
        own: The SHA-256 of this line.
    """

    number: int
    at: str
    who: dict[str, JsonValue]
    what: str
    about: dict[str, JsonValue]
    previous: str
    own: str


@dataclass(frozen=True)
class Head:
    """How many entries there are, and the SHA-256 of the last one."""

    count: int = 0
    own: str = _FIRST


class AuditLog:
    """A workspace's log. Safe for many threads and processes of one machine.

    Args:
        workspace: The workspace's folder.
    """

    def __init__(self, workspace: Path) -> None:
        self.folder = workspace / "audit"
        self.file = self.folder / "log.jsonl"
        self._head = self.folder / "head.json"

    def add(self, what: str, **about: JsonValue) -> Entry:
        """Add an entry; when this returns it is on the disk.

        Raises:
            AuditError: It cannot be written.
        """
        version = importlib.metadata.version("video-analysis-toolkit")
        with self._locked():
            head, begun = self._standing()
            entry: dict[str, Any] = {
                "number": head.count + 1,
                "at": now().isoformat(timespec="milliseconds"),
                "who": {"user": user(), "host": socket.gethostname(), "pid": os.getpid()},
                "what": what,
                "about": {**about, "toolkit": version},
                "previous": head.own,
            }
            line = json.dumps(entry, sort_keys=True, separators=(",", ":")).encode() + b"\n"
            new = not self.file.exists()
            with opened(self.file, "ab") as file:
                if begun:  # the last write was cut off: that line was never promised to anybody
                    file.truncate(file.tell() - begun)
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
            own = _hash(line)
            self._write_head(Head(head.count + 1, own), new=new)
        return Entry(**entry, own=own)

    def entries(self) -> Iterator[Entry]:
        """All entries, the oldest first, as far as they can be read."""
        for line in self._lines():
            if (data := _parsed(line)) is not None:
                yield Entry(**data, own=_hash(line))

    def head(self) -> Head | None:
        """What the marker beside the log says; None if there is none that can be read."""
        try:
            data = json.loads(self._head.read_text(encoding="utf-8"))
            return Head(int(data["count"]), str(data["own"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def verify(self, anchor: Head | None = None) -> list[str]:
        """What is wrong with the log, a sentence each; nothing if it is whole.

        Args:
            anchor: What somebody wrote down of an earlier state: it must still be true.
        """
        if not self.file.exists() and self.head() is None:
            return [] if anchor is None else ["The log is gone."]
        with self._locked():
            return list(self._troubles(anchor))

    def _troubles(self, anchor: Head | None) -> Iterator[str]:
        previous, number, head = _FIRST, 0, self.head()
        hashes = {0: _FIRST}
        for place, line in enumerate(self._lines(), 1):
            if not line.endswith(b"\n"):
                break  # cut off while it was written; had it been promised, the head would say so
            data = _parsed(line)
            if data is None:
                yield f"Line {place} is no entry."
            else:
                if data["number"] != number + 1:
                    yield f"Line {place} is entry {data['number']}, and should be {number + 1}."
                if data["previous"] != previous:
                    yield (
                        f"Line {place} does not follow the line before it: one was changed, "
                        "removed or inserted."
                    )
                number = int(data["number"])
            previous = _hash(line)
            hashes[number] = previous
        if head is None:
            yield "The marker beside the log (head.json) is missing or cannot be read."
        elif hashes.get(head.count) != head.own:
            yield f"The log had {head.count} entries, and the last of them is not there as it was."
        elif number > head.count + 1:
            yield f"There are {number - head.count} entries behind the last one that was marked."
        if anchor is not None and hashes.get(anchor.count) != anchor.own:
            yield f"Entry {anchor.count} is not the one that was written down."

    # ------------------------------------------------------------------ files

    @contextmanager
    def _locked(self) -> Iterator[None]:
        from filelock import FileLock, Timeout

        try:
            made(self.folder)
            with FileLock(self.folder / "lock", timeout=_LOCK_S, mode=0o600, thread_local=False):
                yield
        except Timeout:
            raise AuditError(
                f"Another process has held {self.folder / 'lock'} for {_LOCK_S:.0f} s.",
                hint="End it, and try again.",
                retriable=True,
            ) from None
        except OSError as error:
            raise AuditError(
                f"The audit log {self.file} cannot be used: {error.strerror}.",
                hint="What is not written down is not done: make room, or mend its folder.",
            ) from error

    def _standing(self) -> tuple[Head, int]:
        """What the next entry follows, and how many bytes of a line were cut off behind it.

        An entry follows what was promised, not what is there: a log that was cut stays broken.
        """
        head = self.head()
        last, begun = b"", 0
        for line in self._tail():
            if line.endswith(b"\n"):
                last = line
            else:
                begun = len(line)
        data = _parsed(last) if last else None
        found = Head(int(data["number"]), _hash(last)) if data else Head()
        if head is None:
            return found, begun
        # A process that died between line and head left one line more, which follows the head.
        if data and data["number"] == head.count + 1 and data["previous"] == head.own:
            return found, begun
        return head, begun

    def _tail(self) -> list[bytes]:
        """The last lines."""
        if not self.file.exists():
            return []
        with self.file.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            reach = 1 << 16
            while True:
                file.seek(max(0, size - reach))
                lines = file.read().splitlines(keepends=True)
                if reach >= size or len(lines) > 2:
                    return lines[-2:]
                reach *= 4

    def _lines(self) -> Iterator[bytes]:
        if self.file.exists():
            with self.file.open("rb") as file:
                yield from file

    def _write_head(self, head: Head, *, new: bool) -> None:
        draft = self.folder / "head.new"
        with opened(draft, "w", encoding="utf-8") as file:
            json.dump({"count": head.count, "own": head.own}, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._head)
        if new and os.name == "posix":
            folder = os.open(self.folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)


def config_written(file: Path) -> dict[str, JsonValue]:
    """What the log says of a config file that was written: which, and the hash of its bytes."""
    return {"file": file_key(file), "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}


def user() -> str:
    """The name of the operating system's user, or the number where there is no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # in some containers
        return str(os.getuid())


def file_key(path: Path) -> str:
    """The name of a file in the log: without its path, and the same for the same path."""
    return digest("file", str(path.absolute()))


def _hash(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        data = json.loads(line)
    except ValueError:
        return None
    fields = {"number", "at", "who", "what", "about", "previous"}
    fits = isinstance(data, dict) and data.keys() == fields and isinstance(data["number"], int)
    return data if fits else None


def begun(row: Run, sources: int) -> dict[str, JsonValue]:
    """What the audit log says of a run that begins: by whom and with what, not of what."""
    plugins: dict[str, JsonValue] = {}
    for stage in STAGES:
        options = row.settings.get(stage)
        if isinstance(options, dict):
            plugins[stage] = options.get("plugin")
    return {
        "run": row.id,
        "engine": row.engine,
        "sources": sources,
        "plugins": plugins,
        "lineage": digest(row.lineage.model_dump(mode="json")),
        "settings": digest(row.settings),
        "versions": {**row.versions},
    }
