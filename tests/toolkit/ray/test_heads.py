"""A head that restarts and has kept its state, or is lost, and what becomes of a run."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ray_cluster import Nodes, early, rows, slow, until
from redis_server import redis_server

import toolkit as tk
from toolkit.errors import ClusterError

pytestmark = [pytest.mark.slow]


@pytest.fixture(autouse=True)
def plugins() -> None:
    tk.analyzer(slow)
    tk.tagger(early)


def submit(nodes: Nodes, films: list[Path], workspace: Path) -> tk.RunHandle:
    options = {"address": nodes.address, "ship": "nothing", "scans_max": 2, "analyzers_max": 1}
    return tk.submit(films, engine="ray", ray=options, workspace=workspace, analyzer="signals")


@pytest.fixture(params=["disk", "redis"])
def keeping(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Heads that are started keep their state."""
    if request.param == "disk":
        monkeypatch.setenv("RAY_gcs_storage", "rocksdb")
        monkeypatch.setenv("RAY_gcs_storage_path", str(tmp_path))
        yield
    else:
        with redis_server(tmp_path) as address:
            monkeypatch.setenv("RAY_REDIS_ADDRESS", address)
            yield


@pytest.mark.usefixtures("keeping")
def test_a_run_goes_on_when_a_head_comes_back_that_keeps_its_state(
    films: list[Path], workspace: Path, undisturbed: dict[str, Any]
) -> None:
    nodes = Nodes()
    try:
        run = submit(nodes, films, workspace)
        until(lambda: run.progress.stages["tag"].done >= 2)
        nodes.restart_control(away_s=3)
        found = tk.attach(run.id, workspace=workspace)
        run.wait(120)
        assert found.wait(30).status == "done"
        assert run.status == "done"
        assert run.failures.is_empty()
        assert rows(run) == undisturbed
    finally:
        nodes.close()


DRIVER = """
import json, os, sys, time
from typing import Any

if os.fork():  # as in a container: this process's parent is the first of all
    os._exit(0)

import toolkit as tk
from toolkit.errors import ClusterError
from toolkit.execution.ray import engine

engine._AWAY_S = 5.0
PLUGINS
tk.analyzer(slow)
tk.tagger(early)
films, workspace, address = json.loads(sys.argv[1])
options = {"address": address, "ship": "nothing", "scans_max": 2}
run = tk.submit(films, engine="ray", ray=options, workspace=workspace, analyzer="signals")
for event in run.events():
    if event.kind == "video":
        break
print(run.id, flush=True)
try:
    run.wait(100)
    error = None
except ClusterError as caught:
    error = str(caught)
print(json.dumps({"error": error, "status": run.status, "scenes": len(run.scenes)}), flush=True)
"""


def test_a_lost_head_is_an_error_of_the_run_and_what_was_done_is_not_done_again(
    films: list[Path],
    workspace: Path,
    undisturbed: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = tmp_path / "driver.py"
    source = inspect.getsource(slow) + inspect.getsource(early)
    script.write_text(DRIVER.replace("PLUGINS", source))
    with monkeypatch.context() as patch:  # what the nodes' processes wait for a head
        patch.setenv("RAY_gcs_rpc_server_reconnect_timeout_s", "5")
        nodes = Nodes()
    try:
        given = json.dumps([[*map(str, films)], str(workspace), nodes.address])
        command = [sys.executable, str(script), given]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as driver:
            assert driver.stdout is not None
            run_id = driver.stdout.readline().strip()
            nodes.lose_head()
            said = json.loads(driver.stdout.readline())
        assert "has been away" in said["error"]
        assert "run.resume()" in said["error"]
        assert said["status"] == "interrupted"
        assert 4 <= said["scenes"] < 4 * len(films)
        lost = tk.attach(run_id, workspace=workspace)
        until(lambda: lost.status == "interrupted")
        with pytest.raises(ClusterError, match="No Ray cluster answers"):
            lost.resume()  # it is to be on the same cluster, which is not there
    finally:
        nodes.close()
    nodes = Nodes()
    try:
        again = submit(nodes, films, workspace).wait(120)
        assert again.status == "done"
        assert again.failures.is_empty()
        assert rows(again) == undisturbed
        assert again.progress.reused >= 4
        # Scenes of films that were not yet through, too: each is looked at once, by two.
        [looked] = again.metrics.filter(again.metrics["stage"] == "analyze").to_dicts()
        assert looked["cache_hits"] >= said["scenes"]
    finally:
        nodes.close()
