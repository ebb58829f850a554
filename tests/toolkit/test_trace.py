"""What ran when, as a file for Chrome's and Perfetto's viewers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import toolkit as tk
from toolkit.errors import ToolkitError


def test_a_run_writes_what_ran_when(film: Path, workspace: Path, tmp_path: Path) -> None:
    run = tk.analyze(film, analyzer="signals", workspace=workspace, progress=False)
    path = run.trace(tmp_path / "run.json")
    events = json.loads(path.read_text(encoding="utf-8"))["traceEvents"]
    bars = [event for event in events if event["ph"] == "X"]
    groups = {event["args"]["name"]: event["pid"] for event in events if event["ph"] == "M"}
    assert set(groups) == {"acquire", "scan", "analyze", "tag"}
    assert {bar["pid"] for bar in bars} == set(groups.values())
    assert [bar["name"] for bar in bars if bar["cat"] == "scan"] == [str(film)]
    assert sum(bar["cat"] == "analyze" for bar in bars) == 3
    end_us = run.progress.elapsed_s * 1e6
    assert all(bar["ts"] >= 0 and bar["ts"] + bar["dur"] <= end_us + 1 for bar in bars)
    with pytest.raises(ToolkitError, match="cannot be written"):
        run.trace(tmp_path / "no" / "run.json")
