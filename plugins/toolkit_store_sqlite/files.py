"""The database file: made private, brought up to date, and the connections to it."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from toolkit.errors import StoreError
from toolkit.stages.private import made
from toolkit_store_sqlite.faults import explained, store_error

__all__ = ["Connections", "migrations", "transaction"]

_APPLICATION = 0x5641544B  # "VATK": tells our files from those of other programs
_CREATING = threading.Lock()


def migrations() -> list[str]:
    """The SQL scripts that lead from an empty file to today's tables; they only grow in number."""
    return [
        path.read_text(encoding="utf-8")
        for path in sorted((Path(__file__).parent / "migrations").glob("*.sql"))
    ]


@contextmanager
def transaction(
    db: sqlite3.Connection, mode: Literal["DEFERRED", "IMMEDIATE"] = "IMMEDIATE"
) -> Iterator[None]:
    """All or nothing. IMMEDIATE: the wait for another writer is at the start, where it can be.

    DEFERRED is for several reads that belong together.
    """
    db.execute(f"BEGIN {mode}")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        # After a full disk SQLite has rolled back by itself.
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


class Connections:
    """A pool of connections to one file, each used by one thread at a time.

    Args:
        path: The file; it is made, with its folder, where it is missing.
        busy_timeout_s: How long to wait for a lock of another process.

    Raises:
        StoreError: The file cannot be opened, is damaged, is another program's, or was written by
            a newer version.
    """

    def __init__(self, path: Path, busy_timeout_s: float) -> None:
        self.path = path
        self._timeout_s = busy_timeout_s
        self._idle: list[sqlite3.Connection] = []
        self._closed = False
        self._pid = os.getpid()
        self._lock = threading.Lock()
        # A store that nobody closed gives its file back when nobody holds it any more.
        weakref.finalize(self, _close_all, self._idle, self._pid)
        with explained(path):
            self._create()
        with self.borrow() as db:
            self._upgrade(db)
            self._use_wal(db)

    @contextmanager
    def borrow(self) -> Iterator[sqlite3.Connection]:
        """A connection for a while; what SQLite raises meanwhile becomes a StoreError."""
        with explained(self.path):
            db = self._take()
            try:
                yield db
            finally:
                self._give(db)

    def empty_log(self, db: sqlite3.Connection) -> None:
        """Bring all that is in the write-ahead log into the file, and leave the log empty.

        Raises:
            StoreError: Somebody has been reading the whole time.
        """
        deadline = time.monotonic() + self._timeout_s
        while True:
            (busy, *_) = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if not busy:
                return
            if time.monotonic() > deadline:
                raise StoreError(
                    f"{self.path} was busy: its log could not be emptied.",
                    hint="End the programs that read it, and do it again.",
                    retriable=True,
                    path=str(self.path),
                )
            time.sleep(0.02)

    def close(self) -> None:
        """Close what is idle now, and what is in use when it comes back."""
        with self._lock:
            self._closed = True
        _close_all(self._idle, self._pid)

    def _take(self) -> sqlite3.Connection:
        if os.getpid() != self._pid:
            raise StoreError(
                f"The store {self.path} was opened by another process.",
                hint="Connections do not survive a fork: open the store in the new process.",
                path=str(self.path),
            )
        with self._lock:
            if self._closed:
                raise StoreError(f"The store {self.path} is closed.", path=str(self.path))
            if self._idle:
                return self._idle.pop()
        return self._connect()

    def _give(self, db: sqlite3.Connection) -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(db)
                return
        db.close()

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(
            f"file:{quote(str(self.path))}?mode=rw",  # a file that vanished is not made anew
            uri=True,
            timeout=self._timeout_s,
            isolation_level=None,  # transactions begin where we say so
            check_same_thread=False,
        )
        # With WAL a crash of the program loses nothing; a power cut may lose the last commits,
        # and the next run does that work again.
        try:
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute("PRAGMA secure_delete = ON")  # zeros where deleted rows were
        except BaseException:
            db.close()
            raise
        return db

    def _create(self) -> None:
        made(self.path.parent)
        # One at a time: closing a file drops the locks that this process has on it.
        with _CREATING, suppress(FileExistsError):
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))

    def _upgrade(self, db: sqlite3.Connection) -> None:
        scripts = migrations()
        with transaction(db, "DEFERRED"):
            if self._version(db, len(scripts)) == len(scripts):
                return
        with transaction(db):
            # Another process may have done it while this one waited.
            for script in scripts[self._version(db, len(scripts)) :]:
                for statement in _statements(script):
                    db.execute(statement)
            db.execute(f"PRAGMA application_id = {_APPLICATION}")
            db.execute(f"PRAGMA user_version = {len(scripts)}")

    def _version(self, db: sqlite3.Connection, known: int) -> int:
        """The file's version: how many migrations it has seen."""
        (version,) = db.execute("PRAGMA user_version").fetchone()
        (application,) = db.execute("PRAGMA application_id").fetchone()
        (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if application != _APPLICATION and (version or tables):
            raise StoreError(
                f"{self.path} is the database of another program.",
                hint="Set another [store] path.",
                path=str(self.path),
            )
        if version > known:
            raise StoreError(
                f"{self.path} was written by a newer version of the toolkit "
                f"(database version {version}, this one knows {known}).",
                hint="Upgrade with: pip install -U video-analysis-toolkit",
                path=str(self.path),
            )
        return int(version)

    def _use_wal(self, db: sqlite3.Connection) -> None:
        """Readers then never wait for the writer. The file remembers it.

        The switch does not always honour the busy timeout, hence the loop. A file system that
        cannot do it keeps the rollback journal, which is slower and as safe.
        """
        deadline = time.monotonic() + self._timeout_s
        while True:
            try:
                db.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
                if time.monotonic() > deadline:
                    raise store_error(error, self.path) from error
                time.sleep(0.02)
            else:
                return


def _close_all(idle: list[sqlite3.Connection], pid: int) -> None:
    if os.getpid() != pid:
        return  # they belong to the process that forked this one
    while idle:
        idle.pop().close()


def _statements(script: str) -> Iterator[str]:
    """The statements of a script; ``executescript`` would commit the transaction first."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
