"""What was erased on request and is not to come back: hashes in the store, where all look.

A tombstone is a :class:`~toolkit.records.Completion` of the stage "forgotten" on a source's or a
video's id. Both ids are hashes, of the link or path and of the file's bytes; whoever guesses a link
can find out that it was erased, and nobody can read it from here. A source's tombstone has the
video's id as its key.
"""

from __future__ import annotations

from collections.abc import Iterable

from toolkit.errors import ForgottenError
from toolkit.records import Completion, Record, Source, Video
from toolkit.stages.store import Store

__all__ = ["STAGE", "forgotten", "kept_out", "refuse", "tombstone"]

STAGE = "forgotten"


def tombstone(item_id: str, video_id: str = "") -> Completion:
    """The tombstone of a source or a video."""
    return Completion.of(item_id, STAGE, video_id)


def forgotten(store: Store, ids: Iterable[str]) -> set[str]:
    """Which of these sources and videos have a tombstone."""
    return {one.item_id for one in store.stream(Completion, item_id=list(ids), stage=STAGE)}


def refuse(store: Store, source: Source, video_id: str | None = None) -> None:
    """See that neither a source nor the bytes it leads to were erased on request.

    Raises:
        ForgottenError: They were. Another source of the same bytes has a tombstone from then on.
    """
    if forgotten(store, [source.id]):
        raise ForgottenError(
            "It was erased on request.",
            hint="If it may come back: toolkit forget --allow SOURCE.",
            source_id=source.id,
        )
    if video_id is not None and forgotten(store, [video_id]):
        store.save([tombstone(source.id, video_id)])
        raise ForgottenError(
            "It has the very bytes of a video that was erased on request.",
            hint="If it may come back: toolkit forget --allow SOURCE.",
            source_id=source.id,
            video_id=video_id,
        )


def kept_out(store: Store, records: Iterable[Record]) -> list[Record]:
    """The records without those of sources and videos that were erased on request."""
    rows = list(records)
    out = forgotten(store, {name for row in rows for name in _names(row)})
    return [row for row in rows if not out.intersection(_names(row))] if out else rows


def _names(row: Record) -> list[str]:
    """The ids of the sources and videos that a record is about."""
    if isinstance(row, Completion):
        return [] if row.stage == STAGE else [row.item_id]
    if isinstance(row, Source | Video):
        return [row.id, getattr(row, "video_id", None) or ""]
    names = (getattr(row, "video_id", None), getattr(row, "source_id", None))
    return [name for name in names if name]
