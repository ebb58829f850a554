"""A file that crashes its decoder, or wants more than it may have, costs itself and no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from harmful import analyzed, copied, register


def by_file(run: Any) -> dict[str, dict[str, Any]]:
    return {Path(row["source"]).stem: row for row in run.failures.to_dicts()}


def rows_of(run: Any, name: str) -> list[dict[str, Any]]:
    (video,) = [row for row in run.videos.to_dicts() if Path(row["path"]).stem == name]
    keys = "scene_id", "start_s", "end_s", "kind", "score", "signals"
    return [
        {key: row[key] for key in keys} | {"picture": Path(row["thumbnail"]).read_bytes()}
        for row in run.scenes.sort("index").to_dicts()
        if row["video_id"] == video["video_id"]
    ]


def test_each_bad_file_fails_by_itself_and_says_what_happened(
    film: Path, workspace: Path, tmp_path: Path
) -> None:
    register()
    bad = ["crashes", "leaves", "eats", "fails", "sleeps", "early-crashes", "early-eats"]
    paths = copied(film, tmp_path, ["first", *bad, "last"])
    limits = {"memory_mb": 128, "stall_s": 2.0}
    run = analyzed(paths, workspace, decode=limits, execution={"scan_threads": 2})
    assert run.status == "done"
    failures = by_file(run)
    assert {name: row["error"] for name, row in failures.items()} == {
        "crashes": "CrashedError",
        "leaves": "CrashedError",
        "eats": "LimitError",
        "fails": "DecodeError",
        "sleeps": "StalledError",
        "early-crashes": "CrashedError",
        "early-eats": "LimitError",
    }
    assert "crashes.mp4' ended with SIGSEGV" in failures["crashes"]["message"]
    assert "ended with exit code 0" in failures["leaves"]["message"]
    assert "more than 128 MB of memory" in failures["eats"]["message"]
    assert "[decode] memory_mb" in failures["eats"]["hint"]
    assert "ValueError: as any code may" in failures["fails"]["message"]
    alone = analyzed([paths[0], paths[-1]], tmp_path / "alone", decode={"isolate": False})
    for name in ("first", "last"):
        assert len(rows_of(alone, name)) == 3
        assert rows_of(run, name) == rows_of(alone, name)
    # What was complete before it broke is kept.
    assert rows_of(run, "crashes")[0]["end_s"] == 2.0


def test_processor_time_has_a_limit(film: Path, workspace: Path, tmp_path: Path) -> None:
    register()
    paths = copied(film, tmp_path, ["burns", "good"])
    run = analyzed(paths, workspace, decode={"cpu_per_s": 0.2})
    (failure,) = run.failures.to_dicts()
    assert failure["error"] == "LimitError"
    assert "burns.mp4' took more than 1.2" in failure["message"]
    assert len(rows_of(run, "good")) == 3


def test_time_in_all_has_a_limit_where_one_is_set(
    film: Path, workspace: Path, tmp_path: Path
) -> None:
    register()
    run = analyzed(copied(film, tmp_path, ["sleeps", "good"]), workspace, decode={"most_s": 3.0})
    (failure,) = run.failures.to_dicts()
    assert (failure["error"], failure["retriable"]) == ("LimitError", False)
    assert "sleeps.mp4' took more than 3 seconds" in failure["message"]


@pytest.mark.slow
def test_a_process_that_nothing_can_run_in_is_ended(
    film: Path, workspace: Path, tmp_path: Path
) -> None:
    register()
    paths = copied(film, tmp_path, ["freezes", "good"])
    run = analyzed(paths, workspace, decode={"stall_s": 1.0}, execution={"scan_threads": 1})
    (failure,) = run.failures.to_dicts()
    assert (failure["error"], failure["retriable"]) == ("StalledError", True)
    assert len(rows_of(run, "good")) == 3
