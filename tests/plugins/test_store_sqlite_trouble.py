"""Files, disks and other programs that go wrong: each ends as an error that says what to do."""

from __future__ import annotations

import functools
import os
import resource
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from toolkit.errors import StoreError
from toolkit.hooks.specs import Context
from toolkit.records import Answer, Completion, Scene
from toolkit.stages.store import Store
from toolkit.testing.samples import description, scene
from toolkit.testing.stores import OpenStore
from toolkit_store_sqlite import SQLiteOptions, make
from toolkit_store_sqlite.faults import store_error
from toolkit_store_sqlite.files import Connections


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "toolkit.db"


@pytest.fixture
def open_store(tmp_path: Path) -> OpenStore:
    return functools.partial(make, SQLiteOptions(), Context(tmp_path, tmp_path))


@pytest.fixture
def store(open_store: OpenStore) -> Iterator[Store]:
    with open_store() as store:
        yield store


@contextmanager
def raw(file: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(file)) as db:
        yield db
        db.commit()


class TestTrouble:
    def test_not_a_database(self, open_store: OpenStore, file: Path) -> None:
        file.write_text("just some text, long enough to be looked at " * 10)
        with pytest.raises(StoreError, match="not an SQLite database") as caught:
            open_store()
        assert caught.value.hint
        assert isinstance(caught.value.__cause__, sqlite3.DatabaseError)

    def test_a_damaged_file(self, open_store: OpenStore, file: Path) -> None:
        with open_store() as store:
            store.save([Completion.of(f"item {i}", "tags", "k") for i in range(2000)])
        content = bytearray(file.read_bytes())
        content[8192:-4096] = bytes(len(content) - 8192 - 4096)
        file.write_bytes(content)
        with pytest.raises(StoreError, match="damaged") as caught, open_store() as store:
            store.find(Completion)
        assert "recover" in (caught.value.hint or "")

    def test_a_folder_where_the_file_should_be(self, open_store: OpenStore, file: Path) -> None:
        file.mkdir()
        with pytest.raises(StoreError, match="cannot be opened"):
            open_store()

    def test_a_file_where_the_folder_should_be(self, tmp_path: Path) -> None:
        (tmp_path / "x").write_text("")
        with pytest.raises(StoreError, match="cannot be opened"):
            make(SQLiteOptions(path="x/toolkit.db"), Context(tmp_path, tmp_path))

    def test_a_read_only_folder(self) -> None:
        with unprivileged() as folder:
            folder.chmod(0o500)
            with pytest.raises(StoreError) as caught:
                make(SQLiteOptions(), Context(folder, folder))
            assert "may write" in (caught.value.hint or "")
            assert isinstance(caught.value.__cause__, PermissionError)

    def test_a_read_only_file(self) -> None:
        with unprivileged() as folder:
            make(SQLiteOptions(), Context(folder, folder)).close()
            (folder / "toolkit.db").chmod(0o400)
            with pytest.raises(StoreError) as caught:
                make(SQLiteOptions(), Context(folder, folder)).save([scene()])
            assert "may write" in (caught.value.hint or "")

    def test_no_room_left(self, store: Store, file: Path) -> None:
        store.save([scene(index=0)])
        with room(64 * 1024), pytest.raises(StoreError) as caught:
            store.save([description(scene(index=i), "long " * 999) for i in range(100)])
        assert "space" in (caught.value.hint or "")
        assert store.count(Answer) == 0
        store.save([scene(index=1)])
        assert store.count(Scene) == 2

    def test_a_file_that_vanished_is_not_made_anew(self, file: Path) -> None:
        connections = Connections(file, busy_timeout_s=1)
        with connections.borrow():
            file.unlink()
            with pytest.raises(StoreError, match="cannot be opened"), connections.borrow():
                pass
        assert not file.exists()
        connections.close()

    def test_a_writer_that_never_ends(self, tmp_path: Path, file: Path) -> None:
        context = Context(tmp_path, tmp_path)
        with make(SQLiteOptions(busy_timeout_s=0.05), context) as store, raw(file) as db:
            db.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError, match="busy") as caught:
                store.save([scene()])
            assert caught.value.retriable
            assert "busy_timeout_s" in (caught.value.hint or "")
            assert store.count(Scene) == 0  # reading goes on
            db.rollback()
            store.save([scene()])
            assert store.count(Scene) == 1

    def test_values_that_do_not_fit(self, store: Store) -> None:
        with pytest.raises(StoreError):
            store.save([Completion.of("item", "tags", "k", count=2**63)])
        with pytest.raises(StoreError):
            store.save([scene().model_copy(update={"score": float("nan")})])
        with pytest.raises(StoreError):
            store.find(Completion, count=2**63)
        assert store.count(Completion) == store.count(Scene) == 0

    def test_a_store_does_not_survive_a_fork(self, store: Store) -> None:
        store.save([scene()])
        child = os.fork()
        if child == 0:
            try:
                store.count(Scene)
            except StoreError:
                os._exit(0)
            os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
        assert store.count(Scene) == 1

    def test_every_fault_has_its_words(self) -> None:
        codes = [
            getattr(sqlite3, name)
            for name in dir(sqlite3)
            if name.startswith("SQLITE_") and "_" not in name.removeprefix("SQLITE_")
        ]
        for code in codes:
            error = sqlite3.OperationalError("the original")
            error.sqlite_errorcode = code | 0x300  # an extended code
            fault = store_error(error, Path("x.db"))
            assert "x.db" in fault.message
            assert "the original" in fault.message
            assert fault.hint
            assert fault.__cause__ is error


@contextmanager
def room(size_bytes: int) -> Iterator[None]:
    """Let no file grow beyond this."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def unprivileged() -> Iterator[Path]:
    """A folder of one's own; root, who may write everywhere, is somebody else meanwhile."""
    folder = Path(tempfile.mkdtemp())
    root = os.geteuid() == 0
    if root:
        os.chown(folder, 65534, -1)
        os.seteuid(65534)
    try:
        yield folder
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o700)
        shutil.rmtree(folder)
