"""What was erased does not come back by a cluster, and the log tells of runs there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from ray_cluster import Nodes

import toolkit as tk
from toolkit.privacy.audit import AuditLog

pytestmark = pytest.mark.slow
Submit = Callable[..., tk.RunHandle]


def test_what_was_erased_stays_away_on_ray(
    nodes: Nodes, submit: Submit, films: list[Path], workspace: Path, tmp_path: Path
) -> None:
    first = submit(films[:2])
    first.wait(120)
    assert len(first.videos) == 2
    assert tk.forget(str(films[0]), workspace=workspace, yes=True).left == []
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(films[0].read_bytes())
    run = submit([films[0], copy, films[1]])
    run.wait(120)
    assert run.status == "done"
    assert sorted(run.sources["status"]) == ["done", "skipped", "skipped"]
    assert len(run.videos) == 1
    log = AuditLog(workspace)
    assert log.verify() == []
    whats = [entry.what for entry in log.entries() if entry.what.startswith("run")]
    assert whats == ["run.begun", "run.ended"] * 2
