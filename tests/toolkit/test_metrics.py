"""What runs record of themselves, held to work of which it is known what it takes."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import av
import pytest

import toolkit as tk
from toolkit.execution.gauge import Gauge
from toolkit.stages.effort import Effort, collected, collecting, note
from toolkit.testing.clips import Shot, write_film
from toolkit.testing.media import write_numbered
from toolkit.testing.server import serve
from toolkit.testing.world import ClipTruth

TINY = Path(__file__).parents[1] / "models" / "tiny-qwen2vl"
WORK_S = 0.2
SCENES = 3
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells threads' names")


@pytest.fixture
def run(film: Path, workspace: Path) -> Callable[..., dict[str, Any]]:
    """Analyzes the film; gives the rows of its metrics by stage."""

    def analyze(analyzer: str, **sections: Any) -> dict[str, Any]:
        done = tk.analyze(film, analyzer=analyzer, workspace=workspace, progress=False, **sections)
        assert done.status == "done"
        attached = tk.RunHandle(done._store, done.id)  # as another process sees it
        assert attached.metrics.equals(done.metrics)
        return by_stage(done)

    return analyze


def by_stage(run: tk.RunHandle) -> dict[str, Any]:
    return {row["stage"]: row for row in run.metrics.iter_rows(named=True)}


def burn() -> None:
    """Keep the processor busy, however long it takes to get so much of it."""
    end_s = time.thread_time() + WORK_S
    while time.thread_time() < end_s:
        pass


def sleeps(frames: tk.Frames) -> dict[str, Any]:
    time.sleep(WORK_S)
    return {"done": True}


def burns(frames: tk.Frames) -> dict[str, Any]:
    burn()
    return {"done": True}


def test_a_stage_that_sleeps_takes_time_and_no_processor(run: Callable[..., Any]) -> None:
    tk.analyzer(sleeps)
    row = run("sleeps")["analyze"]
    assert row["seconds"] >= SCENES * WORK_S
    assert row["cpu_s"] < row["seconds"] / 3
    assert row["waited_s"] > row["seconds"] / 2
    assert row["model_s"] == 0


def test_a_stage_that_computes_takes_the_processor(run: Callable[..., Any]) -> None:
    tk.analyzer(burns)
    row = run("burns")["analyze"]
    assert SCENES * WORK_S <= row["cpu_s"] <= 2 * SCENES * WORK_S
    assert row["seconds"] >= 0.9 * row["cpu_s"]


@LINUX
def test_threads_that_work_for_a_stage_count_for_it(run: Callable[..., Any]) -> None:
    with ThreadPoolExecutor(2) as pool:

        def shares_out(frames: tk.Frames) -> dict[str, Any]:
            for share in [pool.submit(burn), pool.submit(burn)]:
                share.result()
            return {"done": True}

        tk.analyzer(shares_out)
        row = run("shares_out")["analyze"]
    assert row["cpu_s"] >= 2 * SCENES * WORK_S


@LINUX
def test_decoders_threads_count_for_the_scan(tmp_path: Path, workspace: Path) -> None:
    path = write_numbered(tmp_path / "long.mp4", 1500)
    before_s = time.process_time()
    with av.open(path) as file:
        file.streams.video[0].codec_context.thread_count = 4
        for _ in file.decode(video=0):
            pass
    alone_s, before_s = time.process_time() - before_s, time.process_time()
    run = tk.analyze(
        path,
        analyzer="signals",
        workspace=workspace,
        progress=False,
        decode={"pyav": {"threads": 4}},
    )
    all_s = time.process_time() - before_s
    assert 0.8 * alone_s <= by_stage(run)["scan"]["cpu_s"] <= all_s


def test_waits_are_told_from_work(run: Callable[..., Any]) -> None:
    tk.analyzer(sleeps)
    short = {"scenes": {"max_scene_s": 0.4}, "execution": {"scene_queue": 1}}
    rows = run("sleeps", **short)
    scenes = rows["analyze"]["done"]
    assert scenes >= 12
    asleep_s = scenes * WORK_S
    assert rows["analyze"]["queued_s"] > asleep_s / 2
    assert rows["scan"]["blocked_s"] > asleep_s / 2
    assert rows["scan"]["waited_s"] >= rows["scan"]["blocked_s"]
    assert rows["tag"]["queued_s"] < rows["analyze"]["queued_s"]


def test_what_is_there_already_is_a_hit(run: Callable[..., Any], film: Path) -> None:
    first = run("signals")
    assert {row["cache_hits"] for row in first.values()} == {0}
    assert first["scan"]["video_s"] == pytest.approx(6.0, abs=0.1)
    assert first["analyze"]["video_s"] == pytest.approx(6.0, abs=0.1)
    again = run("signals")
    assert {stage: row["cache_hits"] for stage, row in again.items()} == {
        "acquire": 1,
        "scan": 1,
        "analyze": SCENES,
        "tag": SCENES,
    }
    tk.analyzer(burns)
    more = run(("signals", "burns"))
    assert (more["scan"]["cache_hits"], more["analyze"]["cache_hits"]) == (1, 0)


def test_tries_are_counted(film: Path, workspace: Path) -> None:
    """In a process of its own: downloads share what a process has learned about a host."""
    told = """
import sys
import toolkit as tk
run = tk.analyze(
    sys.argv[1],
    analyzer="signals",
    workspace=sys.argv[2],
    progress=False,
    download={"allow_private_hosts": True, "backoff_s": 0.01},
)
assert run.failures["message"].to_list() == []
print(run.id)
"""
    with serve(film.parent) as server:
        done = subprocess.run(
            [sys.executable, "-c", told, server.url("flaky/2/film.mp4"), str(workspace)],
            env={**os.environ, "no_proxy": "127.0.0.1"},
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
    rows = by_stage(tk.attach(done.stdout.strip(), workspace=workspace))
    assert rows["acquire"]["retries"] == 2
    assert rows["scan"]["retries"] == 0


def test_memory_is_that_of_the_process(run: Callable[..., Any]) -> None:
    kept = bytearray(b"x" * 200_000_000)
    rows = run("signals")
    assert rows["scan"]["memory_bytes"] > len(kept)


def test_notes_of_threads_and_tasks_come_together() -> None:
    import asyncio

    async def noting() -> None:
        await asyncio.gather(*(asyncio.to_thread(note, retries=1) for _ in range(20)))

    collecting()
    collected()
    asyncio.run(noting())
    threading.Thread(target=note, kwargs={"retries": 1}).start()  # of nobody's context
    assert collected() == Effort(retries=20)
    assert collected() == Effort()


def test_efforts_add_up_and_come_back_from_a_row() -> None:
    one = Effort(seconds=2, cpu_s=1, gpu_s=0.5, tokens_in=3, memory_bytes=10)
    one.add(Effort(seconds=1, queued_s=4, memory_bytes=7))
    assert one == Effort(seconds=3, cpu_s=1, gpu_s=0.5, queued_s=4, tokens_in=3, memory_bytes=10)
    assert Effort.read("scan", *one.written("scan")) == one
    assert Effort.read("scan", {}, {"scan": 5.0}) == Effort(seconds=5.0)


class Device:
    """Half busy, with two gigabytes in use."""

    gpu, used = 50, 2_000_000_000


@pytest.fixture
def one_gpu(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stands in for a GPU and its driver: no machine of the tests has one."""
    from types import SimpleNamespace

    asked: list[str] = []

    def handle(name: str) -> Device:
        asked.append(name)
        return Device()

    cuda = SimpleNamespace(
        is_initialized=lambda: True,
        device_count=lambda: 2,
        memory_reserved=lambda index: index,  # of the first one nothing is used here
        get_device_properties=lambda index: SimpleNamespace(uuid=f"device-{index}"),
    )
    nvml = SimpleNamespace(
        NVMLError_NotSupported=KeyError,
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByUUID=handle,
        nvmlDeviceGetMemoryInfo=lambda device: device,
        nvmlDeviceGetUtilizationRates=lambda device: device,
    )
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    return asked


def test_gpus_are_asked_that_torch_computes_on(one_gpu: list[str]) -> None:
    gauge = Gauge()
    began_s = time.monotonic()
    time.sleep(0.05)
    seen = gauge.look()
    passed_s = time.monotonic() - began_s
    assert one_gpu == ["GPU-device-1"]
    assert seen.gpu_memory_bytes == Device.used
    assert seen.gpu_s is not None
    assert 0.02 < seen.gpu_s <= passed_s


def test_without_the_library_nothing_is_said_of_gpus(
    one_gpu: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    seen = Gauge().look()
    assert seen.gpu_s is None
    assert seen.memory_bytes > 0


@pytest.mark.slow
def test_a_detached_run_records_the_same(film: Path, workspace: Path) -> None:
    pytest.importorskip("ray")
    tk.analyzer(burns)
    run = tk.submit(film, analyzer="burns", workspace=workspace, detach=True)
    run.wait(timeout_s=60)
    row = by_stage(tk.attach(run.id, workspace=workspace))["analyze"]
    assert SCENES * WORK_S <= row["cpu_s"] <= 2 * SCENES * WORK_S


@pytest.mark.slow
def test_tokens_are_those_that_the_model_read(
    tmp_path: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    clip = tmp_path / "clip.mp4"
    truth = ClipTruth("red", "circle", "one", "left", "white", "day")
    write_film(clip, [Shot(truth, 2.0)], [], rng=random.Random(1), height=120, width=160)
    embed, seen = torch.nn.Embedding.forward, []

    def counting(self: Any, ids: Any) -> Any:  # every token that goes through the model is here
        seen.append(ids.numel())
        return embed(self, ids)

    monkeypatch.setattr(torch.nn.Embedding, "forward", counting)
    run = tk.analyze(
        clip,
        ask=("How many? [number]", "Is it day? [yes/no]"),
        workspace=workspace,
        progress=False,
        analysis={"plugin": ("qwen2vl",), "qwen2vl": {"model": str(TINY), "device": "cpu"}},
    )
    assert run.failures.is_empty()
    row = by_stage(run)["analyze"]
    answers = run.answers
    written = answers.filter(answers["finish_reason"] != "scored")
    assert row["tokens_out"] == answers["tokens_out"].sum() > 0
    # A written answer's last token goes nowhere; one scene alone is not padded, its questions are.
    fed = row["tokens_in"] + row["tokens_out"] - written.height
    assert fed <= sum(seen) <= 1.1 * fed
    assert row["tokens_in"] < answers["tokens_in"].sum()  # the frames count once
    assert row["model_s"] == pytest.approx(row["seconds"], rel=0.01)
