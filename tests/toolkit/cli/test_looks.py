"""``toolkit metrics`` and ``toolkit report``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def test_a_run_at_a_glance(toolkit: Callable[..., Any], film: Path, tmp_path: Path) -> None:
    run = toolkit("analyze", film, "--analyzer", "signals", "--json").data["run"]
    data = toolkit("metrics", run, "--json").data
    done = {row["stage"]: row["done"] for row in data["stages"]}
    assert done == {"acquire": 1, "scan": 1, "analyze": 3, "tag": 3}
    scan = data["stages"][1]
    assert scan["video_s"] == pytest.approx(6.0, abs=0.1)
    assert scan["cpu_s"] > 0
    assert data["speed"] > 0
    shown = toolkit("metrics").out
    for words in ("seconds", "cpu", "queued", "memory", "s of video a second"):
        assert words in shown
    assert "gpu" not in shown  # what no stage has is left out
    assert toolkit("report", "last", "report.html").code == 0
    assert "film.mp4" in (tmp_path / "report.html").read_text(encoding="utf-8")
    refused = toolkit("report", "last", "report.html")
    assert refused.code == 1
    assert toolkit("report", "last", "report.html", "--force", "--json").data == {
        "files": ["report.html"]
    }
