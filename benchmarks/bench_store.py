"""How fast the stores save and read, each beside its bare library doing the same.

Scenes with their answers (a description, then a question's answer and signals), in batches as the
pipeline saves them. The bare libraries get rows that are ready-made, have one table or collection a
kind without any other index, no search index, no rules, and the same durability: what nobody can be
faster than. `sqlite3` has WAL and synchronous = NORMAL; `pymongo` has `bulk_write` with writes
confirmed on the disk. Store and library take turns, batch by batch; the making of records is not
timed. MongoDB is a server of its own on this machine, once alone and, with --replica-set, with
transactions.

    python benchmarks/bench_store.py --scenes 10000
    python benchmarks/bench_store.py --scenes 1000000 --answers 0 --rounds 1
"""

from __future__ import annotations

import argparse
import resource
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

from pymongo import InsertOne, MongoClient

from toolkit.hooks.specs import Context
from toolkit.insight import frames
from toolkit.records import Answer, Ask, Lineage, Record, Run, RunSource, Scene, Source, Video
from toolkit.stages.store import Store
from toolkit.testing.mongod import Mongod, NoMongodError, mongod, replica_set
from toolkit_store_mongodb import MongoDBOptions
from toolkit_store_mongodb import make as make_mongodb
from toolkit_store_mongodb.documents import shape
from toolkit_store_sqlite.store import SQLiteStore
from toolkit_store_sqlite.tables import table

ASKS = (
    Ask(kind="description"),
    Ask(kind="question", name="How many people?"),
    Ask(kind="signals"),
)
KINDS: tuple[type[Record], ...] = (Scene, Answer)
WORDS = ["red", "car", "night", "two", "people", "walking", "a", "street", "in", "rain", "slowly"]
A_FRAME = 100_000  # scenes; larger frames are not measured
Rows = Mapping[type[Record], list[Any]]


def batches(scenes: int, answers: int, size: int) -> Iterator[list[Record]]:
    """The records of so many scenes of one video, made as they are needed."""
    batch: list[Record] = []
    for index in range(scenes):
        scene = Scene.of("video", "detector", index, start_s=index * 4.0, end_s=index * 4.0 + 4)
        words = [WORDS[(index * k) % len(WORDS)] for k in range(1, 60)]
        measured = {"motion": index / scenes, "brightness": 0.5, "frozen": False}
        said: list[dict[str, Any]] = [
            {"text": " ".join(words)}, {"text": " ".join(words[:5])}, {"value": measured},
        ]  # fmt: skip
        batch.append(scene)
        for ask, what in zip(ASKS[:answers], said, strict=False):
            batch.append(Answer.of(scene, "analyzer", "sample", ask, **what))
        if len(batch) >= size:
            yield batch
            batch = []
    if batch:
        yield batch


class Bare(Protocol):
    """A library on its own."""

    def ready(self, batch: list[Record]) -> Rows:
        """The rows as the library takes them."""

    def save(self, rows: Rows) -> None: ...

    def read(self, kind: type[Record]) -> int:
        """Read all rows of a kind, one after the other; how many there are."""


class BareSQLite:
    """Python's `sqlite3`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        for kind in KINDS:
            columns = table(kind).columns.replace('"id"', '"id" TEXT PRIMARY KEY')
            db.execute(f"CREATE TABLE {table(kind).name} ({columns})")

    def ready(self, batch: list[Record]) -> Rows:
        rows: dict[type[Record], list[Any]] = {}
        for record in batch:
            rows.setdefault(type(record), []).append(table(type(record)).row(record))
        return rows

    def save(self, rows: Rows) -> None:
        self.db.execute("BEGIN IMMEDIATE")
        for kind, values in rows.items():
            holes = ", ".join("?" for _ in values[0])
            self.db.executemany(f"INSERT INTO {table(kind).name} VALUES ({holes})", values)  # noqa: S608
        self.db.execute("COMMIT")

    def read(self, kind: type[Record]) -> int:
        return sum(1 for _ in self.db.execute(f"SELECT * FROM {table(kind).name}"))  # noqa: S608


class BareMongoDB:
    """`pymongo`."""

    def __init__(self, client: MongoClient[dict[str, Any]]) -> None:
        client.drop_database("bare")
        self.db = client["bare"]

    def ready(self, batch: list[Record]) -> Rows:
        rows: dict[type[Record], list[Any]] = {}
        for record in batch:
            row = {"_id": record.id, **shape(type(record)).document(record)}
            row.pop("words", None)
            rows.setdefault(type(record), []).append(InsertOne(row))
        return rows

    def save(self, rows: Rows) -> None:
        for kind, inserts in rows.items():
            self.db[shape(kind).name].bulk_write(inserts)

    def read(self, kind: type[Record]) -> int:
        return sum(1 for _ in self.db[shape(kind).name].find())


def connected(server: Mongod) -> MongoClient[dict[str, Any]]:
    options = dict(server.options)
    if file := options.pop("tls_ca_file", None):
        options["tlsCAFile"] = file
    return MongoClient(server.uri, w="majority", journal=True, **options)


class Measured:
    """The times of one store and its bare library, round by round, in seconds."""

    def __init__(self) -> None:
        self.taken: dict[str, list[tuple[float, float | None, int]]] = {}
        self.peak_mib = 0.0

    def add(self, task: str, taken_s: float, bare_s: float | None, rows: int) -> None:
        self.taken.setdefault(task, []).append((taken_s, bare_s, rows))

    def show(self, name: str, sizes: tuple[float, float]) -> None:
        print(f"{name}: {sizes[0]:.0f} bytes a row on the disk, bare {sizes[1]:.0f}")
        for task, rounds in self.taken.items():
            taken = statistics.median(one for one, _, _ in rounds)
            rows = rounds[0][2]
            line = f"  {task:13} {taken:9.3f} s"
            line += f" {rows / taken:9,.0f} rows/s" if rows else " " * 17
            if bare := [one for _, one, _ in rounds if one]:
                ratio = statistics.median(one / b for one, b, _ in rounds if b)
                line += f"   bare {rows / statistics.median(bare):9,.0f} rows/s: {ratio:.2f} x"
            print(line)
        print(f"  reading took {self.peak_mib:.0f} MiB more than there was before")


def seconds(work: Callable[[], object]) -> float:
    """Wall time of some work."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def measure(measured: Measured, store: Store, bare: Bare, options: argparse.Namespace) -> None:
    """One round."""
    run = first_records(store, options.answers)
    taken = again = bare_s = 0.0
    saved = repeated = 0
    every = max(1, options.scenes // 10_000)
    for number, batch in enumerate(batches(options.scenes, options.answers, options.batch)):
        rows = bare.ready(batch)
        turns: list[Callable[[], None]] = [lambda: store.save(batch), lambda: bare.save(rows)]  # noqa: B023
        if number % 2:
            bare_s += seconds(turns[1])
            taken += seconds(turns[0])
        else:
            taken += seconds(turns[0])
            bare_s += seconds(turns[1])
        saved += len(batch)
        if number % every == 0:
            again += seconds(turns[0])
            repeated += len(batch)
    measured.add("save", taken, bare_s, saved)
    measured.add("save again", again, None, repeated)
    before = peak_mib()
    for kind in KINDS[: 1 + bool(options.answers)]:
        counted: list[int] = []
        taken = seconds(lambda: counted.append(sum(1 for _ in store.stream(kind))))  # noqa: B023
        bare_s = seconds(lambda: counted.append(bare.read(kind)))  # noqa: B023
        assert counted[0] == counted[1]
        measured.add(f"read {kind.__name__}", taken, bare_s, counted[0])
    measured.peak_mib = max(measured.peak_mib, peak_mib() - before)
    if options.scenes <= A_FRAME:
        frame = seconds(lambda: frames.scenes(store, run))
        measured.add("scenes frame", frame, None, saved)
    measured.add("search", seconds(lambda: store.search('red "two people"')), None, 0)


def first_records(store: Store, answers: int) -> Run:
    """The run of which all scenes are."""
    source = Source.of("/film.mp4", "file", video_id="video")
    pairs = tuple(("analyzer", ask.key) for ask in ASKS[:answers])
    run = Run(id="run", lineage=Lineage(detector="detector", asks=pairs))
    video = Video(
        id="video", path="/film.mp4", size_bytes=1, container="mp4", duration_s=1.0, width=1,
        height=1, codec="h264",
    )  # fmt: skip
    store.save([run, source, video, RunSource.of("run", source, video_id="video")])
    return run


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def sqlite_rounds(options: argparse.Namespace) -> None:
    measured = Measured()
    rows = options.scenes * (1 + options.answers)
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as name:
            own, bare = Path(name, "toolkit.db"), Path(name, "bare.db")
            with (
                SQLiteStore(own) as store,
                closing(sqlite3.connect(bare, isolation_level=None)) as db,
            ):
                measure(measured, store, BareSQLite(db), options)
            sizes = own.stat().st_size / rows, bare.stat().st_size / rows
    measured.show("sqlite", sizes)


def mongodb_rounds(server: Mongod, options: argparse.Namespace) -> None:
    measured = Measured()
    rows = options.scenes * (1 + options.answers)
    settings = {"uri": server.uri, "timeout_s": 600, **server.options}
    with connected(server) as client:
        for _ in range(options.rounds):
            client.drop_database("toolkit")
            chosen = MongoDBOptions.model_validate(settings)
            with make_mongodb(chosen, Context(Path(), Path())) as store:
                measure(measured, store, BareMongoDB(client), options)
            client.admin.command("fsync")
            found = [client[name].command("dbStats") for name in ("toolkit", "bare")]
        sizes = [(one["storageSize"] + one["indexSize"]) / rows for one in found]
    measured.show("mongodb" + " (replica set)" * options.replica_set, (sizes[0], sizes[1]))


@contextmanager
def mongodb(with_replica_set: bool) -> Iterator[Mongod | None]:
    """A server to measure; None, and a line that says why, where there cannot be one."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            with (replica_set if with_replica_set else mongod)(Path(folder)) as server:
                yield server
                return
        except NoMongodError as reason:
            print(f"MongoDB is left out: {reason}")
        yield None


def main() -> None:
    """Measure in turn, and print one line a task."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenes", type=int, default=10_000)
    parser.add_argument("--answers", type=int, default=3, choices=[0, 1, 2, 3], help="a scene")
    parser.add_argument("--batch", type=int, default=100, help="records a transaction")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--store", choices=["both", "sqlite", "mongodb"], default="both")
    parser.add_argument("--replica-set", action="store_true", help="with TLS and transactions")
    options = parser.parse_args()
    print(
        f"{options.scenes:,} scenes with {options.answers} answers each, {options.batch} records a "
        f"transaction, median of {options.rounds}"
    )
    if options.store != "mongodb":
        sqlite_rounds(options)
    if options.store != "sqlite":
        with mongodb(options.replica_set) as server:
            if server:
                mongodb_rounds(server, options)


if __name__ == "__main__":
    main()
