"""How fast the SQLite store saves and reads, beside bare `sqlite3` writing the same columns.

Scenes with a description, an answer and signals each, in batches as the pipeline saves them. Bare
`sqlite3` gets rows that are ready-made, has one table a kind without any other index, no search
index, and the same durability (WAL, synchronous = NORMAL): what nobody can be faster than.

    python benchmarks/bench_store.py --scenes 10000 --batch 100
"""

from __future__ import annotations

import argparse
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from toolkit.insight import frames
from toolkit.records import Answer, Ask, Lineage, Record, Run, RunSource, Scene, Source, Video
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


def save_bare(path: Path, batches: Sequence[Sequence[Record]]) -> float:
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


def save_all(batches: Sequence[Sequence[Record]], store: SQLiteStore) -> None:
    """Save all batches."""
    for batch in batches:
        store.save(batch)


def main() -> None:
    """Measure in turn, and print one line a task."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenes", type=int, default=10_000)
    parser.add_argument("--batch", type=int, default=100, help="records a transaction")
    parser.add_argument("--rounds", type=int, default=3)
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
    taken: dict[str, list[float]] = {}
    bare: list[float] = []
    tasks: dict[str, Callable[[SQLiteStore], object]] = {
        "save": partial(save_all, batches),
        "save again": partial(save_all, batches),
        "find all": lambda store: [store.find(Scene), store.find(Answer)],
        "scenes frame": lambda store: frames.scenes(store, run),
        "search": lambda store: store.search('red "two people"'),
    }
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as folder:
            bare.append(save_bare(Path(folder, "bare.db"), batches))
            with SQLiteStore(Path(folder, "toolkit.db")) as store:
                store.save([run, source, video, RunSource.of("run", source, video_id="video")])
                for name, task in tasks.items():
                    taken.setdefault(name, []).append(seconds(partial(task, store)))
    reference = statistics.median(bare)
    print(f"{len(records)} rows, {options.batch} a transaction, median of {options.rounds}")
    for name, times in {"bare sqlite3 save": bare, **taken}.items():
        median = statistics.median(times)
        rate = "" if name == "search" else f"{len(records) / median:9,.0f} rows/s"
        print(f"{name:18} {median * 1000:8.1f} ms {median / reference:6.2f} x bare {rate}")


if __name__ == "__main__":
    main()
