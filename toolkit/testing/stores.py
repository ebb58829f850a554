"""The conformance suite of the store contract.

    class TestMyStore(StoreSuite):
        @pytest.fixture
        def plugin(self):
            return next(iter(my_package.toolkit_stores()))

A store that is no file overrides ``open_store`` as well: each test begins with an empty one.

Needs pytest and hypothesis.
"""

from __future__ import annotations

import functools
import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from pydantic import BaseModel

from toolkit.errors import StoreError
from toolkit.hooks.specs import Context, StorePlugin
from toolkit.records import (
    Answer,
    Completion,
    Frames,
    Record,
    Review,
    Run,
    RunSource,
    Scene,
    Source,
    Tag,
    Video,
)
from toolkit.stages.component import Options
from toolkit.stages.store import KINDS, Store
from toolkit.testing.plugins import PluginSuite
from toolkit.testing.samples import TEXT, description, full_records, scene
from toolkit.testing.store_erasing import ErasingSuite
from toolkit.testing.store_search import SearchSuite
from toolkit.testing.store_trouble import LimitsSuite, ServedSuite

__all__ = ["OpenStore", "ServedSuite", "StoreSuite"]

OpenStore: TypeAlias = Callable[[], Store]
_BATCHES, _SIZE, _WRITERS = 10, 20, 4


class StoreSuite(PluginSuite, SearchSuite, LimitsSuite, ErasingSuite):
    """What holds for every store. That of a server passes :class:`ServedSuite` as well."""

    made = "open_store"

    @pytest.fixture
    def open_store(
        self, plugin: StorePlugin, options: Options, context: Context, tmp_path: Path
    ) -> OpenStore:
        """Opens one and the same, at first empty, store at every call.

        It must pickle, for it is called in other processes too.
        """
        if plugin.place and plugin.suffixes:
            path = tmp_path / f"store{plugin.suffixes[0]}"
            values = {**options.model_dump(), plugin.place: str(path)}
            options = type(options).model_validate(values)
        opened: OpenStore = functools.partial(plugin.factory, options, context)  # type: ignore[assignment]  # it makes a store
        return opened

    @pytest.fixture
    def store(self, open_store: OpenStore) -> Iterator[Store]:
        """The store, opened."""
        with open_store() as store:
            yield store

    def test_samples_leave_no_field_at_its_default(self) -> None:
        for record in full_records().values():
            _assert_full(record)

    @pytest.mark.parametrize("kind", KINDS)
    def test_every_field_comes_back(
        self, store: Store, open_store: OpenStore, kind: type[Record]
    ) -> None:
        record = full_records()[kind]
        store.save([record])
        assert store.find(kind) == [record]
        (again,) = store.find(kind, id=record.id)
        assert again.model_dump_json() == again.model_validate(again).model_dump_json()
        with open_store() as other:
            assert other.find(kind) == [record]

    def test_absent_values_come_back_absent(self, store: Store) -> None:
        video = Video(
            id="v",
            path="",
            size_bytes=0,
            container="",
            duration_s=None,
            width=0,
            height=0,
            codec="",
        )
        answer = description(scene(), "")
        records = [Source.of("a", "file"), video, answer, Tag("t", id="t"), Run(id="r")]
        store.save(records)
        assert [store.find(type(record))[0] for record in records] == records

    @pytest.mark.parametrize(
        "number", [0.1 + 0.2, 5e-324, 1.7976931348623157e308, -1 / 3, 2.0**53, 90_000.000001]
    )
    def test_numbers_are_exact(self, store: Store, number: float) -> None:
        of = scene().model_copy(update={"start_s": number})
        answer = description(of, "").model_copy(update={"value": {"x": [number]}})
        store.save([of, answer])
        assert repr(store.find(Scene)[0].start_s) == repr(number)
        assert repr(store.find(Answer)[0].value) == repr({"x": [number]})

    @pytest.mark.parametrize("text", ["", " ", TEXT, "a\0b", "x" * 200_000, "null", "[1]", "1e5"])
    def test_text_is_exact(self, store: Store, text: str) -> None:
        record = Source.of("u", "file", requested_by=text, info={text: text})
        review = Review(
            id="r", video_id=text, start_s=0.0, end_s=1.0, target="tag", action="edit",
            name=text, value=text, reviewer="",
        )  # fmt: skip
        store.save([record, review])
        assert store.find(Source, requested_by=text) == [record]
        assert store.find(Review) == [review]

    def test_moments_keep_their_zone_and_microseconds(self, store: Store) -> None:
        run = full_records()[Run]
        store.save([run])
        (found,) = store.find(Run)
        assert isinstance(run, Run)
        assert found.heartbeat_at == run.heartbeat_at
        assert found.started_at.utcoffset() is not None
        assert found.started_at.microsecond == run.started_at.microsecond

    def test_saving_again_changes_nothing(self, store: Store) -> None:
        records = list(full_records().values())
        store.save(records)
        store.save(reversed(records))
        assert [store.find(kind) for kind in KINDS] == [[record] for record in records]

    def test_a_record_replaces_the_one_with_its_id_in_its_place(self, store: Store) -> None:
        sources = [Source.of(name, "file") for name in "zbay"]
        store.save(sources)
        newer = sources[1].model_copy(update={"video_id": "v"})
        store.save([newer, Source.of("x", "file")])
        assert [found.uri for found in store.find(Source)] == list("zbayx")
        assert store.find(Source)[1] == newer

    def test_of_two_records_with_one_id_the_later_wins(self, store: Store) -> None:
        older = Completion.of("item", "scan", "key", 1)
        newer = Completion.of("item", "scan", "key", 2)
        store.save([older, newer])
        assert store.find(Completion) == [newer]

    def test_a_batch_is_all_or_nothing(self, store: Store) -> None:
        def broken() -> Iterator[Record]:
            yield scene(index=1)
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            store.save(broken())
        with pytest.raises(StoreError, match="id"):
            store.save([scene(index=2), Tag("never placed"), scene(index=3)])
        with pytest.raises(StoreError):
            store.save([scene(index=4), Frames(scene(), "", None, None)])  # type: ignore[arg-type, list-item]
        assert [store.count(kind) for kind in KINDS] == [0] * len(KINDS)
        store.save([])
        store.save([scene(index=5)])
        assert store.count(Scene) == 1

    def test_scenes_come_by_video_and_index(self, store: Store) -> None:
        places = [("b", 1), ("a", 10), ("b", 0), ("a", 2), ("a", 9)]
        store.save([scene(video, index) for video, index in places])
        assert [(s.video_id, s.index) for s in store.find(Scene)] == sorted(places)

    def test_find_by_value_absence_and_collection(self, store: Store) -> None:
        rows = [
            RunSource.of("run", Source.of(str(i), "file"), video_id=video, scenes=i)
            for i, video in enumerate(["v", None, "w", "v", None])
        ]
        store.save(rows)

        def scenes(**where: Any) -> list[int]:
            found = [row.scenes for row in store.find(RunSource, **where)]
            assert store.count(RunSource, **where) == len(found)
            return found

        assert scenes() == [0, 1, 2, 3, 4]
        assert scenes(video_id="v") == [0, 3]
        assert scenes(video_id=None) == [1, 4]
        assert scenes(video_id=["w", "v", "unknown"]) == [0, 2, 3]
        assert scenes(video_id={"w"}, status="pending", scenes=2) == [2]
        assert scenes(video_id=[]) == []
        assert scenes(video_id="v", scenes=1) == []
        assert scenes(uri=("0", "4"), video_id=None) == [4]
        assert scenes(video_id="v' OR '1'='1") == []

    def test_find_by_truth_by_kind_and_by_thousands_of_values(self, store: Store) -> None:
        store.save([full_records()[Video]])
        assert store.count(Video, truncated=True) == 1
        assert store.count(Video, truncated=False) == 0
        store.save([full_records()[Source]])
        assert store.find(Source, kind="link") == [full_records()[Source]]
        many = [Completion.of(f"item {i}", "tags", "k") for i in range(5000)]
        store.save(many)
        wanted = [one.id for one in many[::2]] + [f"unknown {i}" for i in range(50_000)]
        assert store.find(Completion, id=wanted) == many[::2]

    def test_unknown_fields_and_kinds_are_errors_that_say_what_there_is(self, store: Store) -> None:
        for ask in (store.find, store.count):
            with pytest.raises(StoreError, match=r"Did you mean 'video_id'\?"):
                ask(Scene, vidio_id="v")
        with pytest.raises(StoreError, match="Record"):
            store.find(Record)

    def test_what_one_saves_the_other_sees(self, store: Store, open_store: OpenStore) -> None:
        with open_store() as other:
            other.save([scene(index=0)])
            assert store.count(Scene) == 1
            store.save([scene(index=1)])
            assert other.count(Scene) == 2

    def test_a_closed_store_says_so(self, open_store: OpenStore) -> None:
        store = open_store()
        store.save([scene()])
        store.close()
        store.close()
        with pytest.raises(StoreError):
            store.find(Scene)

    def test_threads_lose_and_double_nothing(self, store: Store) -> None:
        with ThreadPoolExecutor(_WRITERS) as pool:
            list(pool.map(lambda writer: _write(store, writer), range(_WRITERS)))
        _assert_all_written(store)

    def test_processes_lose_and_double_nothing(self, open_store: OpenStore) -> None:
        # The store is not made beforehand: the first opening is a race as well.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(_WRITERS, mp_context=context) as pool:
            for done in [pool.submit(_open_and_write, open_store, i) for i in range(_WRITERS)]:
                done.result()
        with open_store() as store:
            _assert_all_written(store)


def _assert_full(part: BaseModel) -> None:
    for name, info in type(part).model_fields.items():
        value = getattr(part, name)
        if not info.is_required():
            assert value != info.get_default(call_default_factory=True), (type(part), name)
        for inner in value if isinstance(value, tuple) else (value,):
            if isinstance(inner, BaseModel):
                _assert_full(inner)


def _open_and_write(open_store: OpenStore, writer: int) -> None:
    with open_store() as store:
        _write(store, writer)


def _write(store: Store, writer: int) -> None:
    """Own rows, and rows that every writer writes too; some of them read in between."""
    for batch in range(_BATCHES):
        records: list[Record] = []
        for i in range(_SIZE):
            own = scene(f"video {writer}", batch * _SIZE + i)
            records += [own, description(own, f"car {writer}"), scene("shared", i)]
        store.save(records)
        assert store.count(Scene, video_id=f"video {writer}") == (batch + 1) * _SIZE


def _assert_all_written(store: Store) -> None:
    for writer in range(_WRITERS):
        found = store.find(Scene, video_id=f"video {writer}")
        assert [one.index for one in found] == list(range(_BATCHES * _SIZE))
    assert store.count(Scene) == _WRITERS * _BATCHES * _SIZE + _SIZE
    assert store.count(Answer) == _WRITERS * _BATCHES * _SIZE
    assert len(store.search("cars", limit=10_000)) == _WRITERS * _BATCHES * _SIZE
