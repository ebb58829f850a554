"""Before a run: what there is to do, and what it would take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import toolkit as tk
from toolkit.testing.media import write_numbered

SIGNALS = {"plugin": ("signals",)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(2):
        write_numbered(tmp_path / f"{number}.mp4", 60 + 20 * number)
    return tmp_path


def test_nothing_is_known_before_a_first_run(folder: Path) -> None:
    plan = tk.plan(
        [folder, "missing.mp4"], workspace=folder / "w", analysis=SIGNALS, calibrate=False
    )
    assert plan.frame["standing"].to_list() == ["new", "new", "unreadable"]
    assert plan.load.video_s == pytest.approx(5.6, abs=0.1)
    assert plan.sizing is None
    assert "calibrate" in repr(plan)
    assert "skipped" not in repr(plan)
    assert "<table" in plan._repr_html_()


def test_a_calibration_measures_and_keeps_nothing(folder: Path) -> None:
    plan = tk.plan(folder, workspace=folder / "w", analysis=SIGNALS)  # no run has told yet
    assert plan.sizing is not None
    assert plan.sizing.source.endswith("of 0.mp4")
    assert plan.disk_bytes > 0
    assert tk.runs(workspace=folder / "w").is_empty()


def test_past_runs_tell_and_what_is_done_is_left_out(folder: Path) -> None:
    workspace = folder / "w"
    run = tk.analyze(folder / "0.mp4", workspace=workspace, analysis=SIGNALS, progress=False)
    assert run.status == "done"
    plan = tk.plan(folder, workspace=workspace, analysis=SIGNALS)
    assert plan.frame["standing"].to_list() == ["done", "new"]
    assert plan.load.videos == 1
    assert plan.sizing is not None
    assert "last run" in plan.sizing.source
    assert "skipped as done" in repr(plan)
    measured = tk.plan(folder, workspace=workspace, analysis=SIGNALS, calibrate=True)
    assert measured.sizing is not None
    assert "measured" in measured.sizing.source
    other = tk.plan(folder, workspace=workspace, analysis=SIGNALS, scenes={"plugin": "adaptive"})
    assert other.load.videos == 2  # another detector: all is to be done again
    assert other.sizing is not None
    assert "measured" in other.sizing.source  # that run tells nothing about this one


def test_of_what_is_partly_done_the_rest_counts(folder: Path) -> None:
    workspace = folder / "w"

    @tk.analyzer
    def picky(frames: tk.Frames) -> dict[str, bool]:
        if frames.scene.index % 2:
            raise ValueError("an odd one")
        return {"even": True}

    sections: dict[str, Any] = {"analysis": {"plugin": ("picky",)}, "scenes": {"max_scene_s": 0.6}}
    tk.analyze(folder / "0.mp4", workspace=workspace, progress=False, **sections)
    plan = tk.plan(folder / "0.mp4", workspace=workspace, calibrate=False, **sections)
    [item] = plan.items
    assert item.standing == "partly"
    assert 0 < item.left < 1
    assert plan.load.video_s == pytest.approx(item.left * 2.4, abs=0.1)


def test_a_model_that_is_not_here_is_not_fetched_to_measure(folder: Path) -> None:
    plan = tk.plan(
        folder,
        workspace=folder / "w",
        analysis={
            "plugin": ("qwen2vl",),
            "qwen2vl": {"model": "Qwen/Qwen2-VL-2B-Instruct", "local_files_only": True},
        },
    )
    assert plan.sizing is None
    assert plan.model_bytes > 4e9
    assert plan.disk_bytes > 4e9
    assert "fit" in repr(plan)
