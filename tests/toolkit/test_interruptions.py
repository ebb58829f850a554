"""Cancelling, dying in the middle, and several runs on one store at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from counting import Counting

import toolkit as tk
from toolkit.hooks.manager import configure
from toolkit.pipeline import Pipeline
from toolkit.records import Answer, Completion, Scene
from toolkit.sources import expand
from toolkit.stages.component import Cancel
from toolkit.stages.store import Store


class Slow(Counting):
    """Takes its time over each scene, but listens."""

    batch_size = 1
    started = threading.Event()

    def analyze(self, looks: Any, fingerprint: str, cancel: Cancel) -> Any:
        for look in looks:
            Slow.started.set()
            if look.frames.scene.index:
                cancel.wait(60)
                cancel.check()
            yield from super().analyze([look], fingerprint, cancel)


@pytest.fixture(autouse=True)
def slow() -> None:
    Counting.asked.clear()
    Slow.started.clear()
    tk.register(tk.AnalyzerPlugin(name="slow", factory=lambda options, context: Slow()))


def test_cancel_keeps_what_is_done_and_the_next_run_continues(film: Path, workspace: Path) -> None:
    run = tk.submit(film, workspace=workspace, analyzer="slow")
    for event in run.events():
        if event.kind == "scene":
            run.cancel()
    run.wait(timeout_s=10)
    assert run.status == "cancelled"
    assert run.scenes["description"].to_list() == ["description of scene 0"]
    Counting.asked.clear()
    tk.register(tk.AnalyzerPlugin(name="slow", factory=lambda options, context: Counting()))
    # The plugin's name, version and options are the same: so are its answers' keys.
    again = run.resume().wait()
    assert {scene for scene, _, _ in Counting.asked} == {1, 2}
    assert again.scenes["description"].null_count() == 0


def test_another_process_can_cancel(film: Path, workspace: Path) -> None:
    run = tk.submit(film, workspace=workspace, analyzer="slow")
    assert Slow.started.wait(20)
    code = f"import toolkit as tk; tk.attach({run.id!r}, workspace={str(workspace)!r}).cancel()"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    run.wait(timeout_s=10)
    assert run.status == "cancelled"


def test_a_stage_that_does_not_listen_is_left_behind(film: Path, workspace: Path) -> None:
    release = threading.Event()

    class Deaf(Counting):
        def analyze(self, looks: Any, fingerprint: str, cancel: Cancel) -> Any:
            Slow.started.set()
            release.wait(60)
            return super().analyze(looks, fingerprint, cancel)

    tk.register(tk.AnalyzerPlugin(name="slow", factory=lambda options, context: Deaf()))
    run = tk.submit(film, workspace=workspace, analyzer="slow")
    assert Slow.started.wait(20)
    run.cancel()
    run.wait(timeout_s=10)
    release.set()
    assert run.status == "cancelled"
    assert tk.runs(workspace=workspace)["status"].to_list() == ["cancelled"]


SCRIPT = """
import sys, time
import toolkit as tk
sys.path.insert(0, {support!r})
from counting import Counting

class Endless(Counting):
    batch_size = 1
    def analyze(self, looks, fingerprint, cancel):
        for look in looks:
            if look.frames.scene.index and {hang}:
                print("hanging", flush=True)
                time.sleep(60)
            yield from super().analyze([look], fingerprint, cancel)

tk.register(tk.AnalyzerPlugin(name="endless", factory=lambda o, c: Endless()))
tk.analyze({film!r}, workspace={workspace!r}, analyzer="endless", progress=False)
print(sorted({{scene for scene, _, _ in Counting.asked}}))
"""


def process(film: Path, workspace: Path, *, hang: bool) -> subprocess.Popen[str]:
    support = str(Path(__file__).parents[1] / "support")
    code = textwrap.dedent(SCRIPT).format(
        support=support, film=str(film), workspace=str(workspace), hang=hang
    )
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )


@pytest.mark.slow
def test_a_killed_run_is_continued(film: Path, workspace: Path) -> None:
    first = process(film, workspace, hang=True)
    assert first.stdout is not None
    assert first.stdout.readline().strip() == "hanging"
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and tk.search("description", workspace=workspace).is_empty():
        time.sleep(0.1)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    second = process(film, workspace, hang=False)
    output, _ = second.communicate(timeout=60)
    assert output.strip() == "[1, 2]"


@pytest.mark.slow
def test_processes_share_a_store(film: Path, workspace: Path) -> None:
    crowd = [process(film, workspace, hang=False) for _ in range(3)]
    for one in crowd:
        one.communicate(timeout=120)
        assert one.returncode == 0
    settings, plugins, _ = configure(None, {"paths": {"workspace": workspace}})
    with plugins.make(Store, "store", "sqlite", settings).component as store:
        assert [scene.index for scene in store.find(Scene)] == [0, 1, 2]
        assert store.count(Answer) == 6
        assert store.count(Completion, stage="scan") == 1


def test_threads_share_a_pipeline(film: Path, workspace: Path) -> None:
    tk.register(tk.AnalyzerPlugin(name="slow", factory=lambda options, context: Counting()))
    settings, plugins, _ = configure(
        None, {"paths": {"workspace": workspace}, "analysis": {"plugin": "slow"}}
    )
    pipeline = Pipeline(settings, plugins)
    errors: list[BaseException] = []

    def work() -> None:
        try:
            cancel = Cancel()
            for source in expand([film]):
                assert isinstance(source, tk.Source)
                video = pipeline.acquire(source, lambda done, total: None, cancel)
                assert isinstance(video, tk.Video)
                for item in pipeline.scan(video, cancel):
                    if item.missing:
                        list(pipeline.analyze(0, [item], cancel))
                    pipeline.tag(item)
                    pipeline.store.save([*item.new, *item.closing])
        except BaseException as error:  # noqa: BLE001 - to be shown by the test
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert [scene.index for scene in pipeline.store.find(Scene)] == [0, 1, 2]
    assert pipeline.store.count(Answer) == 6
    pipeline.close()
