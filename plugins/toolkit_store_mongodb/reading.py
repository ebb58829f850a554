"""Documents one after the other, over breaks of the connection."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from toolkit.records import Record
from toolkit.stages.store import Where
from toolkit_store_mongodb.documents import Shape
from toolkit_store_mongodb.server import Server

if TYPE_CHECKING:
    from pymongo.cursor import Cursor

__all__ = ["stream"]

R = TypeVar("R", bound=Record)
_AT_ONCE = 500  # documents read before the first of them is handed on
Placed = tuple[tuple[Any, ...], R]


def stream(server: Server, of: Shape[R], where: Mapping[str, Where]) -> Iterator[R]:
    """The records that fit, in their order.

    Raises:
        StoreError: At once: the kind has no such field. Later: they could not be read.
    """
    index = of.index(where)
    parts = [_read(server, of, query, index) for query in of.queries(where)]
    placed = parts[0] if len(parts) == 1 else heapq.merge(*parts, key=lambda one: one[0])
    return (record for _, record in placed)


def _read(server: Server, of: Shape[R], query: dict[str, Any], index: str) -> Iterator[Placed[R]]:
    """The records of one query, each with its place in the order."""
    rows = server.collection(of.name)
    cursor: Cursor[dict[str, Any]] | None = None
    last: tuple[Any, ...] | None = None

    def more() -> list[dict[str, Any]]:
        nonlocal cursor
        if cursor is None:
            wanted = query if last is None else {"$and": [query, _after(of.order, last)]}
            cursor = rows.find(wanted, {"words": False}).hint(index)
            cursor = cursor.sort([(field, 1) for field in of.order]).allow_disk_use(True)
        try:
            return list(islice(cursor, _AT_ONCE))
        except Exception:
            cursor = None  # what comes after the last one handed on is asked for anew
            raise

    try:
        while page := server.steadily(more):
            last = _place(of, page[-1])
            for document in page:
                yield _place(of, document), of.record(document)
    finally:
        if cursor is not None:
            cursor.close()


def _place(of: Shape[Any], document: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(document.get(field, 0) for field in of.order)


def _after(order: tuple[str, ...], place: tuple[Any, ...]) -> dict[str, Any]:
    """Documents that come after this place."""
    pairs = [*zip(order, place, strict=True)]
    ways = []
    for i, (field, value) in enumerate(pairs):
        same = {name: {"$eq": before} for name, before in pairs[:i]}
        ways.append({**same, field: {"$gt": value}})
    return {"$or": ways}
