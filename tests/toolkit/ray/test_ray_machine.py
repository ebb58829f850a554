"""A cluster of this machine: it outlives who began it, is found again, and goes when unused."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from ray_head import environment

from toolkit.execution.ray import machine

pytestmark = pytest.mark.slow

USE = """
import json, sys, time
from toolkit.execution.ray.connect import connect
from toolkit.hooks.manager import configure

workspace, detached = sys.argv[1:]
settings, plugins, _ = configure(
    arguments={"paths": {"workspace": workspace}, "ray": {"object_store_mb": 100}}
)
with connect(settings, plugins) as first, connect(settings, plugins) as second:
    import ray

    class Coordinator:
        def pid(self):
            import os
            return os.getpid()

    options = {"name": "run", "get_if_exists": True, "lifetime": "detached", "num_cpus": 0}
    if detached == "begin":
        actor = ray.remote(Coordinator).options(**options).remote()
    elif detached == "end":
        actor = ray.get_actor("run")
    else:
        actor = None
    pid = ray.get(actor.pid.remote()) if actor else None
    if detached == "end":
        ray.kill(actor)
    second.close()
    left = ray.get(ray.remote(lambda: 42).remote())
print(json.dumps({"address": first.address, "dashboard": first.dashboard, "pid": pid,
                  "started": first.started, "left": left}))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where a workspace's cluster is known; it is ended after the test."""
    place = tmp_path / "workspace" / "ray"
    yield place
    machine.end(place)


def use(folder: Path, detached: str = "none") -> Any:
    done = subprocess.run(
        [sys.executable, "-c", USE, str(folder.parent), detached],
        cwd=folder.parents[1],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_it_outlives_its_first_process_and_ends_with_its_last_run(folder: Path) -> None:
    began = use(folder, "begin")
    assert began["started"]
    assert began["left"] == 42  # one connection of two was closed
    assert began["dashboard"].startswith("http://127.0.0.1:")
    known = machine.read_cluster(folder)
    assert known
    token = Path(known.token_file)
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    keeper = psutil.Process(known.pid)
    processes = [keeper, *keeper.children(recursive=True)]
    time.sleep(12)  # longer than it waits when it is unused: the actor uses it
    ended = use(folder, "end")
    assert (ended["address"], ended["pid"]) == (began["address"], began["pid"])
    _, alive = psutil.wait_procs(processes, timeout=60)
    assert not alive
    assert machine.read_cluster(folder) is None
    assert not token.exists()


def test_it_ends_at_once_when_it_is_told_to(folder: Path) -> None:
    use(folder)
    known = machine.read_cluster(folder)
    assert known
    processes = psutil.Process(known.pid).children(recursive=True)
    assert machine.end(folder)
    _, alive = psutil.wait_procs(processes, timeout=10)
    assert not alive
    assert not machine.end(folder)


def test_it_ends_when_its_keeper_is_killed_and_the_next_run_starts_another(folder: Path) -> None:
    first = use(folder, "begin")
    known = machine.read_cluster(folder)
    assert known
    keeper = psutil.Process(known.pid)
    # Ray's agents look for it once a minute only.
    processes = [one for one in keeper.children(recursive=True) if "Agent" not in one.name()]
    keeper.kill()
    _, alive = psutil.wait_procs(processes, timeout=60)
    assert not alive
    assert use(folder)["address"] != first["address"]
    assert not Path(known.place).exists()
