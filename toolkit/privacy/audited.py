"""A store that tells the audit log what people do with its records."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import JsonValue

from toolkit.privacy.audit import AuditLog, file_key
from toolkit.records import Record, Review, Run
from toolkit.stages.store import Hit, Store, Where

__all__ = ["AuditedStore", "note", "note_export"]

R = TypeVar("R", bound=Record)
_SINGLY = 20  # of more reviews at once there is one entry


class AuditedStore(Store):
    """Passes everything on. Reviews are entries of the log.

    Args:
        store: The store itself.
        log: The log of its workspace.
    """

    def __init__(self, store: Store, log: AuditLog) -> None:
        self.log = log
        self._store = store

    def __repr__(self) -> str:
        return repr(self._store)

    def save(self, records: Iterable[Record]) -> None:
        """See :class:`~toolkit.stages.store.Store`, and so below."""
        rows = list(records)
        self._store.save(rows)
        reviews = [row for row in rows if isinstance(row, Review)]
        if len(reviews) > _SINGLY:
            names: list[JsonValue] = [*sorted({review.reviewer for review in reviews})]
            self.log.add("reviews", count=len(reviews), reviewers=names)
        else:
            for review in reviews:
                self.log.add(
                    "review",
                    review=review.id,
                    video=review.video_id,
                    scene=review.scene_id,
                    target=review.target,
                    action=review.action,
                    reviewer=review.reviewer,
                )

    def stream(self, kind: type[R], /, **where: Where) -> Iterator[R]:
        """Records that fit."""
        return self._store.stream(kind, **where)

    def find(self, kind: type[R], /, **where: Where) -> list[R]:
        """Records that fit."""
        return self._store.find(kind, **where)

    def count(self, kind: type[Record], /, **where: Where) -> int:
        """How many fit."""
        return self._store.count(kind, **where)

    def delete(self, kind: type[Record], /, **where: Where) -> int:
        """Delete those that fit."""
        return self._store.delete(kind, **where)

    def scrub(self) -> Sequence[str]:
        """See that nothing deleted can be read."""
        return self._store.scrub()

    def search(
        self, words: str, *, limit: int = 20, without: Collection[str] = ()
    ) -> Sequence[Hit]:
        """Scenes with these words."""
        return self._store.search(words, limit=limit, without=without)

    def close(self) -> None:
        """Close the store itself."""
        self._store.close()


def note(store: Store, what: str, **about: JsonValue) -> None:
    """Add an entry to the log of a store's workspace; a bare store has none.

    Raises:
        AuditError: It cannot be written.
    """
    if isinstance(store, AuditedStore):
        store.log.add(what, **about)


def note_export(
    store: Store,
    kind: str,
    files: Iterable[Path],
    run: Run | None = None,
    video_ids: Iterable[str] = (),
) -> None:
    """Note that results were written to files, of which the log knows no names.

    Args:
        store: Where they are from.
        kind: What the files are: "records", "report", "clips" …
        files: The files.
        run: Whose results they hold.
        video_ids: The videos that they are about; none for all of the run, or of the store.

    Raises:
        AuditError: It cannot be written.
    """
    if isinstance(store, AuditedStore):
        keys: list[JsonValue] = [file_key(file) for file in files]
        videos: list[JsonValue] = [*sorted({*video_ids})]
        run_id = run.id if run else None
        store.log.add("export", kind=kind, files=keys, run=run_id, videos=videos)
