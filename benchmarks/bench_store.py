"""How fast the stores save and read, each beside its bare library writing the same values.

Scenes with a description, an answer and signals each, in batches as the pipeline saves them. The
bare libraries get rows that are ready-made, have one table or collection a kind without any other
index, no search index, and the same durability: what nobody can be faster than. `sqlite3` has WAL
and synchronous = NORMAL; `pymongo` has `bulk_write` with writes confirmed on the disk. MongoDB is
a server of its own on this machine, once alone and, with --replica-set, with transactions.

    python benchmarks/bench_store.py --scenes 10000 --batch 100
"""

from __future__ import annotations

import argparse
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

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

DESCRIPTION, QUESTION = Ask(kind="description"), Ask(kind="question", name="How many people?")
SIGNALS = Ask(kind="signals")
WORDS = ["red", "car", "night", "two", "people", "walking", "a", "street", "in", "rain", "slowly"]


def rows(scenes: int) -> list[Record]:
    """The records of so many scenes of one video, four a scene."""
    records: list[Record] = []
    for index in range(scenes):
        scene = Scene.of("video", "detector", index, start_s=index * 4.0, end_s=index * 4.0 + 4)
        words = [WORDS[(index * k) % len(WORDS)] for k in range(1, 60)]
        measured = {"motion": index / scenes, "brightness": 0.5, "frozen": False}
        records += [
            scene,
            Answer.of(scene, "analyzer", "qwen2vl", DESCRIPTION, text=" ".join(words)),
            Answer.of(scene, "analyzer", "qwen2vl", QUESTION, text=" ".join(words[:5])),
            Answer.of(scene, "analyzer", "signals", SIGNALS, value=measured),
        ]
    return records


def seconds(work: Callable[[], object]) -> float:
    """Wall time of some work."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def save_bare_sqlite(path: Path, batches: Sequence[Sequence[Record]]) -> float:
    """Wall time of bare `sqlite3` for the same rows."""
    ready = []
    for batch in batches:
        kinds: dict[type[Record], list[tuple[object, ...]]] = {}
        for record in batch:
            kinds.setdefault(type(record), []).append(table(type(record)).row(record))
        ready.append(kinds)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        for kind in (Scene, Answer):
            columns = table(kind).columns.replace('"id"', '"id" TEXT PRIMARY KEY')
            db.execute(f"CREATE TABLE {table(kind).name} ({columns})")

        def save() -> None:
            for kinds in ready:
                db.execute("BEGIN IMMEDIATE")
                for kind, values in kinds.items():
                    holes = ", ".join("?" for _ in values[0])
                    db.executemany(f"INSERT INTO {table(kind).name} VALUES ({holes})", values)  # noqa: S608
                db.execute("COMMIT")

        return seconds(save)


def save_bare_mongodb(server: Mongod, batches: Sequence[Sequence[Record]]) -> float:
    """Wall time of bare `pymongo` for the same values."""
    ready = []
    for batch in batches:
        kinds: dict[str, list[InsertOne[dict[str, Any]]]] = {}
        for record in batch:
            of = shape(type(record))
            row = {"_id": record.id, **of.document(record)}
            row.pop("words", None)
            kinds.setdefault(of.name, []).append(InsertOne(row))
        ready.append(kinds)
    with client(server) as raw:
        raw.drop_database("bare")

        def save() -> None:
            for kinds in ready:
                for name, inserts in kinds.items():
                    raw["bare"][name].bulk_write(inserts)

        return seconds(save)


def client(server: Mongod) -> MongoClient[dict[str, Any]]:
    options = dict(server.options)
    if file := options.pop("tls_ca_file", None):
        options["tlsCAFile"] = file
    return MongoClient(server.uri, w="majority", journal=True, **options)


def size_of(server: Mongod, database: str) -> int:
    """Bytes on the disk of a database, once all of it is there."""
    with client(server) as raw:
        raw.admin.command("fsync")
        found = raw[database].command("dbStats")
        return int(found["storageSize"] + found["indexSize"])


def save_all(batches: Sequence[Sequence[Record]], store: Store) -> None:
    """Save all batches."""
    for batch in batches:
        store.save(batch)


class Measured:
    """The times of one store and its bare library, round by round."""

    def __init__(self, name: str, bare: str) -> None:
        self.name, self.bare = name, bare
        self.taken: dict[str, list[float]] = {}
        self.size_bytes = 0

    def add(self, task: str, taken_s: float) -> None:
        self.taken.setdefault(task, []).append(taken_s)

    def show(self, rows: int) -> None:
        reference = statistics.median(self.taken[self.bare])
        print(f"{self.name}: {self.size_bytes / rows:.0f} bytes a row on the disk")
        for task, times in self.taken.items():
            median = statistics.median(times)
            rate = "" if task == "search" else f"{rows / median:9,.0f} rows/s"
            print(f"  {task:18} {median * 1000:8.1f} ms {median / reference:6.2f} x bare {rate}")


def sqlite_round(
    measured: Measured,
    batches: Sequence[Sequence[Record]],
    work: Callable[[Measured, Store], None],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        measured.add(measured.bare, save_bare_sqlite(Path(folder, "bare.db"), batches))
        with SQLiteStore(Path(folder, "toolkit.db")) as store:
            work(measured, store)
        measured.size_bytes = Path(folder, "toolkit.db").stat().st_size


def mongodb_round(
    server: Mongod,
    measured: Measured,
    batches: Sequence[Sequence[Record]],
    work: Callable[[Measured, Store], None],
) -> None:
    measured.add(measured.bare, save_bare_mongodb(server, batches))
    with client(server) as raw:
        raw.drop_database("toolkit")
    options = MongoDBOptions.model_validate({"uri": server.uri, **server.options})
    with make_mongodb(options, Context(Path(), Path())) as store:
        work(measured, store)
    measured.size_bytes = size_of(server, "toolkit")


@contextmanager
def mongodb(wanted: bool, with_replica_set: bool) -> Iterator[Mongod | None]:
    """A server to measure; None, and a line that says why, where there cannot be one."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            how = replica_set if with_replica_set else mongod
            if wanted:
                with how(Path(folder)) as server:
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
    parser.add_argument("--batch", type=int, default=100, help="records a transaction")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--store", choices=["both", "sqlite", "mongodb"], default="both")
    parser.add_argument("--replica-set", action="store_true", help="with TLS and transactions")
    options = parser.parse_args()
    records = rows(options.scenes)
    batches = [records[i : i + options.batch] for i in range(0, len(records), options.batch)]
    source = Source.of("/film.mp4", "file", video_id="video")
    pairs = tuple(("analyzer", ask.key) for ask in (DESCRIPTION, QUESTION, SIGNALS))
    run = Run(id="run", lineage=Lineage(detector="detector", asks=pairs))
    video = Video(
        id="video", path="/film.mp4", size_bytes=1, container="mp4", duration_s=1.0, width=1,
        height=1, codec="h264",
    )  # fmt: skip
    tasks: dict[str, Callable[[Store], object]] = {
        "save": partial(save_all, batches),
        "save again": partial(save_all, batches),
        "find all": lambda store: [store.find(Scene), store.find(Answer)],
        "scenes frame": lambda store: frames.scenes(store, run),
        "search": lambda store: store.search('red "two people"'),
    }

    def work(measured: Measured, store: Store) -> None:
        store.save([run, source, video, RunSource.of("run", source, video_id="video")])
        for name, task in tasks.items():
            measured.add(name, seconds(partial(task, store)))

    print(f"{len(records)} rows, {options.batch} a transaction, median of {options.rounds}")
    if options.store != "mongodb":
        found = Measured("sqlite", "bare sqlite3 save")
        for _ in range(options.rounds):
            sqlite_round(found, batches, work)
        found.show(len(records))
    with mongodb(options.store != "sqlite", options.replica_set) as server:
        if server:
            found = Measured("mongodb", "bare pymongo save")
            for _ in range(options.rounds):
                mongodb_round(server, found, batches, work)
            found.show(len(records))


if __name__ == "__main__":
    main()
