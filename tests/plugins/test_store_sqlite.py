"""The SQLite store: the contract, and what is SQLite's own."""

from __future__ import annotations

import functools
import sqlite3
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from types import NoneType
from typing import get_args

import pytest

from toolkit.errors import StoreError
from toolkit.hooks.specs import Context
from toolkit.records import Answer, Scene
from toolkit.stages.store import KINDS, Store
from toolkit.testing.samples import description, full_records, scene, synthesis
from toolkit.testing.stores import OpenStore, StoreSuite
from toolkit_store_sqlite import SQLiteOptions, make
from toolkit_store_sqlite.files import migrations
from toolkit_store_sqlite.tables import NAMES


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


class TestSQLiteStore(StoreSuite):
    streamed = 1_000_000
    test_many_rows_take_little_memory = pytest.mark.slow(
        StoreSuite.test_many_rows_take_little_memory
    )

    @pytest.fixture
    def open_store(self, tmp_path: Path) -> OpenStore:
        return functools.partial(make, SQLiteOptions(), Context(tmp_path, tmp_path))


class TestTables:
    def test_the_columns_are_the_fields(self, store: Store, file: Path) -> None:
        assert set(NAMES) == set(KINDS)
        with raw(file) as db:
            for kind, name in NAMES.items():
                columns = [row[1] for row in db.execute(f"PRAGMA table_info({name})")]
                assert columns == ["seq", *kind.model_fields], f"{name} needs a migration"

    def test_optional_fields_alone_may_be_null(self, store: Store, file: Path) -> None:
        store.save(full_records().values())
        with raw(file) as db:
            for kind, name in NAMES.items():
                for _, column, _, required, *_ in db.execute(f"PRAGMA table_info({name})"):
                    info = kind.model_fields.get(column)
                    if info is not None:
                        optional = info.default is None or NoneType in get_args(info.annotation)
                        assert bool(required) != optional, (name, column)

    def test_people_can_query_the_file(self, store: Store, file: Path) -> None:
        store.save(full_records().values())
        query = """
            SELECT v.width, s."index", t.label, json_extract(a.value, '$.yes'), f.at
            FROM scenes s JOIN videos v ON v.id = s.video_id
            JOIN answers a ON a.scene_id = s.id JOIN tags t ON t.scene_id = s.id
            JOIN failures f ON f.scene_id = s.id
        """
        with raw(file) as db:
            (row,) = db.execute(query)
        assert row == (1920, 3, "a label, with ünïcode", 1, "2026-02-28T23:59:59.123456+00:00")

    @pytest.mark.parametrize(
        "where",
        [
            ("sources", "uri = 'x'"),
            ("scenes", "video_id = 'x' AND detector = 'x'"),
            ("answers", "scene_id IN (SELECT value FROM json_each('[]'))"),
            ("answers", "video_id = 'x' AND analyzer = 'x' AND ask = 'x'"),
            ("tags", "scene_id = 'x'"),
            ("tags", "video_id = 'x' AND generation = 'x'"),
            ("syntheses", "video_id = 'x' AND generation = 'x'"),
            ("reviews", "video_id = 'x'"),
            ("completions", "item_id = 'x' AND stage = 'x' AND key = 'x'"),
            ("failures", "run_id = 'x'"),
            ("run_sources", "run_id = 'x'"),
        ],
    )
    def test_common_questions_have_an_index(
        self, store: Store, file: Path, where: tuple[str, str]
    ) -> None:
        name, condition = where
        with raw(file) as db:
            plan = db.execute(f"EXPLAIN QUERY PLAN SELECT * FROM {name} WHERE {condition}")
            assert plan.fetchone()[3].startswith(f"SEARCH {name} USING INDEX")

    def test_a_row_spoilt_by_hand_is_named(self, store: Store, file: Path) -> None:
        store.save([description(scene(), "text")])
        with raw(file) as db:
            db.execute("UPDATE answers SET evidence = '{not json'")
        with pytest.raises(StoreError, match="'answers' holds a row"):
            store.find(Answer)


class TestSearchIndex:
    def test_it_survives_vacuum_and_changes_by_hand(self, store: Store, file: Path) -> None:
        scenes = [scene(index=i) for i in range(3)]
        store.save([*scenes, *(description(s, f"word{s.index} car") for s in scenes)])
        with raw(file) as db:
            db.execute("DELETE FROM answers WHERE text LIKE 'word0%'")
            db.execute("UPDATE answers SET text = 'boat' WHERE text LIKE 'word1%'")
            db.commit()
            db.execute("VACUUM")
            db.execute("INSERT INTO words (words) VALUES ('integrity-check')")
        assert [hit.scene_id for hit in store.search("car")] == [scenes[2].id]
        assert [hit.scene_id for hit in store.search("boat")] == [scenes[1].id]
        assert store.search("word1") == []

    def test_it_follows_an_answer_that_changes_its_kind(self, store: Store, file: Path) -> None:
        answer = description(scene(), "car")
        store.save([answer])
        store.save([answer.model_copy(update={"kind": "signals"})])
        assert store.search("car") == []
        store.save([answer])
        assert len(store.search("car")) == 1
        with raw(file) as db:
            db.execute("INSERT INTO words (words) VALUES ('integrity-check')")

    def test_a_file_from_before_there_were_syntheses_is_searched_for_both(
        self, open_store: OpenStore, file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        scripts = migrations()
        first = next(i for i, text in enumerate(scripts) if "CREATE TABLE syntheses" in text)
        before = scripts[:first]
        with monkeypatch.context() as patch:
            patch.setattr("toolkit_store_sqlite.files.migrations", lambda: before)
            with open_store() as store:
                store.save([scene(), description(scene(), "A red car")])
        with open_store() as store:
            store.save([synthesis("A car, and more")])
            assert [hit.scene_id for hit in store.search("car red")] == [scene().id]
            assert {hit.scene_id for hit in store.search("car")} == {scene().id, None}
        with raw(file) as db:
            db.execute("INSERT INTO words (words) VALUES ('integrity-check')")
            plan = db.execute("EXPLAIN QUERY PLAN SELECT text FROM spoken WHERE seq = -1")
            assert not any("SCAN answers" in row[3] or "SCAN syn" in row[3] for row in plan)


class TestOpening:
    def test_files_are_private(self, store: Store, file: Path) -> None:
        store.save([scene()])
        files = list(file.parent.glob("toolkit.db*"))
        assert file.with_name("toolkit.db-wal") in files
        assert {stat.S_IMODE(one.stat().st_mode) for one in files} == {0o600}

    def test_paths_start_at_the_config_file(self, tmp_path: Path) -> None:
        context = Context(workspace=tmp_path / "work", base=tmp_path)
        with make(SQLiteOptions(path="data/ü #1?.db"), context) as store:
            store.save([scene()])
        assert (tmp_path / "data" / "ü #1?.db").stat().st_size > 0

    def test_it_writes_ahead(self, store: Store, file: Path) -> None:
        with raw(file) as db:
            assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
            assert db.execute("PRAGMA user_version").fetchone() == (len(migrations()),)

    def test_a_newer_file_is_left_alone(self, open_store: OpenStore, file: Path) -> None:
        open_store().close()
        with raw(file) as db:
            db.execute("PRAGMA user_version = 999")
        with pytest.raises(StoreError, match="newer version") as caught:
            open_store()
        assert "Upgrade" in (caught.value.hint or "")

    @pytest.mark.parametrize("statement", ["CREATE TABLE theirs (x)", "PRAGMA user_version = 1"])
    def test_another_programs_file_is_left_alone(
        self, open_store: OpenStore, file: Path, statement: str
    ) -> None:
        with raw(file) as db:
            db.execute(statement)
        before = file.read_bytes()
        with pytest.raises(StoreError, match="another program"):
            open_store()
        assert file.read_bytes() == before

    def test_a_migration_is_all_or_nothing(
        self, open_store: OpenStore, file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        broken = [*migrations(), "CREATE TABLE later (x);\nCREATE TABLE later (x);"]
        with monkeypatch.context() as patch:
            patch.setattr("toolkit_store_sqlite.files.migrations", lambda: broken)
            with pytest.raises(StoreError, match="later"):
                open_store()
        with raw(file) as db:
            assert db.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
        open_store().close()

    def test_an_older_file_is_upgraded_with_its_rows(
        self, open_store: OpenStore, file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with open_store() as store:
            store.save([scene()])
        newer = [*migrations(), "-- a comment; with a semicolon\nCREATE TABLE later (x);\n"]
        monkeypatch.setattr("toolkit_store_sqlite.files.migrations", lambda: newer)
        with open_store() as store:
            assert store.find(Scene) == [scene()]
        with raw(file) as db:
            assert db.execute("PRAGMA user_version").fetchone() == (len(newer),)
            assert db.execute("SELECT count(*) FROM later").fetchone() == (0,)

    def test_scenes_of_the_first_form_say_nothing_of_their_frames(
        self, open_store: OpenStore, file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = migrations()[:1]
        with monkeypatch.context() as patch:
            patch.setattr("toolkit_store_sqlite.files.migrations", lambda: first)
            open_store().close()
        with raw(file) as db:
            columns = 'id, video_id, detector, "index", start_s, end_s, kind, score, thumbnail'
            row = "'s', 'v', 'd', 0, 0.0, 1.5, 'start', 0.0, ''"
            db.execute(f"INSERT INTO scenes ({columns}) VALUES ({row})")
        with open_store() as store:
            [found] = store.find(Scene)
        assert (found.id, found.end_s, found.sampler, found.sampled_s) == ("s", 1.5, "", ())

    def test_threads_that_open_a_new_file_at_once(self, tmp_path: Path) -> None:
        def opened(folder: Path) -> Store:
            return make(SQLiteOptions(), Context(folder, folder))

        with ThreadPoolExecutor(8) as pool:
            for attempt in range(10):
                folders = [tmp_path / str(attempt)] * 8
                with ExitStack() as stack:
                    stores = [stack.enter_context(one) for one in pool.map(opened, folders)]
                    for i, store in enumerate(stores):
                        store.save([scene(index=i)])
                    assert stores[0].count(Scene) == 8
