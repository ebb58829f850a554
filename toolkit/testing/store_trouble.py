"""The parts of the store's conformance suite that are about limits, crashes and servers."""

from __future__ import annotations

import multiprocessing
import resource
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from itertools import count
from multiprocessing.synchronize import Event
from typing import Any, Protocol

import pytest

from toolkit.errors import StoreError
from toolkit.records import Answer, Completion, Record, Run, Scene, Source
from toolkit.stages.store import Store
from toolkit.testing.samples import TEXT, description, scene

__all__ = ["LimitsSuite", "ServedSuite", "Server"]

OpenStore = Callable[[], Store]
_MIB = 2**20
_KILLS = 3


class Server(Protocol):
    """What :class:`ServedSuite` has to be able to do with a server."""

    def kill(self) -> None:
        """End it at once, as a power cut would."""

    def start(self) -> None:
        """Start it again, on the same data and at the same address."""


class LimitsSuite:
    """Large and odd values, many rows, writers that die.

    Attributes:
        streamed: How many rows :meth:`test_many_rows_take_little_memory` reads.
        batches_are_whole: Whether a batch of a writer that was killed is there as a whole or not
            at all. A store may say no if its server can do no better; then the records of a batch
            still arrive in an order in which what is done is told last.
    """

    streamed = 200_000
    batches_are_whole = True

    @pytest.mark.parametrize("mib", [1, 15, 17, 40])
    def test_large_texts_come_back_or_are_refused(self, store: Store, mib: int) -> None:
        large = description(scene(), "y" * (mib * _MIB))
        refused: StoreError | None = None
        try:
            store.save([scene(), large])
        except StoreError as error:
            refused = error
        if refused is None:
            assert store.find(Answer) == [large]
            return
        assert mib > 15  # a store may have a limit, and not below 16 MiB
        assert refused.hint
        assert not refused.retriable
        assert len(str(refused)) < 2000
        assert store.count(Scene) == store.count(Answer) == 0

    @pytest.mark.parametrize(
        "text",
        [
            "e\u0301 \u00e9",  # the same to the eye, and to be kept apart
            "\U0001f468\u200d\U0001f469\u200d\U0001f467 \ufeff\u202e\u0000\uffff\U0010ffff",
            "שלום עולם مرحبا ไทย हिन्दी ǅ ﬁ İıß",
            TEXT * 1000,
        ],
    )
    def test_unicode_is_kept_to_the_code_point(self, store: Store, text: str) -> None:
        source = Source.of(text, "file", requested_by=text, info={"title": text, "all": [text]})
        answer = description(scene(), text)
        store.save([source, answer])
        assert store.find(Source, uri=text) == [source]
        assert store.find(Answer) == [answer]
        store.search(text, limit=3)

    def test_text_that_is_not_unicode_is_refused_whole(self, store: Store) -> None:
        with pytest.raises(StoreError) as caught:
            store.save([scene(), description(scene(), "half a pair: \ud83c")])
        assert caught.value.hint
        assert store.count(Scene) == 0

    def test_a_moment_is_the_same_in_every_time_zone(self, store: Store) -> None:
        moments = [
            datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
            datetime(1, 1, 2, tzinfo=UTC),
            datetime(9999, 12, 30, 23, 59, 59, 999_999, tzinfo=UTC),
            datetime(2026, 10, 25, 2, 30, tzinfo=timezone(timedelta(hours=1))),
            datetime(2026, 10, 25, 2, 30, tzinfo=timezone(timedelta(hours=2))),
            datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=timezone(-timedelta(hours=11, minutes=30))),
        ]
        rows = [Run(id=f"run {i}", started_at=at) for i, at in enumerate(moments)]
        store.save(rows)
        assert [run.started_at for run in store.find(Run)] == moments
        for row in rows:
            at: Any = row.started_at.astimezone(timezone(timedelta(hours=9, minutes=45)))
            assert store.find(Run, started_at=at) == [row]

    def test_a_stream_goes_on_while_others_save(self, store: Store) -> None:
        before = [Source.of(str(i), "file") for i in range(3000)]
        store.save(before)
        seen: list[Source] = []
        for one in store.stream(Source):
            if len(seen) % 1000 == 0:
                store.save([Source.of(f"new {len(seen)}", "file"), *before[:10]])
            seen.append(one)
        assert seen[:3000] == before
        assert len({one.id for one in seen}) == len(seen)
        assert store.count(Source) >= 3003

    def test_a_stream_may_be_left_and_asks_at_once(self, store: Store) -> None:
        store.save(Source.of(str(i), "file") for i in range(3000))
        for one in store.stream(Source):
            assert one.uri == "0"
            break
        with pytest.raises(StoreError, match="vidio_id"):
            store.stream(Scene, vidio_id="v")
        left = [store.stream(Source) for _ in range(50)]
        assert all(next(stream).uri == "0" for stream in left)
        del left
        store.save([Source.of("more", "file")])
        assert store.count(Source) == 3001

    @pytest.mark.skipif(sys.platform == "win32", reason="memory is measured as Unix does")
    def test_many_rows_take_little_memory(self, open_store: OpenStore) -> None:
        with open_store() as store:
            for first in range(0, self.streamed, 10_000):
                rows = range(first, min(first + 10_000, self.streamed))
                store.save(Completion.of(f"item {i}", "tags", "key", i) for i in rows)
        seen, grown_mib = _apart(partial(_stream_all, open_store))
        assert seen == self.streamed
        assert grown_mib < 48, f"{grown_mib:.0f} MiB; as a list they take about 1 KiB each"

    def test_a_writer_that_is_killed_loses_and_doubles_nothing(self, open_store: OpenStore) -> None:
        open_store().close()
        context = multiprocessing.get_context("spawn")
        told = context.Value("q", 0)
        for _ in range(_KILLS):
            enough = context.Event()
            writer = context.Process(target=_save_on, args=(open_store, told, enough))
            writer.start()
            try:
                assert enough.wait(120)
            finally:
                writer.kill()
                writer.join()
            with open_store() as store:
                sources = [one.uri for one in store.find(Source)]
                # Records that speak for others come after them, so they are never more.
                assert len(sources) >= store.count(Completion) >= told.value * 10
                if self.batches_are_whole:
                    assert len(sources) % 10 == 0
                    assert store.count(Completion) == len(sources)
                assert len(set(sources)) == len(sources)


class ServedSuite:
    """What holds besides for a store that is behind a server."""

    @pytest.fixture
    def server(self) -> Server:
        """Override it: the server that ``open_store`` leads to, for this test alone."""
        raise NotImplementedError

    def test_a_server_that_is_killed_and_comes_back(
        self, server: Server, open_store: OpenStore
    ) -> None:
        """Two threads save and one streams meanwhile; none of them hears of it."""
        told: dict[int, int] = {0: 0, 1: 0}
        read: list[int] = []
        end = threading.Event()

        def write(writer: int) -> None:
            while not end.is_set():
                store.save(_batch(f"{writer} {told[writer]}"))
                told[writer] += 1

        def stream() -> None:
            while not end.is_set():
                uris = [one.uri for one in store.stream(Source)]
                assert len(set(uris)) == len(uris)
                read.append(len(uris))

        with open_store() as store, ThreadPoolExecutor(3) as pool:
            working = [pool.submit(write, 0), pool.submit(write, 1), pool.submit(stream)]

            def more() -> None:
                """Wait until everybody got on."""
                before = *told.values(), len(read)
                for _ in count():
                    now = *told.values(), len(read)
                    if any(one.done() for one in working):
                        break
                    if all(b > a + 2 for a, b in zip(before, now, strict=True)):
                        break
                    end.wait(0.02)

            try:
                for _ in range(2):
                    more()
                    server.kill()
                    server.start()
                more()
            finally:
                end.set()
            for one in working:
                one.result()
            found = [one.uri for one in store.find(Source)]
            for writer, batches in told.items():
                own = [uri for uri in found if uri.startswith(f"{writer} ")]
                assert own == [f"{writer} {n} {i}" for n in range(batches) for i in range(10)]
            assert store.count(Completion) == len(found) == sum(told.values()) * 10

    def test_a_server_that_does_not_come_back(
        self, server: Server, open_impatient: OpenStore
    ) -> None:
        with open_impatient() as store:
            store.save(_batch("0"))
            stream = store.stream(Source)
            server.kill()
            asks: list[Callable[[], object]] = [
                lambda: store.save(_batch("1")),
                lambda: store.count(Source),
                lambda: store.find(Source),
                lambda: list(stream),
                lambda: store.search("x"),
            ]
            for ask in asks:
                with pytest.raises(StoreError) as caught:
                    ask()
                assert caught.value.retriable
                assert caught.value.hint
            server.start()
            assert store.count(Source) == 10

    @pytest.fixture
    def open_impatient(self) -> OpenStore:
        """Override it: ``open_store`` with a store that waits for its server a second at most."""
        raise NotImplementedError


def _batch(name: str) -> list[Record]:
    sources = [Source.of(f"{name} {i}", "file") for i in range(10)]
    return [*(Completion.of(one.id, "scan", "k") for one in sources), *sources]


def _save_on(open_store: OpenStore, told: Any, enough: Event) -> None:
    """Save batch after batch, until this process is killed."""
    first = told.value
    with open_store() as store:
        for number in count(first):
            store.save(_batch(str(number)))
            told.value = number + 1
            if number > first + 20:
                enough.set()


def _apart(work: Callable[[], Any]) -> Any:
    """The result of some work in a process of its own, whose memory is its own, too."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(work)


def _stream_all(open_store: OpenStore) -> tuple[int, float]:
    """How many rows there are, and how many MiB it took to see them one after the other."""
    with open_store() as store:
        rows: Iterator[Completion] = store.stream(Completion)
        next(rows)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        seen = 1 + sum(1 for _ in rows)
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return seen, (after - before) / (_MIB if sys.platform == "darwin" else 1024)
