"""Runs as metrics for Prometheus, read by its own parser."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from toolkit.insight.exposition import exposition
from toolkit.records import Run, RunStatus
from toolkit.records.base import now
from toolkit.stages.effort import Effort
from toolkit.stages.store import Store

NASTY = 'run "one"\nof \\many'


@pytest.fixture
def saved(store: Store) -> Store:
    done = Effort(seconds=2.0, cpu_s=1.5, retries=1, tokens_in=10, memory_bytes=5)
    going = Effort(seconds=1.0, cpu_s=0.5, gpu_s=0.25, tokens_in=5, memory_bytes=7)
    runs: tuple[tuple[str, RunStatus, Effort], ...]
    runs = (NASTY, "running", going), ("b", "done", done)
    for name, status, effort in runs:
        counts, seconds = effort.written("scan")
        counts |= {"scan_done": 3, "scan_total": 4, "failures": 1}
        row = Run(id=name, status=status, counts=counts, seconds={**seconds, "elapsed": 9.0})
        store.save([row])
    silent = now() - timedelta(hours=1)
    store.save([Run(id="c", status="running", heartbeat_at=silent, counts={"scan_done": 1})])
    return store


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    parser: Any = pytest.importorskip("prometheus_client.parser")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in parser.text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_runs_add_up_by_stage(saved: Store, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    text = exposition(tmp_path)
    found = samples(text)
    scan = (("stage", "scan"),)
    assert found["toolkit_stage_items_total", scan] == 7
    assert found["toolkit_stage_seconds_total", scan] == 3
    assert found["toolkit_stage_cpu_seconds_total", scan] == 2
    assert found["toolkit_stage_gpu_seconds_total", scan] == 0.25
    assert found["toolkit_stage_tokens_in_total", scan] == 15
    assert found["toolkit_failures_total", ()] == 2
    standing = {labels[0][1]: n for (name, labels), n in found.items() if name == "toolkit_runs"}
    assert (standing["running"], standing["done"], standing["interrupted"]) == (1, 1, 1)
    assert text.endswith("\n")
    assert text.count("# TYPE toolkit_stage_items_total counter\n") == 1


def test_runs_that_go_on_have_gauges_of_their_own(
    saved: Store, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    found = samples(exposition(tmp_path))
    assert found["toolkit_run_stage_total", (("run", NASTY), ("stage", "scan"))] == 4
    assert found["toolkit_run_stage_memory_bytes", (("run", NASTY), ("stage", "scan"))] == 7
    runs = {value for _, labels in found for name, value in labels if name == "run"}
    assert runs == {NASTY}


def test_an_empty_workspace_has_no_stages(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    found = samples(exposition(tmp_path / "new"))
    assert not any(name.startswith("toolkit_stage") for name, _ in found)
