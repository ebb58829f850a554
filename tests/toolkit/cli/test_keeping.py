"""held, forget, purge and audit, as people type them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]
SIGNALS = ("--set", "analysis.plugin=signals")


@pytest.fixture
def analyzed(toolkit: Command, film: Path) -> Path:
    assert toolkit("analyze", film, *SIGNALS).code == 0
    return film


def test_a_look_comes_first_and_the_deed_is_proven(toolkit: Command, analyzed: Path) -> None:
    looked = toolkit("forget", analyzed)
    assert looked.code == 0
    assert "is a source: 1 video" in looked.out
    assert "Nothing was erased yet" in looked.out
    assert "--files deletes them as well" in looked.out
    assert toolkit("show", "last", "--json").data["videos"]
    done = toolkit("forget", analyzed, "--yes")
    assert done.code == 0
    assert "All of it is gone" in done.out
    assert toolkit("show", "last", "--json").data["videos"] == []
    again = toolkit("analyze", analyzed, *SIGNALS)
    assert again.code == 0
    assert "erased on request: 1 of the sources" in again.err
    assert toolkit("analyze", analyzed, *SIGNALS, "--json").data["forgotten"] == 1
    assert "2 sources and videos may come back" in toolkit("forget", analyzed, "--allow").out
    assert toolkit("analyze", analyzed, *SIGNALS, "--json").data["scenes"] == 3


def test_nobody_knows_it(toolkit: Command, analyzed: Path) -> None:
    ended = toolkit("forget", "nobody")
    assert ended.code == 1
    assert "Nothing is known of" in ended.err
    assert toolkit("forget", analyzed, "--yes", "--allow").code == 2


def test_a_workspace_is_not_made_by_looking(toolkit: Command, tmp_path: Path) -> None:
    for command in (("held", "x"), ("forget", "x"), ("purge",)):
        ended = toolkit(*command)
        assert ended.code == 1
        assert "There is no workspace" in ended.err
    assert toolkit("audit", "verify").code == 0
    assert not (tmp_path / "toolkit-workspace").exists()


def test_what_is_held_is_shown_and_written(
    toolkit: Command, analyzed: Path, tmp_path: Path
) -> None:
    shown = toolkit("held", analyzed)
    assert shown.code == 0
    assert "Scene" in shown.out
    assert str(analyzed) in shown.out
    data = toolkit("held", analyzed, "held.zip", "--json").data
    assert (data["records"]["Scene"], data["written"]) == (3, "held.zip")
    assert (tmp_path / "held.zip").is_file()
    assert toolkit("held", analyzed, "held.zip").code == 1
    assert "held" in toolkit("audit", "show").out


def test_purge_says_first_what_would_go(toolkit: Command, analyzed: Path) -> None:
    assert "Nothing was removed" not in toolkit("purge").out
    old = ("--set", "privacy.keep_results_days=0.0000001")

    def results() -> int:
        found = toolkit("purge", "--json", *old).data["expired"]
        return {one["kind"]: one["items"] for one in found}["results"]  # type: ignore[no-any-return]

    assert "Nothing was removed yet" in toolkit("purge", *old).out
    assert results() == 1
    assert toolkit("purge", "--yes", *old).code == 0
    assert results() == 0


def test_the_audit_log_is_shown_and_checked(
    toolkit: Command, analyzed: Path, tmp_path: Path
) -> None:
    toolkit("config", "init")
    shown = toolkit("audit", "show", "--json").data["entries"]
    assert [one["what"] for one in shown] == ["run.begun", "run.ended", "config"]
    verified = toolkit("audit", "verify")
    assert verified.code == 0
    anchor = verified.out.split()[-1]
    assert anchor.startswith("3:")
    assert toolkit("audit", "verify", "--anchor", anchor).code == 0
    assert toolkit("audit", "verify", "--anchor", "3:0000").code == 1
    assert toolkit("audit", "verify", "--anchor", "three").code == 2
    log = tmp_path / "toolkit-workspace" / "audit" / "log.jsonl"
    first, *rest = log.read_text().splitlines(keepends=True)
    entry = json.loads(first)
    entry["who"]["user"] = "somebody else"
    log.write_text("".join([json.dumps(entry) + "\n", *rest]))
    broken = toolkit("audit", "verify")
    assert broken.code == 1
    assert "Line 2 does not follow" in broken.err
