"""The MongoDB store."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from toolkit.errors import StoreError
from toolkit.records import Answer, Record, Review, Synthesis
from toolkit.stages.store import Hit, Store, Where
from toolkit_store_mongodb.documents import NAMES, shape
from toolkit_store_mongodb.faults import explained
from toolkit_store_mongodb.reading import stream
from toolkit_store_mongodb.scrubbing import scrub
from toolkit_store_mongodb.search import pipeline
from toolkit_store_mongodb.server import Server
from toolkit_store_mongodb.words import snippet, terms

if TYPE_CHECKING:
    from bson.raw_bson import RawBSONDocument
    from pymongo.client_session import ClientSession
    from pymongo.collection import Collection as MongoCollection

__all__ = ["MongoDBStore"]

R = TypeVar("R", bound=Record)
_LARGEST = 16 * 1024 * 1024 - 4096  # 16 MiB, less what the update around a document takes
_AT_ONCE = 1000  # records a command, so that none takes long


class MongoDBStore(Store):
    """Every record in one database of a MongoDB server, a collection a kind.

    Args:
        server: The server; the store closes it.
    """

    def __init__(self, server: Server) -> None:
        self._server = server

    def __repr__(self) -> str:
        return f"<MongoDBStore: {self._server.place}>"

    def save(self, records: Iterable[Record]) -> None:
        # All are checked before one is written. Of two with one id the later wins.
        kinds: dict[type[Record], dict[str, RawBSONDocument]] = {}
        for record in records:
            document = self._document(record)
            kinds.setdefault(type(record), {})[record.id] = document
        total = sum(map(len, kinds.values()))
        if not total:
            return

        def attempt() -> None:
            # Anew each time: a crash of the server may take back numbers, never those of rows.
            first = self._server.reserve(total)
            # Even for one: outside of a transaction the server is silent while it waits for others.
            self._server.together(lambda session: self._write(kinds, first, session))

        self._server.steadily(attempt)

    def stream(self, kind: type[R], /, **where: Where) -> Iterator[R]:
        return stream(self._server, shape(kind), where)

    def count(self, kind: type[Record], /, **where: Where) -> int:
        of = shape(kind)
        rows = self._server.collection(of.name)
        total = 0
        for query in of.queries(where):
            total += self._server.steadily(functools.partial(rows.count_documents, query))
        return total

    def delete(self, kind: type[Record], /, **where: Where) -> int:
        of = shape(kind)
        rows = self._server.collection(of.name)
        if not where:
            raise StoreError(f"Which {of.name} are to be deleted is not said.")
        total = 0
        for query in of.queries(where):
            some = functools.partial(_delete_some, rows, query)
            attempt = functools.partial(self._server.together, some)
            found = 1
            while found:
                found, deleted = self._server.steadily(attempt)
                total += deleted
        return total

    def scrub(self) -> Sequence[str]:
        return scrub(self._server)

    def search(
        self, words: str, *, limit: int = 20, without: Collection[str] = ()
    ) -> Sequence[Hit]:
        # Text that is not Unicode cannot be passed at all.
        wanted = terms(words.encode(errors="replace").decode())
        if not wanted or limit < 1:
            return []
        answers = self._server.collection(NAMES[Answer])
        others = [NAMES[Synthesis], NAMES[Review]]
        # The server gives up before the connection does, so that no question outlives its asker.
        longest_ms = max(1, int(self._server.timeout_s * 900))

        def read() -> tuple[list[Mapping[str, Any]], dict[str, Mapping[str, Any]]]:
            with answers.aggregate(
                pipeline(wanted, limit, others, without), allowDiskUse=True, maxTimeMS=longest_ms
            ) as subjects:
                best = [subject["best"] for subject in subjects]
            ids = {"_id": {"$in": [one["id"] for one in best]}}
            fields = ["scene_id", "video_id", "text", "value"]
            texts = [*answers.find(ids, fields)]
            for name in others:
                texts += self._server.collection(name).find(ids, fields)
            return best, {text["_id"]: text for text in texts}

        best, texts = self._server.steadily(read)
        return [
            Hit(
                text.get("scene_id"),
                text["video_id"],
                snippet(text.get("text", text.get("value")), wanted),
                one["score"],
            )
            for one in best
            if (text := texts.get(one["id"]))  # it may have gone since
        ]

    def drop(self) -> None:
        """Remove the database, with all that anybody has put there."""
        self._server.steadily(self._server.drop)

    def close(self) -> None:
        self._server.close()

    def _document(self, record: Record) -> RawBSONDocument:
        """A record as it is sent, once it is sure that it can be.

        Raises:
            StoreError: It has no id, its kind is not kept, or a value does not fit.
        """
        from bson import encode
        from bson.raw_bson import RawBSONDocument

        kind = type(record)
        document = shape(kind).document(record)
        if not record.id:
            raise StoreError(f"A {kind.__name__} without an id cannot be saved: {record!r}")
        with explained(self._server.place):
            data = encode(document)
            encode({"_id": record.id})
        if len(data) > _LARGEST:
            raise StoreError(
                f"A {kind.__name__} has {len(data) / 2**20:.1f} MiB: {record.id}",
                hint="MongoDB has documents of up to 16 MiB.",
            )
        return RawBSONDocument(data)

    def _write(
        self,
        kinds: Mapping[type[Record], Mapping[str, RawBSONDocument]],
        number: int,
        session: ClientSession | None,
    ) -> None:
        """Insert documents, or update those with their ids in place, so that the order stays."""
        from pymongo import UpdateOne

        for kind, name in NAMES.items():
            updates = []
            for key, row in kinds.get(kind, {}).items():
                change = {"$set": row, "$setOnInsert": {"seq": number}}
                updates.append(UpdateOne({"_id": key}, change, upsert=True))
                number += 1
            for i in range(0, len(updates), _AT_ONCE):
                self._server.collection(name).bulk_write(updates[i : i + _AT_ONCE], session=session)


def _delete_some(
    rows: MongoCollection[dict[str, Any]], query: dict[str, Any], session: ClientSession | None
) -> tuple[int, int]:
    """Delete the first documents that fit; gives how many were found, and deleted.

    Never all: a large transaction may take longer than the server lets it.
    """
    found = rows.find(query, {"_id": True}, session=session).limit(_AT_ONCE)
    ids = [document["_id"] for document in found]
    if not ids:
        return 0, 0
    theirs = {"$and": [query, {"_id": {"$in": ids}}]}  # without a transaction they may change
    return len(ids), rows.delete_many(theirs, session=session).deleted_count
