"""Servers that go away, refuse or stall: each ends as an error that says what to do."""

from __future__ import annotations

import os
import random
import socket
import traceback
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import bson.errors
import pymongo.errors
import pytest
from mongodb import opener
from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import PyMongoError

import toolkit as tk
from toolkit.errors import StoreError
from toolkit.hooks.specs import Context
from toolkit.records import Answer, Run, Scene
from toolkit.stages.store import Store
from toolkit.testing.clips import Shot, write_film
from toolkit.testing.mongod import Mongod, mongod, replica_set
from toolkit.testing.samples import description, scene
from toolkit.testing.stores import OpenStore, ServedSuite
from toolkit.testing.world import ClipTruth
from toolkit_store_mongodb import MongoDBOptions, make
from toolkit_store_mongodb.faults import store_error


@pytest.fixture
def database() -> str:
    return f"test-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def open_store(alone: Mongod, database: str, tmp_path: Path) -> OpenStore:
    return opener(alone, database, tmp_path)


@pytest.fixture
def open_guarded(guarded: Mongod, database: str, tmp_path: Path) -> OpenStore:
    return opener(guarded, database, tmp_path)


@pytest.fixture
def guarded_client(guarded: Mongod) -> Iterator[MongoClient[dict[str, Any]]]:
    options = {**guarded.options, "tlsCAFile": guarded.options["tls_ca_file"]}
    del options["tls_ca_file"]
    with MongoClient[dict[str, Any]](guarded.uri, **options) as client:
        yield client


@pytest.fixture
def short_lives(guarded_client: MongoClient[dict[str, Any]]) -> Iterator[None]:
    """Transactions that begin from now on may stay open for two seconds."""
    name = "transactionLifetimeLimitSeconds"
    was = guarded_client.admin.command({"getParameter": 1, name: 1})[name]
    guarded_client.admin.command({"setParameter": 1, name: 2})
    yield
    guarded_client.admin.command({"setParameter": 1, name: was})


@pytest.fixture
def impatient(guarded: Mongod, database: str, tmp_path: Path) -> Iterator[Store]:
    """A store that waits for its server for half a second."""
    with opener(guarded, database, tmp_path, timeout_s=0.5)() as store:
        yield store


@pytest.fixture
def session(guarded_client: MongoClient[dict[str, Any]]) -> Iterator[ClientSession]:
    """Of another writer."""
    with guarded_client.start_session() as session:
        yield session


def attempt(**options: Any) -> StoreError:
    """The error of opening a store."""
    options = {"timeout_s": 0.5, **options}
    with pytest.raises(StoreError) as caught:
        make(MongoDBOptions.model_validate(options), Context(Path(), Path()))
    assert caught.value.hint
    return caught.value


class TestOpening:
    def test_nobody_listens(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
            error = attempt(uri=f"mongodb://127.0.0.1:{port}")
        assert error.retriable
        assert f"127.0.0.1:{port}/toolkit does not answer" in error.message
        assert "refused" in error.message
        assert "IP access list" in str(error)
        assert isinstance(error.__cause__, pymongo.errors.ServerSelectionTimeoutError)

    def test_a_server_that_never_answers(self) -> None:
        with socket.socket() as mute:
            mute.bind(("127.0.0.1", 0))
            mute.listen()
            error = attempt(uri=f"mongodb://127.0.0.1:{mute.getsockname()[1]}")
        assert error.retriable
        assert "does not answer" in error.message

    def test_no_such_host(self) -> None:
        assert "does not answer" in attempt(uri="mongodb://no-such-host.invalid").message
        error = attempt(uri="mongodb+srv://me:hidden-word@no-such-host.invalid")
        assert "no-such-host.invalid" in error.message
        assert "hidden-word" not in shown(error)

    def test_a_wrong_login(self, guarded: Mongod) -> None:
        for wrong in ({"password": "hidden-word"}, {"username": "hidden-name"}):
            error = attempt(uri=guarded.uri, **{**guarded.options, **wrong})
            assert "refused the login" in error.message
            assert not error.retriable
            assert "hidden" not in shown(error)
        without = {"tls_ca_file": guarded.options["tls_ca_file"]}
        assert "username" in (attempt(uri=guarded.uri, **without).hint or "")

    def test_a_certificate_that_nobody_here_trusts(self, guarded: Mongod) -> None:
        login = {key: guarded.options[key] for key in ("username", "password")}
        error = attempt(uri=guarded.uri, tls=True, **login)
        assert "certificate" in error.message
        assert "tls_ca_file" in (error.hint or "")
        assert not error.retriable
        elsewhere = guarded.uri.replace("127.0.0.1", "localhost")  # the certificate is for 127…
        assert "certificate" in attempt(uri=elsewhere, **guarded.options).message
        options = {"uri": guarded.uri, "tls": True, "tls_allow_invalid_certificates": True}
        make(MongoDBOptions.model_validate({**options, **login}), Context(Path(), Path())).close()

    def test_one_side_encrypts_and_the_other_does_not(self, alone: Mongod, guarded: Mongod) -> None:
        assert "tls" in (attempt(uri=alone.uri, tls=True).hint or "")
        assert "tls" in (attempt(uri=guarded.uri).hint or "")

    def test_a_file_of_certificates_that_is_none(self, tmp_path: Path) -> None:
        text = tmp_path / "text.pem"
        text.write_text("none")
        for file in (text, tmp_path / "missing.pem"):
            error = attempt(tls_ca_file=str(file))
            assert "tls_ca_file" in (error.hint or "")

    @pytest.mark.parametrize(
        "uri",
        [
            "mongodb://me:hidden/word@localhost",
            "mongodb://me:hidden@word@localhost",
            "mongodb://me:hidden:word@localhost",
            "mongodb://me:hidden?word@localhost",
            "mongodb://localhost:hidden",
            "mongodb://me:hidden-word@localhost/?tls=perhaps&tls=no",
            "mongodb://me:hidden-word@localhost/?w=0&journal=true",
            "mongodb://[::hidden",
            "mongodb://",
            "http://me:hidden-word@localhost",
            "hidden",
            "",
        ],
    )
    @pytest.mark.filterwarnings("ignore::UserWarning")
    def test_a_uri_with_mistakes(self, uri: str) -> None:
        assert "hidden" not in shown(attempt(uri=uri)).replace(uri, "")

    def test_the_host_is_shown_and_the_login_is_not(self, alone: Mongod, tmp_path: Path) -> None:
        host = alone.uri.removeprefix("mongodb://")
        error = attempt(uri=f"mongodb://hidden-name:hidden%2Fword@{host}/?authSource=admin")
        assert host in error.message
        assert "hidden" not in shown(error)


class TestTrouble:
    def test_a_batch_that_the_server_refuses(
        self,
        guarded_client: MongoClient[dict[str, Any]],
        open_guarded: OpenStore,
        database: str,
    ) -> None:
        with open_guarded() as store:
            raw = guarded_client[database]
            rule = {"text": {"$ne": "refused"}}
            raw.command("collMod", "answers", validator=rule)
            batch = [scene(), description(scene(), "refused")]
            with pytest.raises(StoreError, match="refused a record") as caught:
                store.save(batch)
            assert not caught.value.retriable
            assert store.count(Scene) == store.count(Answer) == 0
            raw.command("collMod", "answers", validator={})
            store.save(batch)
            assert store.count(Scene) == store.count(Answer) == 1

    @pytest.mark.usefixtures("short_lives")
    @pytest.mark.parametrize("size", [1, 10])
    def test_a_writer_that_was_killed_is_waited_for(
        self,
        guarded_client: MongoClient[dict[str, Any]],
        impatient: Store,
        session: ClientSession,
        database: str,
        size: int,
    ) -> None:
        """Its transaction stays open until the server ends it, longer than timeout_s."""
        batch = [scene(index=i) for i in range(size)]
        session.start_transaction()
        leave_open(impatient, guarded_client[database], batch, session)
        impatient.save(batch)
        assert impatient.find(Scene) == batch
        with pytest.raises(PyMongoError) as ended:
            session.commit_transaction()
        assert getattr(ended.value, "code", None) == 251  # NoSuchTransaction

    @pytest.mark.usefixtures("short_lives")
    def test_deleting_waits_for_a_writer_that_was_killed(
        self,
        guarded_client: MongoClient[dict[str, Any]],
        impatient: Store,
        session: ClientSession,
        database: str,
    ) -> None:
        impatient.save([scene(index=i) for i in range(2500)])  # more than one command deletes
        session.start_transaction()
        guarded_client[database]["scenes"].update_many(
            {"index": {"$lt": 2}}, {"$set": {"start_s": 0.5}}, session=session
        )
        assert impatient.delete(Scene, video_id=scene().video_id) == 2500
        assert impatient.count(Scene) == 0
        session.abort_transaction()

    def test_a_writer_that_never_ends_is_an_error(
        self,
        guarded_client: MongoClient[dict[str, Any]],
        impatient: Store,
        session: ClientSession,
        database: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("toolkit_store_mongodb.server._ABANDONED_S", 0.5)
        with session.start_transaction():
            leave_open(impatient, guarded_client[database], [scene()], session)
            with pytest.raises(StoreError, match="others wrote the same records") as caught:
                impatient.save([scene()])
            assert caught.value.retriable
            session.abort_transaction()
        impatient.save([scene()])
        assert impatient.count(Scene) == 1

    def test_more_threads_than_connections(self, alone: Mongod, database: str) -> None:
        with opener(alone, database, Path(), pool_size=1)() as store, ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda i: store.save([scene(index=i), scene(index=0)]), range(40)))
            assert store.count(Scene) == 40

    @pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
    @pytest.mark.filterwarnings("ignore:.*fork:UserWarning")
    def test_a_store_does_not_survive_a_fork(self, open_store: OpenStore) -> None:
        with open_store() as store:
            store.save([scene()])
            child = os.fork()
            if child == 0:
                try:
                    store.count(Scene)
                except StoreError:
                    store.close()
                    os._exit(0)
                os._exit(1)
            assert os.waitpid(child, 0)[1] == 0
            assert store.count(Scene) == 1

    def test_every_fault_has_its_words(self) -> None:
        kinds = {
            kind
            for module in (pymongo.errors, bson.errors)
            for kind in vars(module).values()
            if isinstance(kind, type) and issubclass(kind, Exception)
        }
        assert len(kinds) > 25
        for kind in kinds:
            error = kind.__new__(kind)
            if isinstance(error, PyMongoError):
                PyMongoError.__init__(error, "the original")
            fault = store_error(error, "The MongoDB at x")
            assert "The MongoDB at x" in fault.message
            assert fault.hint
            assert fault.__cause__ is error

    def test_parts_of_a_bulk_write_tell_the_reason(self) -> None:
        full = {"writeErrors": [{"code": 14031, "errmsg": "no space"}]}
        fault = store_error(pymongo.errors.BulkWriteError(full), "The MongoDB at x")
        assert "no room" in fault.message
        assert fault.retriable


@pytest.mark.slow
class TestServed(ServedSuite):
    """Servers that a test may end: one that stands alone, and a replica set with TLS and login."""

    @pytest.fixture(params=["alone", "replica set"])
    def server(
        self, request: pytest.FixtureRequest, mongod_program: None, tmp_path: Path
    ) -> Iterator[Mongod]:
        how = mongod if request.param == "alone" else replica_set
        with how(tmp_path / "server") as server:
            yield server

    @pytest.fixture
    def open_store(self, server: Mongod, tmp_path: Path) -> OpenStore:
        return opener(server, "toolkit", tmp_path)

    @pytest.fixture
    def open_impatient(self, server: Mongod, tmp_path: Path) -> OpenStore:
        return opener(server, "toolkit", tmp_path, timeout_s=1.0)

    def test_closing_does_not_wait_for_a_server_that_is_gone(
        self, server: Mongod, tmp_path: Path
    ) -> None:
        """It would wait longer than a test may take."""
        store = opener(server, "toolkit", tmp_path, timeout_s=3600.0)()
        store.save([scene()])
        server.kill()
        store.close()


def test_a_run_keeps_its_results_in_mongodb(guarded: Mongod, database: str, tmp_path: Path) -> None:
    truth = ClipTruth("red", "circle", "one", "left", "white", "day")
    film = tmp_path / "film.mp4"
    write_film(film, [Shot(truth, 2.0)], [], rng=random.Random(1), height=120, width=160)
    store = {"uri": guarded.uri, "database": database, **guarded.options}
    settings: Any = {"store": {"plugin": "mongodb", "mongodb": store}}
    for reused in (0, 1):
        run = tk.analyze(
            film, workspace=tmp_path / "w", analyzer="signals", progress=False, **settings
        )
        assert run.status == "done"
        assert run.progress.reused == reused
        assert len(run.scenes) == 1
    with opener(guarded, database, tmp_path)() as mongodb:
        rows = mongodb.find(Run)
    assert len(rows) == 2
    assert guarded.options["password"] not in str(rows)


def leave_open(
    store: Store, raw: Database[dict[str, Any]], scenes: Sequence[Scene], session: ClientSession
) -> None:
    """Write scenes in a transaction, as a writer does that dies before its end."""
    store.save(scenes)
    rows = [*raw["scenes"].find()]
    store.delete(Scene, id=[one.id for one in scenes])
    raw["scenes"].insert_many(rows, session=session)


def shown(error: BaseException) -> str:
    """All that a person may see of an error."""
    return "".join(traceback.format_exception(error)) + repr(error)
