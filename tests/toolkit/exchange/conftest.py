"""A store with two runs that share a video, and everything that a run can hold."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from toolkit.hooks.specs import Context
from toolkit.records import (
    Answer,
    Ask,
    Completion,
    Failure,
    Lineage,
    Record,
    Review,
    Run,
    RunSource,
    Scene,
    Source,
    Statement,
    Synthesis,
    Tag,
    Video,
)
from toolkit.stages.store import Store
from toolkit.testing.samples import TEXT, full_records
from toolkit_store_sqlite import SQLiteOptions, make

DESCRIPTION = Ask(kind="description")
RAIN = Ask(kind="question", name="=Is it raining?")
SIGNALS = Ask(kind="signals")
FORMULA = '=HYPERLINK("https://evil.example","click")'
OpenStore = Callable[[str], Store]


@pytest.fixture
def open_store(tmp_path: Path) -> OpenStore:
    """Opens a store by name."""

    def opened(name: str) -> Store:
        return make(SQLiteOptions(path=f"{name}.db"), Context(tmp_path, tmp_path))

    return opened


@pytest.fixture
def store(open_store: OpenStore) -> Iterator[Store]:
    with open_store("store") as store:
        yield store


@pytest.fixture
def run(store: Store) -> Run:
    run = Run(
        id="run-a",
        status="done",
        lineage=Lineage(
            detector="detector",
            asks=tuple(("analyzer", ask.key) for ask in (DESCRIPTION, RAIN, SIGNALS)),
            generations=("rules",),
            syntheses=("chapters",),
        ),
    )
    other = Run(id="run-b", lineage=Lineage(detector="other detector"))
    for name in ("one", "two"):
        store.save(_video(run, name))
    theirs = Scene.of("one", "other detector", 0, start_s=0.0, end_s=9.0)
    way = RunSource.of("run-b", Source.of("/films/one.mp4", "file"), video_id="one")
    scanned = Completion.of("one", "scan", "other detector", 1)
    store.save([run, other, theirs, way, scanned, Failure(**_FAILED, id="f-b", run_id="run-b")])
    store.save([Failure(**_FAILED, id="f-a", run_id="run-a")])
    lost = Source.of("/films/lost.mp4", "file")
    store.save([lost, RunSource.of("run-a", lost, status="failed")])
    store.save(full_records().values())
    return run


_FAILED: dict[str, Any] = {
    "source": "/films/lost.mp4",
    "stage": "acquire",
    "error": "SourceError",
    "message": TEXT,
}


def _video(run: Run, name: str) -> list[Record]:
    path = f"/films/{name}.mp4"
    source = Source.of(path, "file", video_id=name)
    video = Video(
        id=name, path=path, size_bytes=7, container="mp4", duration_s=30.0, width=160, height=120,
        codec="h264", frame_rate=25.0, nominal_frame_rate=25.0,
    )  # fmt: skip
    records: list[Record] = [source, video, RunSource.of(run.id, source, video_id=name, scenes=3)]
    scenes = [
        Scene.of(name, "detector", i, start_s=10.0 * i, end_s=10.0 * i + 10) for i in range(3)
    ]
    for scene in scenes:
        answer = functools.partial(Answer.of, scene, "analyzer", "sample")
        text = [f"A car <b>in</b> {name} & rain\n\n-->", FORMULA, TEXT][scene.index]
        tag = Tag("@car", score=0.5, why="a rule").placed(scene, "rules", "rules")
        said = answer(DESCRIPTION, text=text)
        records += [
            scene,
            said,
            answer(RAIN, text="yes", value=scene.index > 0),
            answer(SIGNALS, value={"motion": 0.1 + 0.2, "-x": "+1"}),
            tag,
            Review(id=f"{name}{scene.index}", video_id=name, scene_id=scene.id,
                   start_s=scene.start_s, end_s=scene.end_s, target="tag", action="reject",
                   name="another", reviewer="Zoë"),
            Completion.of(scene.id, "tags", "rules", 1),
        ]  # fmt: skip
    chapter = Statement(
        text=f"Chapter of {name} --> & <i>", scenes=(0, 1), spans=((0.0, 20.0),), cited=True,
        scene_ids=tuple(one.id for one in scenes[:2]),
    )  # fmt: skip
    records.append(Tag("film", id=f"tag-{name}", video_id=name, generation="rules", tagger="rules"))
    records.append(
        Synthesis.of(
            name, "chapters", basis="b", plugin="sample", kind="chapters", statements=(chapter,)
        )
    )
    return [*records, Completion.of(name, "scan", "detector", 3)]
