"""Store plugin: one SQLite file, the embedded default.

Tables and columns have the names of the records and their fields, so that people can query the
file with any SQLite client or with DuckDB while the toolkit uses it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from toolkit.hooks.specs import Context, StorePlugin, hookimpl
from toolkit.stages.component import Options
from toolkit.stages.store import Store

__all__ = ["SQLiteOptions", "make", "toolkit_stores"]


class SQLiteOptions(Options):
    """Options of the SQLite store."""

    neutral: ClassVar[frozenset[str]] = frozenset({"path", "busy_timeout_s"})

    path: str = Field("", description="The database file; empty for toolkit.db in the workspace.")
    busy_timeout_s: float = Field(
        30.0,
        gt=0,
        le=86_400,
        description="How many seconds a write waits for another process that is writing.",
    )


def make(options: SQLiteOptions, context: Context) -> Store:
    """Open the database, and create or upgrade it where needed."""
    from toolkit_store_sqlite.store import SQLiteStore

    if options.path:
        path = context.base / Path(options.path).expanduser()
    else:
        path = context.workspace / "toolkit.db"
    return SQLiteStore(path, options.busy_timeout_s)


@hookimpl
def toolkit_stores() -> Iterator[StorePlugin]:
    """Bring the store ``sqlite``."""
    yield StorePlugin(
        name="sqlite",
        factory=make,
        options=SQLiteOptions,
        summary="One file, searched with SQLite's FTS5; safe for many processes of one machine.",
        extra="sqlite",
        place="path",
        suffixes=(".db", ".sqlite", ".sqlite3"),
    )
