"""A head that restarts with its state on disk, and what becomes of a run."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from ray_cluster import Nodes, rows, until

import toolkit as tk

pytestmark = [pytest.mark.slow]


def slow(frames: tk.Frames) -> dict[str, Any]:
    time.sleep(0.4)
    return {"brightness": round(float(frames.rgb.mean()), 3)}


@pytest.fixture(autouse=True)
def plugins() -> None:
    tk.analyzer(slow)


@pytest.fixture(scope="module")
def undisturbed(films: list[Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The same run on this machine, without Ray."""
    tk.analyzer(slow)
    workspace = tmp_path_factory.mktemp("undisturbed")
    return rows(tk.analyze(films, analyzer="signals", workspace=workspace, progress=False))


def begun(nodes: Nodes, films: list[Path], workspace: Path) -> tk.RunHandle:
    options = {"address": nodes.address, "ship": "nothing", "scans_max": 2}
    run = tk.submit(films, engine="ray", ray=options, workspace=workspace, analyzer="signals")
    until(lambda: run.progress.stages["tag"].done >= 2)
    return run


def test_a_run_goes_on_when_a_head_comes_back_that_keeps_its_state_on_disk(
    films: list[Path],
    workspace: Path,
    undisturbed: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RAY_gcs_storage", "rocksdb")
    monkeypatch.setenv("RAY_gcs_storage_path", str(tmp_path))
    nodes = Nodes()
    try:
        run = begun(nodes, films, workspace)
        nodes.restart_control(away_s=3)
        run.wait(120)
        assert run.status == "done"
        assert run.failures.is_empty()
        assert rows(run) == undisturbed
    finally:
        nodes.close()
