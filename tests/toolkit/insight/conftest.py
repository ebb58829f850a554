"""A finished run in a real store, with rows of other runs around it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import JsonValue

from toolkit.hooks.specs import Context
from toolkit.records import (
    Answer,
    Ask,
    Failure,
    Lineage,
    Record,
    Run,
    RunSource,
    Scene,
    Source,
    Tag,
    Video,
)
from toolkit.stages.store import Store
from toolkit_store_sqlite import SQLiteOptions, make

DESCRIBE = Ask(kind="description")
PEOPLE = Ask(kind="question", name="How many people?")
FEEL = Ask(kind="sentiment")
MEASURE = Ask(kind="signals")
OLD = Ask(kind="description", prompt="an older prompt")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with make(SQLiteOptions(), Context(tmp_path, tmp_path)) as store:
        yield store


def video(name: str, duration_s: float | None) -> Video:
    return Video(
        id=name,
        path=f"/films/{name}.mp4",
        size_bytes=1000,
        container="mp4",
        duration_s=duration_s,
        width=640,
        height=360,
        codec="h264",
        tags={"artist": "Zoë"},
    )


@pytest.fixture
def run(store: Store) -> Run:
    """Two videos, from three sources and in another order than their ids, and a broken source."""
    run = Run(
        id="run-1",
        status="done",
        lineage=Lineage(
            detector="detector",
            asks=(
                ("qwen", DESCRIBE.key),
                ("qwen", PEOPLE.key),
                ("qwen", FEEL.key),
                ("signals", MEASURE.key),
            ),
            generations=("rules-2", "labels-1"),
        ),
    )
    link = Source.of("https://example.org/2", "link", video_id="b", info={"title": "A <b> & $5"})
    file = Source.of("/films/a.mp4", "file", video_id="a")
    copy = Source.of("/films/copy of b.mp4", "file", video_id="b")
    broken = Source.of("/films/broken.mp4", "file")
    # Another run's: the same video by another path, another detector, an older prompt and rule.
    theirs = Source.of("/elsewhere/theirs.mp4", "file", video_id="a", info={"title": "Theirs"})
    records: list[Record] = [run, theirs, link, file, copy, broken, video("a", 20.0)]
    records += [video("b", None), video("c", 99.0), Run(id="run-2")]
    records += [
        RunSource.of("run-1", link, video_id="b", status="done", scenes=3, reused=3),
        RunSource.of("run-1", file, video_id="a", status="done", scenes=2),
        RunSource.of("run-1", copy, video_id="b", status="done", scenes=3, reused=3),
        RunSource.of("run-1", broken, status="failed"),
        RunSource.of("run-2", theirs, video_id="a", status="done", scenes=1),
        Failure(id="f", run_id="run-1", source=broken.uri, stage="acquire", error="DecodeError",
                message="It is broken.", retriable=False),
        Failure(id="g", run_id="run-2", source="x", stage="acquire", error="X", message=""),
    ]  # fmt: skip
    for name, count in (("a", 2), ("b", 3)):
        for index in range(count):
            scene = Scene.of(
                name, "detector", index, start_s=10.0 * index, end_s=10.0 * index + 10, score=index
            )
            records.append(scene)
            records += said_of(scene)
    other = Scene.of("a", "other detector", 0, start_s=0, end_s=20)
    records += [other, *said_of(other)]
    store.save(records)
    return run


def said_of(scene: Scene) -> list[Record]:
    """Of video b the last scene has no answers at all."""
    if scene.video_id == "b" and scene.index == 2:
        return []
    first = scene.index == 0
    feeling, people = ("positive", "two") if first else ("negative", "none")
    signals: dict[str, JsonValue] = {
        "motion": 1 if first else 0.5,
        "black": first,
        "faces": scene.index,
        "shot": "wide" if first else None,
        "colours": ["red", "blue"],
        "mixed": "none" if first else 3,
    }
    return [
        Answer.of(scene, "qwen", "qwen2vl", OLD, text="older words"),
        # This analyzer and this ask are both of the run, but not with each other.
        Answer.of(scene, "signals", "signals", DESCRIBE, text="from other settings"),
        # Saved out of order: the frames show them in the order asked.
        Answer.of(scene, "signals", "signals", MEASURE, value=signals),
        Answer.of(scene, "qwen", "qwen2vl", FEEL, text=feeling, value=feeling, confidence=0.75),
        Answer.of(scene, "qwen", "qwen2vl", PEOPLE, text=people),
        Answer.of(scene, "qwen", "qwen2vl", DESCRIBE, text=f"A red car in {scene.video_id}"),
        Answer.of(scene, "other", "other", DESCRIBE, text="somebody else's words"),
        Tag("car", score=0.5, why="a rule").placed(scene, "rules", "rules-2"),
        Tag("night" if first else "day", score=0.9).placed(scene, "labels", "labels-1"),
        Tag("car", score=0.4).placed(scene, "labels", "labels-1"),
        Tag("stale", score=1.0).placed(scene, "rules", "rules-1"),
    ]
