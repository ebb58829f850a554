"""Runs on a Ray cluster: the same rows as without, watched and stopped from wherever."""

from __future__ import annotations

import json
import random
import struct
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
import sharing
from harmful import copied
from ray_cluster import Nodes, ended, rows, until

import toolkit as tk
from toolkit.config.machine import cores
from toolkit.errors import ClusterError
from toolkit.records import Ask
from toolkit.stages.analysis import Analyzer, Look, Reply
from toolkit.stages.component import Cancel

pytestmark = [pytest.mark.slow]
TINY = Path(__file__).parents[2] / "models" / "tiny-qwen2vl"
Submit = Callable[..., tk.RunHandle]


def brightness(frames: tk.Frames) -> dict[str, Any]:
    time.sleep(0.05)
    return {"brightness": round(float(frames.rgb.mean()), 3)}


def first(scene: tk.Scene, analysis: tk.Analysis) -> Any:
    if scene.index == 0:
        yield tk.Tag("first", why=f"{len(analysis.answers)} answers")


def test_a_run_on_ray_gives_the_same_rows_and_leaves_nothing_behind(
    nodes: Nodes, submit: Submit, films: list[Path], tmp_path: Path
) -> None:
    tk.analyzer(brightness)  # as in a notebook: no other process can import these
    tk.tagger(first)
    secret = "s3cret-of-a-server"
    run = submit(films, analysis={"openai": {"api_key": secret}})
    workers = until(lambda: nodes.pids(run.id))
    until(lambda: run.progress.stages["analyze"].workers)
    run.wait()
    assert run.status == "done"
    assert run.failures.is_empty()
    assert all(Path(path).is_file() for path in run.scenes["thumbnail"])
    assert [event.kind for event in run.events()].count("video") == len(films)
    bars = json.loads(run.trace(tmp_path / "run.json").read_text())["traceEvents"]
    assert sum(bar.get("cat") == "scan" for bar in bars) == len(films)
    until(lambda: not nodes.actors() and ended(workers))
    local = tk.analyze(films, analyzer="signals", workspace=tmp_path / "local", progress=False)
    assert rows(run) == rows(local)
    assert len(rows(run)["scenes"]) == 4 * len(films)

    assert secret not in str(run.row) + nodes.log()

    again = submit(films).wait()
    assert again.progress.reused == 4 * len(films)


def test_files_of_a_long_run_have_a_core_each(
    nodes: Nodes, submit: Submit, films: list[Path], tmp_path: Path
) -> None:
    sharing.register()
    paths = copied(films[0], tmp_path, [f"{number:02}" for number in range(32)])  # of four cores
    assert submit(paths, decode={"plugin": "telling"}).wait().status == "done"
    assert sharing.told(paths) == {1}
    few = copied(films[0], tmp_path, ["one", "two"])
    assert submit(few, decode={"plugin": "telling"}).wait().status == "done"
    assert sharing.told(few) == {cores()}


def test_reviews_hold_for_runs_on_ray(
    nodes: Nodes, submit: Submit, films: list[Path], workspace: Path
) -> None:
    tk.tagger(first)
    local = tk.analyze(films[0], analyzer="signals", workspace=workspace, progress=False)
    opening, second = local.scenes["scene_id"][:2]
    local.review(opening, action="reject", name="first")
    local.review(second, action="accept", name="second")
    run = submit(films[0], scenes={"plugin": "content"}).wait()
    assert opening not in run.scenes["scene_id"]
    labels = [list(tags) for tags in run.scenes["tags"]]
    assert [tags.count("first") for tags in labels] == [0] * len(labels)
    assert "second" in labels[1]


def test_whole_videos_are_tagged_and_the_vocabulary_travels(
    nodes: Nodes, submit: Submit, films: list[Path], tmp_path: Path
) -> None:
    labels, rules = tmp_path / "labels.toml", tmp_path / "rules.toml"
    labels.write_text('[[label]]\nname = "dark"\nsynonyms = ["gloomy"]\n')
    rules.write_text(
        '[[rule]]\ntag = "gloomy"\nwhen = "signals.brightness < 0.4"\n'
        '[[rule]]\ntag = "has a night"\nof = "video"\nwhen = "count.dark == 1"\n'
    )
    tags = {"plugin": "rules, labels", "vocabulary": str(labels), "rules": {"file": str(rules)}}
    run = submit(films[:2], tags=tags)
    labels.rename(tmp_path / "elsewhere.toml")  # no node needs the file
    run.wait()
    assert run.failures.is_empty()
    assert run.tags["label"].to_list() == ["has a night", "dark"] * 2
    (tmp_path / "elsewhere.toml").rename(labels)
    where = {"workspace": tmp_path / "local", "progress": False}
    local = tk.analyze(films[:2], analyzer="signals", tags=tags, **where)  # type: ignore[arg-type]
    assert rows(run) == rows(local)
    assert run.row.lineage.generations == local.row.lineage.generations


def test_a_model_is_loaded_in_gpu_workers(
    nodes: Nodes, submit: Submit, films: list[Path], tmp_path: Path
) -> None:
    chosen: dict[str, Any] = {
        "analyzer": "qwen2vl",
        "ask": "What colour is the shape?",
        "analysis": {"qwen2vl": {"model": str(TINY), "device": "cpu"}, "summary": True},
    }
    run = submit(films[:2], **chosen)
    until(lambda: nodes.pids(f"{run.id} analyze"))
    import ray

    until(lambda: ray.available_resources().get("GPU", 0) < 2)
    run.wait()
    assert run.failures.is_empty()
    local = tk.analyze(films[:2], workspace=tmp_path / "local", progress=False, **chosen)
    for what in ("answers", "tags"):  # confidences differ in their last digits, with the batch
        assert rows(run)[what] == rows(local)[what]
    assert run.videos["summary"].to_list() == local.videos["summary"].to_list()


def test_two_runs_of_one_id_cannot_be(nodes: Nodes, films: list[Path], workspace: Path) -> None:
    from toolkit.execution.ray.engine import launch
    from toolkit.hooks.manager import configure
    from toolkit.pipeline import Pipeline
    from toolkit.records import Run
    from toolkit.sources import expand

    settings, plugins, _ = configure(
        None,
        {
            "ray": {"address": nodes.address, "ship": "nothing"},
            "paths": {"workspace": workspace},
            "analysis": {"plugin": "signals"},
        },
    )
    row, given = Run(), list(expand(map(str, films)))
    one = launch(settings, plugins, Pipeline(settings, plugins), row, given)
    with pytest.raises(ClusterError, match="already"):
        launch(settings, plugins, Pipeline(settings, plugins), row, given)
    assert one.ended.wait(60)
    assert tk.attach(row.id, workspace=workspace).status == "done"


@pytest.mark.parametrize("seed", range(2))
def test_cancelling_at_any_time_ends_all_within_seconds(
    nodes: Nodes, submit: Submit, films: list[Path], workspace: Path, seed: int
) -> None:
    tk.analyzer(brightness)
    run = submit(films)
    time.sleep(random.Random(seed).uniform(0, 4))
    workers = nodes.pids(run.id)
    run.cancel()
    run.wait(timeout_s=20)
    assert run.status in ("cancelled", "done")
    until(lambda: not nodes.actors() and ended(workers), seconds=10)
    whole = submit(films).wait()
    assert whole.status == "done"
    assert len(rows(whole)["scenes"]) == 4 * len(films)


class Placed(Analyzer):
    """Says which analyzer process looked, to see how many there are."""

    kinds = frozenset({"signals"})

    def asks(self, wanted: Iterable[Ask]) -> Sequence[Ask]:
        return [Ask(kind="signals", name="placed") for _ in wanted]

    def analyze(
        self, looks: Sequence[Look], fingerprint: str, cancel: Cancel
    ) -> Iterable[Sequence[Reply]]:
        import os

        for look in looks:
            time.sleep(0.3)
            value = {"pid": os.getpid()}
            yield [
                tk.Answer.of(look.frames.scene, fingerprint, "placed", ask, text="", value=value)
                for ask in look.asks
            ]


def test_analyzers_grow_with_what_waits(nodes: Nodes, submit: Submit, films: list[Path]) -> None:
    tk.register(tk.AnalyzerPlugin(name="placed", factory=lambda options, context: Placed()))
    run = submit(films, analyzer="placed", ray={"cpus_per_analyzer": 0.5, "analyzers_max": 3})
    run.wait()
    assert len(set(run.answers["value"])) > 1


def test_scans_grow_with_videos_that_no_queue_holds_yet(
    nodes: Nodes, submit: Submit, films: list[Path], tmp_path: Path
) -> None:
    from toolkit_decode_pyav import PyAVOptions
    from toolkit_decode_pyav.decoder import PyAVDecoder

    class Quick(PyAVDecoder):
        def open(self, path: Path) -> Any:
            time.sleep(0.3)  # so that it is this stage that the others wait for
            return super().open(path)

    tk.register(tk.DecoderPlugin(name="quick", factory=lambda *_: Quick(PyAVOptions())))
    film, many = films[0].read_bytes(), [tmp_path / f"{number}.mp4" for number in range(20)]
    for number, path in enumerate(many):  # a box that players skip makes it another file
        path.write_bytes(film + struct.pack(">I4sQ", 16, b"free", number))
    chosen: dict[str, Any] = {"decode": {"plugin": "quick"}, "execution": {"video_queue": 2}}
    run = submit(many, **chosen)
    run.wait()
    assert run.failures.is_empty()
    # Asked for, that is: on a busy machine the other may come when all is done.
    assert nodes.hired(f"{run.id} scan") == 2


def works(frames: tk.Frames) -> dict[str, Any]:
    time.sleep(0.2)
    end_s = time.thread_time() + 0.1
    while time.thread_time() < end_s:
        pass
    return {"done": True}


def test_workers_tell_what_they_took(submit: Submit, films: list[Path], workspace: Path) -> None:
    tk.analyzer(works)
    run = submit(films[:2], analyzer="works").wait()
    rows = {row["stage"]: row for row in tk.attach(run.id, workspace=workspace).metrics.to_dicts()}
    analyze, scan = rows["analyze"], rows["scan"]
    assert 8 * 0.1 <= analyze["cpu_s"] <= analyze["seconds"] - 8 * 0.1
    assert analyze["waited_s"] > 8 * 0.1
    assert scan["cpu_s"] > 0
    assert scan["video_s"] == pytest.approx(2 * 4 * 1.4, abs=0.2)
    assert {rows[stage]["memory_bytes"] > 1e7 for stage in ("acquire", "scan", "analyze")} == {True}
    assert {row["cache_hits"] for row in rows.values()} == {0}
    again = submit(films[:2], analyzer="works").wait()
    hits = {row["stage"]: row["cache_hits"] for row in again.metrics.to_dicts()}
    assert hits == {"acquire": 2, "scan": 2, "analyze": 8, "tag": 8}
