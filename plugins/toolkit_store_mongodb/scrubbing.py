"""What was deleted, out of the server's files as well.

A WiredTiger file keeps a deleted document until its block is used again, and ``compact`` moves
blocks without wiping them. So every collection is written anew by ``$out`` to itself, which leaves
its old files behind to be deleted. The journal of a server that stands alone has the documents as
well, until it goes on in another file, of 100 MB: it is filled with noise. A replica set's oplog
cannot be cut: it says what happened until newer things take its place.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from toolkit.errors import StoreError
from toolkit.records import Record
from toolkit_store_mongodb.documents import NAMES
from toolkit_store_mongodb.rules import CLOSED, validator
from toolkit_store_mongodb.server import Server

if TYPE_CHECKING:
    from pymongo.database import Database

__all__ = ["scrub"]

_LONGEST_S = 6 * 3600.0
_NOISE = "toolkit_noise"
_PIECE, _PIECES = 1 << 20, 120  # more than a file of the journal holds
_UNAUTHORIZED = 13
_OPLOG = (
    "The oplog of the replica set has what was written until newer entries take its place: "
    "rs.printReplicationInfo() tells for how long."
)
_CHECKPOINT = "The server's files have it until its next checkpoint, within a minute."
_BACKUPS = "Backups and slow-query logs of the server are its keeper's to erase."


def scrub(server: Server) -> Sequence[str]:
    """Write every collection anew; gives where bytes may remain all the same.

    Raises:
        StoreError: The login may not, or it did not work.
    """
    import pymongo

    left = [_BACKUPS]

    def work() -> None:
        with pymongo.timeout(_LONGEST_S):
            database = server.collection(_NOISE).database
            for kind, name in NAMES.items():
                with _closed(database, kind, name, server.place):
                    database[name].aggregate(
                        [{"$match": {}}, {"$out": name}], bypassDocumentValidation=True
                    )
            if server.transactions:
                left.append(_OPLOG)
            else:
                _checkpoint(database, left)
                _make_noise(database)
            _checkpoint(database, left)

    server.steadily(work)
    return list(dict.fromkeys(left))


@contextmanager
def _closed(
    database: Database[dict[str, Any]], kind: type[Record], name: str, place: str
) -> Iterator[None]:
    """Let nobody write to a collection: what came while it is written anew would be lost."""
    from pymongo.errors import OperationFailure

    (there,) = database.list_collections(filter={"name": name})
    rules = there["options"].get("validator", {})  # somebody may have made others
    try:
        database.command("collMod", name, validator=CLOSED)
    except OperationFailure as error:
        if error.code != _UNAUTHORIZED:
            raise
        raise StoreError(
            f"{place} does not let this login write its collections anew, so deleted records "
            "may still be in its files.",
            hint="Give the login the role dbAdmin of the database, and do it again.",
            place=place,
        ) from error
    try:
        yield
    finally:
        restored = validator(kind) if rules == CLOSED else rules
        database.command("collMod", name, validator=restored)


def _make_noise(database: Database[dict[str, Any]]) -> None:
    noise = database[_NOISE]
    try:
        for number in range(_PIECES):
            noise.insert_one({"_id": number, "noise": os.urandom(_PIECE)})
    finally:
        noise.drop()


def _checkpoint(database: Database[dict[str, Any]], left: list[str]) -> None:
    from pymongo.errors import OperationFailure

    try:
        database.client.admin.command("fsync")
    except OperationFailure as error:
        if error.code != _UNAUTHORIZED:
            raise
        left.append(_CHECKPOINT)
