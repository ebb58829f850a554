"""The SQLite store."""

from __future__ import annotations

import json
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from toolkit.errors import StoreError
from toolkit.records import Record
from toolkit.stages.fts5 import terms
from toolkit.stages.store import Hit, Store, Where
from toolkit_store_sqlite.files import Connections, transaction
from toolkit_store_sqlite.tables import Table, table

__all__ = ["SQLiteStore"]

R = TypeVar("R", bound=Record)
_AT_ONCE = 500  # rows read before the first of them is handed on

# A scene (or a video, of which a synthesis speaks) fits when each term is in one of its texts, not
# necessarily all in the same one. FTS5 gives the texts best first (bm25), so the first one of a
# scene is its best and reading can stop early. LEFT JOIN also keeps SQLite from changing that order
# of loops. Syntheses are in the index under their negative "seq", reviews far above answers.
_TEXTS = """
LEFT JOIN answers ON answers.seq = words.rowid
LEFT JOIN syntheses ON syntheses.seq = -words.rowid
LEFT JOIN reviews ON reviews.seq = words.rowid - 4611686018427387904
"""
_COUNTS = """
coalesce(answers.id, reviews.id, syntheses.id) NOT IN (SELECT value FROM json_each(:without))
"""
_SUBJECT = "coalesce(answers.scene_id, reviews.scene_id, syntheses.video_id)"
_SEARCH = f"""
SELECT coalesce(answers.scene_id, reviews.scene_id),
    coalesce(answers.video_id, reviews.video_id, syntheses.video_id),
    snippet(words, 0, '[', ']', '…', 24), words.rank
FROM words {_TEXTS}
WHERE words MATCH :any AND {_COUNTS} AND {_SUBJECT} IN (
    SELECT {_SUBJECT} AS subject
    FROM json_each(:terms) AS term
    CROSS JOIN words ON words MATCH term.value
    {_TEXTS}
    WHERE {_COUNTS}
    GROUP BY subject
    HAVING count(DISTINCT term.key) = :count
)
ORDER BY words.rank
"""  # noqa: S608 - of texts of this file alone


class SQLiteStore(Store):
    """Every record in one SQLite file.

    Args:
        path: The file; made private (mode 0600) where it is missing.
        busy_timeout_s: How long a write waits for other writers before it gives up.

    Raises:
        StoreError: The file cannot be opened; the message says why and what to do.
    """

    def __init__(self, path: Path, busy_timeout_s: float = 30.0) -> None:
        self.path = path
        self._busy_timeout_s = busy_timeout_s
        self._connections = Connections(path, busy_timeout_s)
        # SQLite lets writers in by chance; threads of one process queue here instead.
        self._writing = threading.Lock()

    def __repr__(self) -> str:
        return f"SQLiteStore({str(self.path)!r})"

    def save(self, records: Iterable[Record]) -> None:
        rows: dict[type[Record], list[tuple[Any, ...]]] = {}
        for record in records:
            kind = type(record)
            row = table(kind).row(record)
            if not record.id:
                raise StoreError(f"A {kind.__name__} without an id cannot be saved: {record!r}")
            rows.setdefault(kind, []).append(row)
        if not rows:
            return
        with self._alone(), self._connections.borrow() as db, transaction(db):
            for kind, values in rows.items():
                db.executemany(table(kind).upsert, values)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Be the only writer of this process."""
        if not self._writing.acquire(timeout=self._busy_timeout_s):
            raise StoreError(
                f"{self.path} was busy: another thread has been writing for too long.",
                hint="Raise busy_timeout_s of the store.",
                retriable=True,
                path=str(self.path),
            )
        try:
            yield
        finally:
            self._writing.release()

    def stream(self, kind: type[R], /, **where: Where) -> Iterator[R]:
        of = table(kind)
        clause, values = of.where(where)
        return self._read(of, of.select(clause), values)

    def _read(self, of: Table[R], query: str, values: Sequence[Any]) -> Iterator[R]:
        # One query from its beginning to its end sees the file as it was at its beginning.
        with self._connections.borrow() as db, closing(db.execute(query, values)) as rows:
            while page := rows.fetchmany(_AT_ONCE):
                yield from of.records(page)

    def count(self, kind: type[Record], /, **where: Where) -> int:
        of = table(kind)
        clause, values = of.where(where)
        with self._connections.borrow() as db:
            (number,) = db.execute(f"{of.total} {clause}", values).fetchone()
        return int(number)

    def delete(self, kind: type[Record], /, **where: Where) -> int:
        of = table(kind)
        clause, values = of.where(where)
        if not clause:
            raise StoreError(f"Which {of.name} are to be deleted is not said.")
        with self._alone(), self._connections.borrow() as db, transaction(db):
            return db.execute(f"{of.removal} {clause}", values).rowcount

    def scrub(self) -> Sequence[str]:
        with self._alone(), self._connections.borrow() as db:
            # Words of deleted texts stay in the index until its parts are merged into one, and
            # rows in free pages, in the slack of others, and in the log, until all is rewritten.
            db.execute("INSERT INTO words (words) VALUES ('optimize')")
            db.execute("VACUUM")
            self._connections.empty_log(db)
        return []

    def search(
        self, words: str, *, limit: int = 20, without: Collection[str] = ()
    ) -> Sequence[Hit]:
        wanted = terms(words)
        hits: dict[str, Hit] = {}
        if not wanted or limit < 1:
            return []
        values = {
            "any": " OR ".join(wanted),
            "terms": json.dumps(wanted),
            "count": len(wanted),
            "without": json.dumps(list(without)),
        }
        with self._connections.borrow() as db, closing(db.execute(_SEARCH, values)) as rows:
            for scene_id, video_id, snippet, rank in rows:
                hits.setdefault(scene_id or video_id, Hit(scene_id, video_id, snippet, -rank))
                if len(hits) == limit:
                    break
        return list(hits.values())

    def close(self) -> None:
        self._connections.close()
