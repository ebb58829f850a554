"""What goes wrong on a cluster, and that a run's results are then those of an undisturbed one."""

from __future__ import annotations

import inspect
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from ray_cluster import Nodes, early, rows, slow, until

import toolkit as tk
from toolkit.stages.download import Download, Downloader
from toolkit.testing.mongod import mongod

pytestmark = [pytest.mark.slow]
Submit = Callable[..., tk.RunHandle]


@pytest.fixture(autouse=True)
def plugins() -> None:
    tk.analyzer(slow)
    tk.tagger(early)


def whole(nodes: Nodes, run: tk.RunHandle, undisturbed: dict[str, Any]) -> None:
    """All is there, once, and nothing is left behind."""
    assert run.status == "done"
    assert run.failures.is_empty()
    assert rows(run) == undisturbed
    until(lambda: not nodes.actors(), seconds=15)


def kill(pids: list[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def analyzed(run: tk.RunHandle, scenes: int) -> Callable[[], bool]:
    return lambda: run.progress.stages["tag"].done >= scenes


def test_an_analyzer_is_killed_in_mid_batch(
    nodes: Nodes, submit: Submit, films: list[Path], undisturbed: dict[str, Any]
) -> None:
    run = submit(films)
    for scenes in (1, 6):
        until(analyzed(run, scenes))
        kill(nodes.pids(f"{run.id} analyze"))
    whole(nodes, run.wait(), undisturbed)


def test_a_scan_worker_is_killed(
    nodes: Nodes, submit: Submit, films: list[Path], undisturbed: dict[str, Any]
) -> None:
    run = submit(films, execution={"scene_queue": 1})  # so that the scan is there for a while
    for scenes in (1, 4, 8):
        until(analyzed(run, scenes))
        kill(nodes.pids(f"{run.id} scan"))
    whole(nodes, run.wait(), undisturbed)


def test_a_node_is_lost_with_its_workers_and_frames(
    nodes: Nodes, submit: Submit, films: list[Path], undisturbed: dict[str, Any]
) -> None:
    run = submit(films)
    until(analyzed(run, 2))
    assert nodes.there()
    nodes.lose()
    try:
        whole(nodes, run.wait(), undisturbed)
    finally:
        nodes.replace()


def test_the_driver_is_killed_and_the_run_found_again(
    nodes: Nodes,
    films: list[Path],
    workspace: Path,
    undisturbed: dict[str, Any],
    tmp_path: Path,
) -> None:
    script = tmp_path / "driver.py"
    script.write_text(
        "import time\nfrom typing import Any\nimport toolkit as tk\n"
        f"{inspect.getsource(slow)}\n{inspect.getsource(early)}\n"
        "tk.analyzer(slow)\ntk.tagger(early)\n"
        f"run = tk.submit({list(map(str, films))}, workspace={str(workspace)!r}, engine='ray',\n"
        f"    analyzer='signals', ray={{'address': {nodes.address!r}, 'ship': 'nothing'}})\n"
        "print(run.id, flush=True)\n"
        "time.sleep(60)\n"
    )
    command = [sys.executable, str(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout is not None
        run_id = driver.stdout.readline().strip()
        driver.kill()
    run = tk.attach(run_id, workspace=workspace)
    assert run.status == "running"
    until(lambda: run.progress.stages["analyze"].busy)
    assert not run.done
    run.wait()
    whole(nodes, run, undisturbed)


def test_a_video_that_kills_its_worker_is_set_aside(
    nodes: Nodes, submit: Submit, films: list[Path], tmp_path: Path
) -> None:
    deaths = tmp_path / "deaths"

    def deadly(frames: tk.Frames) -> dict[str, Any]:
        if frames.scene.index == 1:
            with deaths.open("a") as file:
                file.write("x")
            os._exit(1)
        return {"fine": True}

    tk.analyzer(deadly)
    run = submit(films[:2]).wait()
    assert run.status == "done"
    failures = run.failures
    assert failures["error"].to_list() == ["PoisonError"] * 2
    assert failures["stage"].to_list() == ["analyze"] * 2
    assert len(deaths.read_text()) == 2 * 3
    assert len(run.scenes) == 8
    assert run.answers.filter(run.answers["plugin"] == "deadly").height == 6
    assert run.answers.filter(run.answers["plugin"] == "slow").height == 8
    until(lambda: not nodes.actors())


def test_a_file_that_kills_its_scan_is_set_aside(
    nodes: Nodes, submit: Submit, films: list[Path], tmp_path: Path
) -> None:
    from toolkit_decode_pyav.decoder import PyAVDecoder

    poison = tmp_path / "poison.mp4"
    poison.write_bytes(films[2].read_bytes())

    class Fragile(PyAVDecoder):
        def open(self, path: Path) -> Any:
            if path.name == "poison.mp4":
                os._exit(1)
            return super().open(path)

    from toolkit_decode_pyav import PyAVOptions

    tk.register(
        tk.DecoderPlugin(name="fragile", factory=lambda options, context: Fragile(PyAVOptions()))
    )
    run = submit([films[0], poison, films[1]], decode={"plugin": "fragile"}).wait()
    assert run.status == "done"
    assert run.failures["error"].to_list() == ["PoisonError"]
    assert run.failures["stage"].to_list() == ["scan"]
    assert "poison.mp4" in run.failures["message"][0]
    assert len(run.scenes) == 8
    until(lambda: not nodes.actors())


@pytest.mark.skipif(sys.platform != "linux", reason="the server is for Linux")
def test_the_store_is_away_for_ten_seconds(
    nodes: Nodes,
    submit: Submit,
    films: list[Path],
    undisturbed: dict[str, Any],
    tmp_path: Path,
) -> None:
    with mongod(tmp_path / "mongod") as server:
        store = {"plugin": "mongodb", "mongodb": {"uri": server.uri, "timeout_s": 2}}
        run = submit(films, store=store)
        until(analyzed(run, 3))
        server.kill()
        time.sleep(10)
        server.start()
        whole(nodes, run.wait(), undisturbed)


class Copies(Downloader):
    """Takes film://archive/PATH; where a file lies tells which node fetched it."""

    def accepts(self, uri: str) -> bool:
        return uri.startswith("film://archive")

    def fetch(self, source: tk.Source, folder: Path, progress: Any, cancel: Any) -> Download:
        import ray

        node = ray.get_runtime_context().get_node_id()
        path = folder / node / Path(source.uri).name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(Path(source.uri.removeprefix("film://archive")).read_bytes())
        with (folder / "log").open("a") as log:
            log.write(f"{node} {path.name}\n")
        return Download(path=path)


def test_what_a_lost_node_had_downloaded_is_fetched_again(
    nodes: Nodes,
    submit: Submit,
    films: list[Path],
    workspace: Path,
    undisturbed: dict[str, Any],
) -> None:
    import shutil

    tk.register(tk.DownloaderPlugin(name="copies", factory=lambda options, context: Copies()))
    run = submit([f"film://archive{film}" for film in films], download={"plugin": "copies"})
    until(analyzed(run, 3))
    assert nodes.there()
    nodes.lose()
    for folder in (workspace / "downloads").iterdir():
        if folder.is_dir():
            shutil.rmtree(folder)
    try:
        whole(nodes, run.wait(), undisturbed)
    finally:
        nodes.replace()


def test_frames_that_fill_the_object_store_wait(
    nodes: Nodes, submit: Submit, films: list[Path], tmp_path: Path
) -> None:
    import numpy as np
    import ray

    chosen: dict[str, Any] = {
        "analyzer": "signals",
        "sampling": {"min_pixels": 400_000, "max_pixels": 401_408},  # 9.6 MB a scene: 154 MB in all
    }
    films = films[:4]
    local = rows(tk.analyze(films, workspace=tmp_path / "local", progress=False, **chosen))
    chosen["ray"] = {"analyzers_max": 0}  # one would get copies of more than there is room for
    before = nodes.spilled()
    run = submit(films, **chosen).wait()
    assert rows(run) == local
    assert nodes.spilled() == before
    ballast = ray.put(np.zeros(80_000_000, np.uint8))  # now it is full from the start
    crowded = submit(films, workspace=tmp_path / "crowded", **chosen).wait()
    assert crowded.failures.is_empty()
    assert rows(crowded) == local
    del ballast
    until(lambda: not nodes.actors())
