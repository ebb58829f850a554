"""The connection to a server: opened, kept over breaks, and its database made ready."""

from __future__ import annotations

import logging
import os
import random
import re
import time
import weakref
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote_plus

from toolkit.errors import StoreError
from toolkit_store_mongodb.documents import INDEXES, NAMES
from toolkit_store_mongodb.faults import conflicts, explained, passes
from toolkit_store_mongodb.rules import lacking, validator

if TYPE_CHECKING:
    from pymongo import MongoClient
    from pymongo.client_session import ClientSession
    from pymongo.collection import Collection

__all__ = ["META", "VERSION", "Server"]

VERSION = 1
"""Of the documents' form; it grows when a reader has to know more."""
META = "toolkit"
"""The collection whose one document holds the version and the number of the latest record."""

log = logging.getLogger(__name__)
T = TypeVar("T")
_ABANDONED_S = 90.0
"""How long a transaction may stay open whose writer was killed: for the 60 s of the server's
``transactionLifetimeLimitSeconds``, and until it looks for such ones, each half of that time. Not
asked for: a login that may only read and write is not told."""
_TOLD_S = 5.0
_ID = "store"
_LOGIN = re.compile(r"^[\w+]+://(?P<login>.*)@", re.DOTALL)
_HOST = r"(?:[\w.-]+|\[[\da-fA-F:.]+\])(?::\d+)?"
_HOSTS = re.compile(rf"{_HOST}(?:,{_HOST})*")
_EXISTS, _UNAUTHORIZED = 48, 13
_FAREWELL_S = 1.0
_SHORTEST = 4  # a shorter "secret" would blank out half of every text


class Server:
    """One database of a MongoDB server. For many threads; not for a process that forked.

    Args:
        uri: ``mongodb://`` or ``mongodb+srv://``; options that it holds win.
        database: The database's name.
        username: The login's name, if the URI has none.
        password: Its password.
        timeout_s: How long to look for a server, to connect, and to wait for an answer.
        settings: More settings of ``pymongo.MongoClient``.

    Raises:
        StoreError: There is no such server, it does not let us in, or the database is another
            program's or of a newer version.
    """

    def __init__(
        self,
        uri: str,
        database: str = "toolkit",
        *,
        username: str | None = None,
        password: str | None = None,
        timeout_s: float = 20.0,
        settings: Mapping[str, object] | None = None,
    ) -> None:
        from pymongo import MongoClient
        from pymongo.errors import InvalidURI

        self.place = f"The MongoDB at {_hosts(uri)}/{database}"
        self.timeout_s = timeout_s
        login = _LOGIN.match(uri)
        parts = [uri, username, password, *(login["login"].split(":", 1) if login else ())]
        forms = {form for part in parts if part for form in (part, unquote_plus(part))}
        self._secrets = tuple(form for form in forms if len(form) >= _SHORTEST)
        self._pid = os.getpid()
        given = {
            **_missing(uri, {**_defaults(timeout_s), **(settings or {})}),
            **({"username": username} if username else {}),
            **({"password": password} if password else {}),
        }
        with explained(self.place, self._secrets):
            try:
                self._client: MongoClient[dict[str, Any]] = MongoClient(uri, **given)
            except (InvalidURI, ValueError, TypeError) as error:
                if isinstance(error, OSError):
                    raise
                # The driver quotes what it cannot read, and that may be a part of the password.
                raise StoreError(
                    f"{self.place} cannot be used: its uri is not as it should be.",
                    hint="It is mongodb://host:27017 or mongodb+srv://host; what stands before the "
                    "@ is escaped as in a link, or comes as username and password of the store.",
                    place=self.place,
                ) from None
            # A handle of a run keeps its store open for as long as somebody may read from it.
            self._end = weakref.finalize(self, _close, self._client)
            try:
                self._open(database)
            except BaseException:
                self.close()
                raise

    def steadily(self, work: Callable[[], T]) -> T:
        """Do what may be done twice, and try again over what passes.

        Breaks of the connection may last ``timeout_s``; conflicts with others who write the same
        records as long as a transaction that nobody ends.

        Raises:
            StoreError: It does not work, or not in that time.
        """
        if os.getpid() != self._pid:
            raise StoreError(
                f"{self.place} was opened by another process.",
                hint="Connections do not survive a fork: open the store in the new process.",
                place=self.place,
            )
        since: dict[bool, float] = {}
        pause_s, told = 0.005, False
        with explained(self.place, self._secrets):
            while True:
                try:
                    return work()
                except Exception as error:
                    conflict, now = conflicts(error), time.monotonic()
                    longest_s = max(self.timeout_s, _ABANDONED_S) if conflict else self.timeout_s
                    waited_s = now - since.setdefault(conflict, now)
                    if not passes(error) or waited_s > longest_s:
                        raise
                    if conflict and waited_s > _TOLD_S and not told:
                        told = True
                        log.warning(
                            "%s: waits for another writer of the same records. One that was killed "
                            "is waited for, too, up to %.0f s.",
                            self.place,
                            longest_s,
                        )
                # Those who wait for one another must not come back at the same moment.
                time.sleep(random.uniform(0, pause_s))
                pause_s = min(pause_s * 1.5, 0.5)

    def collection(self, name: str) -> Collection[dict[str, Any]]:
        """A collection of the database."""
        return self._database[name]

    def reserve(self, count: int) -> int:
        """Numbers for so many records, above all that were given before: the first of them."""
        from pymongo import ReturnDocument, WriteConcern

        # Not waited for: a later write that is confirmed confirms what was written before it.
        meta = self.collection(META).with_options(write_concern=WriteConcern(w=1))
        found = meta.find_one_and_update(
            {"_id": _ID}, {"$inc": {"seq": count}}, return_document=ReturnDocument.AFTER
        )
        if found is None:
            raise StoreError(
                f"{self.place} was emptied while it was in use.",
                hint="Open the store anew.",
                place=self.place,
            )
        return int(found["seq"]) - count + 1

    def together(self, work: Callable[[ClientSession | None], T]) -> T:
        """Do some writes in a transaction; one after the other where the server has none.

        In one the server tells at once of records that another has open; else it waits, silent.
        """
        from pymongo import ReadPreference

        if not self.transactions:
            return work(None)
        with (
            self._client.start_session() as session,
            session.start_transaction(read_preference=ReadPreference.PRIMARY),
        ):
            return work(session)

    def drop(self) -> None:
        """Remove the database: it goes with its last collection, which readWrite may drop."""
        for name in self._database.list_collection_names():
            self._database.drop_collection(name)

    def close(self) -> None:
        """Close all connections."""
        if os.getpid() == self._pid:
            self._end()

    def _open(self, database: str) -> None:
        from bson.codec_options import CodecOptions
        from pymongo import IndexModel

        options: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True)
        self._database = self._client.get_database(database, codec_options=options)
        hello = self._client.admin.command("hello")
        # Replica sets, Atlas among them, and routers of sharded clusters.
        self.transactions = "setName" in hello or hello.get("msg") == "isdbgrid"
        meta = self._database[META]
        if (found := meta.find_one({"_id": _ID})) is None:
            theirs = set(self._database.list_collection_names()) & {*NAMES.values()}
            # Another process may have begun to make them while this one looked.
            if theirs and meta.find_one({"_id": _ID}) is None:
                raise StoreError(
                    f"{self.place} is the database of another program: it has collections named "
                    f"{', '.join(sorted(theirs))}.",
                    hint="Set another database of the store.",
                    place=self.place,
                )
            first = {"$setOnInsert": {"version": VERSION, "seq": 0}}
            meta.update_one({"_id": _ID}, first, upsert=True)
        elif found["version"] > VERSION:
            raise StoreError(
                f"{self.place} was written by a newer version of the toolkit "
                f"(database version {found['version']}, this one knows {VERSION}).",
                hint="Upgrade with: pip install -U video-analysis-toolkit",
                place=self.place,
            )
        self._make_collections()
        for kind, indexes in INDEXES.items():  # the server leaves alone what is there
            models = [IndexModel([(field, 1) for field in fields]) for fields in indexes]
            self._database[NAMES[kind]].create_indexes(models)

    def _make_collections(self) -> None:
        """Make those that are missing, and give those their rules that have none."""
        from pymongo.errors import OperationFailure

        there = {
            one["name"]: one["options"].get("validator", {})
            for one in self._database.list_collections(filter={"name": {"$in": [*NAMES.values()]}})
        }
        for kind, name in NAMES.items():
            rules = validator(kind)
            try:
                if name not in there:
                    self._database.create_collection(name, check_exists=False, validator=rules)
                elif lacking(rules, there[name]):
                    self._database.command("collMod", name, validator=rules)
            except OperationFailure as error:
                # Another process was faster; or the login may make collections, and not change
                # them (readWrite): then the rules stay as they are.
                if error.code not in (_EXISTS, _UNAUTHORIZED):
                    raise


def _close(client: MongoClient[dict[str, Any]]) -> None:
    """A server that is gone is not waited for: it is only to be told that sessions end."""
    from pymongo import timeout

    with timeout(_FAREWELL_S):
        client.close()


def _defaults(timeout_s: float) -> dict[str, object]:
    milliseconds = max(1, int(timeout_s * 1000))
    return {
        "appname": "video-analysis-toolkit",
        "connectTimeoutMS": milliseconds,
        "serverSelectionTimeoutMS": milliseconds,
        "socketTimeoutMS": milliseconds,
        "waitQueueTimeoutMS": milliseconds,
        # Confirmed when most of the servers have it, on their disks: no crash takes it back.
        "w": "majority",
        "journal": True,
        "wTimeoutMS": milliseconds,
        "retryReads": True,
        "retryWrites": True,
    }


def _missing(uri: str, settings: Mapping[str, object]) -> dict[str, Any]:
    """The settings that the URI does not speak of."""
    query = uri.rpartition("@")[2].partition("?")[2]
    spoken = {option.partition("=")[0].lower() for option in re.split("[&;]", query)}
    if "ssl" in spoken:
        spoken.add("tls")
    if "w" in spoken:
        spoken |= {"journal", "wtimeoutms"}
    return {name: value for name, value in settings.items() if name.lower() not in spoken}


def _hosts(uri: str) -> str:
    """The hosts of a URI, for people; nothing where what stands there may be a secret."""
    hosts = re.split("[/?]", uri.partition("://")[2].rpartition("@")[2])[0]
    return hosts if _HOSTS.fullmatch(hosts) else "(unreadable)"
