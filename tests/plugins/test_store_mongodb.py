"""The MongoDB store: the contract, and what is MongoDB's own."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from mongodb import opener
from pydantic import SecretStr
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import PyMongoError

import toolkit as tk
from toolkit.errors import StoreError
from toolkit.hooks.specs import Context
from toolkit.records import Answer, Ask, Completion, Run, Scene, Source
from toolkit.stages.store import KINDS, Store
from toolkit.testing.mongod import Mongod
from toolkit.testing.samples import TEXT, description, full_records, scene
from toolkit.testing.stores import OpenStore, StoreSuite
from toolkit_store_mongodb import MongoDBOptions, database_of
from toolkit_store_mongodb.documents import NAMES
from toolkit_store_mongodb.words import snippet, stems, terms
from toolkit_store_sqlite import SQLiteOptions
from toolkit_store_sqlite import make as make_sqlite


@pytest.fixture
def database() -> str:
    return f"test-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def raw(alone: Mongod, database: str) -> Iterator[Database[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](alone.uri, tz_aware=True) as client:
        yield client[database]
        client.drop_database(database)


@pytest.fixture
def open_store(
    alone: Mongod, database: str, raw: Database[dict[str, Any]], tmp_path: Path
) -> OpenStore:
    return opener(alone, database, tmp_path)


@pytest.fixture
def store(open_store: OpenStore) -> Iterator[Store]:
    with open_store() as store:
        yield store


@pytest.mark.slow
class TestMongoDBStore(StoreSuite):
    """A server that stands alone: it knows no transactions."""

    batches_are_whole = False
    streamed = 100_000

    @pytest.fixture
    def open_store(
        self, alone: Mongod, database: str, raw: Database[dict[str, Any]], tmp_path: Path
    ) -> OpenStore:
        return opener(alone, database, tmp_path)


@pytest.mark.slow
class TestMongoDBReplicaSetStore(StoreSuite):
    """The same with transactions, TLS and a login."""

    streamed = 100_000

    @pytest.fixture
    def open_store(self, guarded: Mongod, database: str, tmp_path: Path) -> OpenStore:
        return opener(guarded, database, tmp_path)


class TestDocuments:
    def test_every_kind_has_its_collection_and_no_field_is_ours(self) -> None:
        assert set(NAMES) == set(KINDS)
        for kind in KINDS:
            assert not {"_id", "seq", "micros", "words"} & set(kind.model_fields)

    def test_people_can_query_the_database(
        self, store: Store, raw: Database[dict[str, Any]]
    ) -> None:
        store.save(full_records().values())
        midnight = datetime(2026, 3, 1, tzinfo=UTC)
        assert raw["failures"].count_documents({"at": {"$lt": midnight}, "retriable": True}) == 1
        assert raw["videos"].count_documents({"audio.language": "eng", "width": 1920}) == 1
        assert raw["answers"].count_documents({"value.nested.deep": TEXT}) == 1
        assert raw["runs"].distinct("sources") == ["a", "b", TEXT]

    def test_names_inside_values_may_be_anything(self, store: Store) -> None:
        names = ["", "$ref", "$id", "a.b", "%24", "%", "a\0b", "_id", "ü", "0", ".", "$"]
        value = {name: {name: [{name: i}]} for i, name in enumerate(names)}
        answer = description(scene(), "").model_copy(update={"value": value})
        store.save([answer])
        store.save([answer])
        assert store.find(Answer) == [answer]

    def test_moments_are_found_to_the_microsecond(self, store: Store) -> None:
        run = full_records()[Run]
        assert isinstance(run, Run)
        later = run.started_at.replace(microsecond=123457)
        other = run.model_copy(update={"id": "other", "started_at": later})
        store.save([run, other])
        at: Any = run.started_at
        both: Any = [run.started_at, later]
        assert store.find(Run, started_at=at) == [run]
        assert store.count(Run, started_at=both) == 2

    def test_two_long_lists_at_once(self, store: Store) -> None:
        saved = [Completion.of(f"item {i}", "tags", "k", i) for i in range(100)]
        store.save(saved)
        ids = [one.id for one in saved] + [f"unknown {i}" for i in range(25_000)]
        items = [f"item {i}" for i in reversed(range(15_000))]
        assert store.find(Completion, id=ids, item_id=items, stage="tags") == saved
        assert store.count(Completion, id=ids, item_id=items) == 100

    def test_values_that_do_not_fit_leave_nothing_behind(self, store: Store) -> None:
        deep: list[Any] = []
        for _ in range(120):
            deep = [deep]
        large = description(scene(), "long " * 3_500_000)
        for record in (
            Completion.of("item", "tags", "k", count=2**63),
            description(scene(), "\ud800"),
            description(scene(), "").model_copy(update={"value": deep}),
            Source.of("u", "file", info={"\ud800": 1}),
            large,
        ):
            with pytest.raises(StoreError) as caught:
                store.save([scene(), record])
            assert caught.value.hint
            assert not caught.value.retriable
            assert len(str(caught.value)) < 1000
        with pytest.raises(StoreError):
            store.find(Completion, count=2**63)
        assert [store.count(kind) for kind in KINDS] == [0] * len(KINDS)

    def test_a_document_of_almost_16_mib(self, store: Store) -> None:
        answer = description(scene(), "y" + "word " * 3_300_000)
        store.save([answer])
        assert store.find(Answer) == [answer]
        assert len(store.search("words")) == 1

    def test_a_field_newer_than_its_document_has_its_default(
        self, store: Store, raw: Database[dict[str, Any]]
    ) -> None:
        answer = description(scene(), "text")
        store.save([answer])
        raw["answers"].update_one({}, {"$unset": {"evidence": 1, "confidence": 1}})
        assert store.find(Answer) == store.find(Answer, confidence=None) == [answer]

    def test_a_document_spoilt_by_hand_is_named(
        self, store: Store, raw: Database[dict[str, Any]]
    ) -> None:
        answer = description(scene(), "text")
        store.save([answer])
        spoils = {"$set": {"evidence": "no"}}, {"$set": {"micros": 1}}, {"$unset": {"video_id": 1}}
        for spoilt in spoils:
            raw["answers"].update_one({}, spoilt, bypass_document_validation=True)
            with pytest.raises(StoreError, match=f"'answers' holds a document.*{answer.id}"):
                store.find(Answer)


class TestIndexes:
    @pytest.mark.parametrize(
        ("name", "fields"),
        [
            ("sources", ["uri"]),
            ("scenes", ["video_id", "detector"]),
            ("answers", ["scene_id"]),
            ("answers", ["video_id", "analyzer", "ask"]),
            ("answers", ["words"]),
            ("tags", ["scene_id"]),
            ("tags", ["video_id", "generation"]),
            ("reviews", ["video_id"]),
            ("completions", ["item_id", "stage", "key"]),
            ("failures", ["run_id"]),
            ("run_sources", ["run_id"]),
            ("videos", ["_id"]),
        ],
    )
    def test_common_questions_have_an_index(
        self, store: Store, raw: Database[dict[str, Any]], name: str, fields: list[str]
    ) -> None:
        plan = raw[name].find({field: {"$in": ["x", "y"]} for field in fields}).explain()
        assert "IXSCAN" in str(plan["queryPlanner"]["winningPlan"])

    def test_they_are_checked_at_every_start(
        self, open_store: OpenStore, raw: Database[dict[str, Any]]
    ) -> None:
        open_store().close()
        raw["scenes"].drop_indexes()
        open_store().close()
        assert "video_id_1_index_1_seq_1" in raw["scenes"].index_information()
        raw["scenes"].drop_indexes()
        raw["scenes"].create_index([("video_id", 1)], name="video_id_1_index_1_seq_1")
        with pytest.raises(StoreError, match="another index") as caught:
            open_store()
        assert "Drop" in (caught.value.hint or "")

    def test_a_question_walks_no_index_but_that_of_its_conditions(
        self, store: Store, raw: Database[dict[str, Any]]
    ) -> None:
        # The first answers all fit, so that the server, left alone, would walk through all of them.
        first = [description(scene(index=i), "") for i in range(300)]
        rest = [description(scene("video-2", i), "") for i in range(2000)]
        store.save([*first, *rest])
        raw.command("profile", 2)
        assert store.find(Answer, scene_id=[one.scene_id for one in first]) == first
        raw.command("profile", 0)
        asked = raw["system.profile"].find({"ns": f"{raw.name}.answers"})
        assert sum(one["docsExamined"] for one in asked) == 300


class TestRules:
    def test_other_programs_cannot_write_what_is_no_record(
        self, store: Store, raw: Database[dict[str, Any]]
    ) -> None:
        store.save(full_records().values())
        spoils: list[dict[str, Any]] = [
            {"$set": {"evidence": "no"}},
            {"$set": {"evidence.frame_times_s": ["1.5"]}},
            {"$set": {"confidence": "high"}},
            {"$unset": {"video_id": 1}},
            {"$set": {"video_id": None}},
        ]
        for spoilt in spoils:
            with pytest.raises(PyMongoError) as caught:
                raw["answers"].update_one({}, spoilt)
            assert getattr(caught.value, "code", None) == 121, spoilt
        raw["answers"].update_one({}, {"$set": {"confidence": 1, "theirs": "a note"}})
        assert store.find(Answer)[0].confidence == 1.0
        with pytest.raises(PyMongoError):
            raw["scenes"].insert_one({"video_id": "v"})

    def test_they_are_checked_at_every_start(
        self, open_store: OpenStore, raw: Database[dict[str, Any]]
    ) -> None:
        def rules() -> dict[str, Any]:
            (found,) = raw.list_collections(filter={"name": "scenes"})
            rules: dict[str, Any] = found["options"].get("validator", {})
            return rules

        open_store().close()
        ours = rules()
        raw.command("collMod", "scenes", validator={})
        open_store().close()
        assert rules() == ours
        older = {**ours["$jsonSchema"], "properties": {"seq": {"bsonType": ["int", "long"]}}}
        raw.command("collMod", "scenes", validator={"$jsonSchema": older})
        open_store().close()
        assert rules() == ours
        newer = {**ours["$jsonSchema"], "properties": {**ours["$jsonSchema"]["properties"]}}
        newer["properties"]["later"] = {"bsonType": "string"}
        theirs = {"start_s": {"$gte": 0}}
        for other in ({"$jsonSchema": newer}, theirs):
            raw.command("collMod", "scenes", validator=other)
            open_store().close()
            assert rules() == other

    def test_a_login_that_may_only_read_and_write_is_enough(
        self, guarded: Mongod, database: str, tmp_path: Path
    ) -> None:
        login = {"username": "clerk", "password": uuid.uuid4().hex}
        options = {key: guarded.options[key] for key in ("username", "password")}
        file = guarded.options["tls_ca_file"]
        with MongoClient[dict[str, Any]](guarded.uri, tlsCAFile=file, **options) as admin:
            roles = [{"role": "readWrite", "db": database}]
            admin["admin"].command(
                "createUser", login["username"], pwd=login["password"], roles=roles
            )
            try:
                with opener(guarded, database, tmp_path, **login)() as store:
                    store.save([scene()])
                admin[database].command("collMod", "scenes", validator={})
                with opener(guarded, database, tmp_path, **login)() as store:
                    assert store.find(Scene) == [scene()]
            finally:
                admin["admin"].command("dropUser", login["username"])
                admin.drop_database(database)


class TestOpening:
    def test_a_newer_database_is_left_alone(
        self, open_store: OpenStore, raw: Database[dict[str, Any]]
    ) -> None:
        open_store().close()
        raw["toolkit"].update_one({}, {"$set": {"version": 999}})
        with pytest.raises(StoreError, match="newer version") as caught:
            open_store()
        assert "Upgrade" in (caught.value.hint or "")

    def test_another_programs_database_is_left_alone(
        self, open_store: OpenStore, raw: Database[dict[str, Any]]
    ) -> None:
        raw["videos"].insert_one({"theirs": True})
        with pytest.raises(StoreError, match="another program"):
            open_store()
        assert raw.list_collection_names() == ["videos"]

    def test_other_collections_do_not_mind(
        self, open_store: OpenStore, raw: Database[dict[str, Any]]
    ) -> None:
        raw["films"].insert_one({"theirs": True})
        with open_store() as store:
            store.save([scene()])

    def test_a_database_that_is_dropped_meanwhile(
        self, store: Store, raw: Database[dict[str, Any]]
    ) -> None:
        raw.client.drop_database(raw.name)
        with pytest.raises(StoreError, match="emptied") as caught:
            store.save([scene()])
        assert caught.value.hint

    def test_what_a_uri_says_wins(
        self, alone: Mongod, database: str, raw: Database[dict[str, Any]], tmp_path: Path
    ) -> None:
        uri = f"{alone.uri}/?w=1&maxPoolSize=1&SocketTimeoutMS=9000&directConnection=true"
        with opener(alone, database, tmp_path, uri=uri)() as store:
            store.save(full_records().values())
            assert store.count(Scene) == 1

    @pytest.mark.parametrize(
        ("uri", "name"),
        [
            ("mongodb://me:a%2Fb@host:27017/archive?w=1", "archive"),
            ("mongodb+srv://host/archive", "archive"),
            ("mongodb://host", "toolkit"),
            ("mongodb://host/?w=1", "toolkit"),
            ("mongodb://host/admin", "toolkit"),  # where the login is known
        ],
    )
    def test_a_uri_names_the_database(self, uri: str, name: str) -> None:
        assert database_of(uri) == name

    def test_options_leave_results_alone(self) -> None:
        options = MongoDBOptions(uri=SecretStr("mongodb://me:secret-word@host"))
        assert options.identity() == {}
        assert "secret-word" not in repr(options) + options.model_dump_json()


class TestSearch:
    def test_stems_are_those_of_sqlite(self) -> None:
        assert stems("Straßen, CAFÉS (cafe\u0301) don't_go 東京 3.5") == [
            *("strassen", "cafe", "cafe", "don", "t", "go", "東京", "3", "5")
        ]

    @pytest.mark.parametrize(
        ("text", "asked", "expected"),
        [
            ("Two dogs run", "dog", "Two [dogs] run"),
            ("Two dogs run", '"dogs running" two', "[Two] [dogs run]"),
            ("Two dogs run.", "boat", "Two dogs run."),
            ("", "boat", ""),
            ("w " * 30 + "end", "end", "…" + "w " * 23 + "[end]"),
            ("x " * 30, "x", " ".join(["[x]"] * 24) + "…"),
            ("a b a", '"a b" "b a"', "[a b] a"),
        ],
    )
    def test_snippets(self, text: str, asked: str, expected: str) -> None:
        assert snippet(text, terms(asked)) == expected

    def test_a_snippet_of_a_text_full_of_matches(self) -> None:
        assert snippet("car " * 100_000, terms("car")).startswith("[car] [car]")

    def test_it_follows_an_answer_that_changes_its_kind(self, store: Store) -> None:
        answer = description(scene(), "car")
        store.save([answer, answer.model_copy(update={"kind": "signals"})])
        assert store.search("car") == []
        store.save([answer])
        assert len(store.search("car")) == 1

    def test_of_a_scenes_texts_the_best_is_shown(self, store: Store) -> None:
        where = Ask(kind="question", name="Where?")
        store.save(
            [
                description(scene(), "A car in a long, long street with many other things"),
                Answer.of(scene(), "analyzer-1", "sample", where, text="In a car"),
            ]
        )
        (hit,) = store.search("car")
        assert hit.snippet == "In a [car]"
        assert [hit.snippet for hit in store.search("car street", limit=2**70)] == [
            "A [car] in a long, long [street] with many other things"
        ]


def test_a_store_moves_to_mongodb_and_back(
    guarded: Mongod, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [*full_records().values()]
    records += [description(scene(index=i), TEXT) for i in range(1200)]
    with make_sqlite(SQLiteOptions(path="from.db"), Context(tmp_path, tmp_path)) as store:
        store.save(records)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MONGODB_PASSWORD", quote(guarded.options["password"], safe=""))
    login = guarded.options["username"] + ":${MONGODB_PASSWORD}@"
    place = f"{guarded.uri.replace('://', f'://{login}')}/{database}?authSource=admin"
    (tmp_path / "config.ini").write_text(
        f"[store.mongodb]\ntls_ca_file = {guarded.options['tls_ca_file']}\n", encoding="utf-8"
    )
    for _ in range(2):
        copied = tk.copy_store("from.db", place)
    assert {row.kind: row.written for row in copied} == {kind.__name__: 0 for kind in KINDS}
    tk.copy_store(place, "sqlite:back")
    with (
        make_sqlite(SQLiteOptions(path="from.db"), Context(tmp_path, tmp_path)) as store,
        make_sqlite(SQLiteOptions(path="back"), Context(tmp_path, tmp_path)) as back,
        opener(guarded, database, tmp_path)() as mongodb,
    ):
        for kind in KINDS:
            assert store.find(kind) == mongodb.find(kind) == back.find(kind)
