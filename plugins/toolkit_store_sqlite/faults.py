"""What SQLite says went wrong -> what a person can do about it."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from toolkit.errors import StoreError

__all__ = ["explained", "store_error"]

_FOLDER = "Check that you may write the file and its folder, or set another [store] path."
_DAMAGED = (
    "Restore a copy of the file, or save what can be read with: sqlite3 FILE .recover, or move "
    "the file away to start a new one."
)
# Primary result codes, https://sqlite.org/rescode.html -> message, hint, whether to try again.
_FAULTS: dict[int, tuple[str, str, bool]] = {
    sqlite3.SQLITE_BUSY: (
        "{path} was busy: another program has been writing for too long.",
        "End that program, or raise busy_timeout_s of the store.",
        True,
    ),
    sqlite3.SQLITE_LOCKED: ("{path} is locked.", "Try again.", True),
    sqlite3.SQLITE_CANTOPEN: ("{path} cannot be opened.", _FOLDER, False),
    sqlite3.SQLITE_PERM: ("{path} may not be used.", _FOLDER, False),
    sqlite3.SQLITE_AUTH: ("{path} may not be used.", _FOLDER, False),
    sqlite3.SQLITE_READONLY: ("{path} cannot be written.", _FOLDER, False),
    sqlite3.SQLITE_CORRUPT: ("{path} is damaged.", _DAMAGED, False),
    sqlite3.SQLITE_NOTADB: (
        "{path} is not an SQLite database.",
        "Set another [store] path, or move the file away.",
        False,
    ),
    sqlite3.SQLITE_FULL: (
        "There is no room left to write {path}.",
        "Free space on that disk, then run again: nothing that was saved is lost.",
        True,
    ),
    sqlite3.SQLITE_IOERR: (
        "The disk failed to read or write {path}.",
        "Check the disk and its free space; SQLite files do not belong on network drives.",
        True,
    ),
    sqlite3.SQLITE_NOMEM: ("Memory ran out while using {path}.", "Free some memory.", True),
    sqlite3.SQLITE_TOOBIG: ("A value is too large for {path}.", "Shorten it.", False),
    sqlite3.SQLITE_CONSTRAINT: (
        "{path} refused a value.",
        "A number that is not a number (NaN) has no place in a required field.",
        False,
    ),
}
_OTHER = ("{path} could not be used.", "If this comes again, please report it.", False)


def store_error(error: Exception, path: Path) -> StoreError:
    """The toolkit's error for one of SQLite's, with the original as its cause."""
    if isinstance(error, OSError):
        code = sqlite3.SQLITE_FULL if error.errno == errno.ENOSPC else sqlite3.SQLITE_CANTOPEN
    else:  # extended codes have the primary one in their low byte
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    message, hint, retriable = _FAULTS.get(code, _OTHER)
    fault = StoreError(
        f"{message.format(path=path)} ({error})", hint=hint, retriable=retriable, path=str(path)
    )
    fault.__cause__ = error
    return fault


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what SQLite and the file system raise into :class:`StoreError`."""
    try:
        yield
    except (sqlite3.Error, sqlite3.Warning, OSError, OverflowError, UnicodeError) as error:
        raise store_error(error, path) from error
