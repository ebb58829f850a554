"""``toolkit export``, ``import`` and ``store copy``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]


@pytest.fixture
def run(toolkit: Command, film: Path) -> str:
    found: str = toolkit("analyze", film, "--analyzer", "signals", "--json").data["run"]
    return found


def test_a_run_goes_to_a_file_and_into_another_workspace(
    toolkit: Command, run: str, film: Path, tmp_path: Path
) -> None:
    ended = toolkit("export", "last", "run.jsonl.gz", "--json")
    assert ended.data == {"files": ["run.jsonl.gz"]}
    counts = toolkit("import", "run.jsonl.gz", "--workspace", "elsewhere", "--json").data
    assert counts["records"]["Scene"] == 3
    shown = [
        toolkit("show", run, "--json", "--evidence", "--workspace", folder).data
        for folder in ("toolkit-workspace", "elsewhere")
    ]
    assert shown[0] == shown[1]
    # What is done is not done again there.
    toolkit("analyze", film, "--analyzer", "signals", "--workspace", "elsewhere")
    latest = toolkit("runs", "--json", "--workspace", "elsewhere").data["runs"][0]
    assert latest["counts"]["reused"] == 3


def test_views_for_people(toolkit: Command, run: str, film: Path, tmp_path: Path) -> None:
    assert "scenes.csv (" in toolkit("export", film, "scenes.csv").out
    assert len((tmp_path / "scenes.csv").read_text().splitlines()) == 4
    refused = toolkit("export", "last", "scenes.csv")
    assert refused.code == 1
    assert "--force" in refused.err
    assert toolkit("export", "last", "scenes.csv", "--force").code == 0
    assert toolkit("export", "last", "x.vtt").code == 2
    assert toolkit("export", "last", "x.vtt", "--what", "scenes").code == 0
    (tmp_path / "edits").mkdir()
    files = toolkit("export", "last", "edits", "--format", "edl", "--json").data["files"]
    assert files == ["edits/film.edl"]
    assert toolkit("export", "nobody", "x.csv").code == 1
    assert toolkit("export", "all", "x.csv").code == 2
    assert toolkit("import", "scenes.csv").code == 1


def test_a_store_is_copied(toolkit: Command, run: str, tmp_path: Path) -> None:
    ended = toolkit("store", "copy", "sqlite", "copy.db", "--json")
    rows = {row["kind"]: row for row in ended.data["copied"]}
    assert rows["Scene"] == {"kind": "Scene", "found": 3, "written": 3, "there": 3}
    again = toolkit("store", "copy", "toolkit-workspace/toolkit.db", "sqlite:copy.db")
    assert again.code == 0
    assert "in TO now" in again.out
    one, other = (
        toolkit("show", run, "--json", "--set", f"store.path={tmp_path / name}").data
        for name in ("copy.db", "toolkit-workspace/toolkit.db")
    )
    assert json.dumps(one) == json.dumps(other)


def test_a_password_does_not_belong_in_a_command(toolkit: Command, tmp_path: Path) -> None:
    ended = toolkit("store", "copy", "a.db", "mongodb://me:secret-word@localhost/x")
    assert ended.code == 2
    assert "secret-word" not in ended.out + ended.err
    assert "${NAME}" in ended.err
    assert toolkit("store", "copy", "missing.db", "b.db").code == 1
    assert toolkit("store", "copy", "nowhere", "b.db").code == 2
    assert not list(tmp_path.glob("*.db"))
