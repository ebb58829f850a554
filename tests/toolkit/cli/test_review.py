"""toolkit review: what a person says on the command line and in files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import toolkit as tk

Command = Callable[..., Any]

RULES = '[[rule]]\ntag = "{tag}"\nwhen = ["scene.duration_s > 0"]\n'


@pytest.fixture
def work(film: Path, tmp_path: Path) -> Path:
    """A workspace with a run over the film, and the config that leads to it."""
    (tmp_path / "rules.toml").write_text(RULES.format(tag="long"), encoding="utf-8")
    (tmp_path / "config.ini").write_text(
        "[paths]\nworkspace = work\n[analysis]\nplugin = signals\n[tags]\nplugin = rules\n"
        "[tags.rules]\nfile = rules.toml\n",
        encoding="utf-8",
    )
    tk.analyze(film, config=tmp_path / "config.ini", progress=False)
    return tmp_path


def tags(toolkit: Command) -> list[list[str]]:
    [video] = toolkit("show", "last", "--json").data["videos"]
    return [[tag["label"] for tag in scene["tags"]] for scene in video["scenes"]]


def test_words_on_the_command_line(work: Path, film: Path, toolkit: Command) -> None:
    assert tags(toolkit) == [["long"]] * 3
    done = toolkit("review", "reject", "last", "1", "--tag", "long", "--reviewer", "Zoë")
    assert (done.code, done.out) == (0, "Zoë: reject tag long (0:02.00 to 0:04.00)\n")
    added = toolkit("review", "add", film, "0", "--tag", "start", "--json").data["review"]
    assert (added["action"], added["name"], added["scene_id"] is None) == ("add", "start", False)
    assert tags(toolkit) == [["long", "start"], [], ["long"]]
    text = ("--description", "--value", "A green triangle")
    assert toolkit("review", "add", "last", "2", *text).code == 0
    assert "green" in toolkit("search", "triangle").out
    split = toolkit("review", "add", "last", "0", "--boundary", "--value", "0.5")
    assert split.code == 0
    assert len(tags(toolkit)) == 4
    assert (
        toolkit("review", "withdraw", "last", "2", "--tag", "long", "--reviewer", "Zoë").code == 0
    )
    assert tags(toolkit)[2] == ["long"]
    shown = toolkit("review", "list", "last")
    assert "superseded" in shown.out
    assert "boundary 0.500" in shown.out
    assert len(toolkit("review", "list", film, "--json").data["reviews"]) == 5


def test_what_is_wrong_is_said(work: Path, toolkit: Command) -> None:
    both = toolkit("review", "accept", "last", "0", "--tag", "long", "--sentiment")
    assert (both.code, "one thing" in both.err) == (2, True)
    assert "no scene '7'" in toolkit("review", "accept", "last", "7", "--tag", "long").err
    missing = toolkit("review", "edit", "last", "0", "--description")
    assert "new text" in missing.err
    assert "no reviews" in toolkit("review", "list", "last").out
    assert "No two reviewers" in toolkit("review", "agreement", "last").out


def test_a_rejected_tag_stays_rejected_under_another_rule_file(
    work: Path, film: Path, toolkit: Command
) -> None:
    toolkit("review", "reject", "last", "1", "--tag", "brief")
    toolkit("review", "accept", "last", "2", "--tag", "long")
    (work / "rules.toml").write_text(RULES.format(tag="brief"), encoding="utf-8")
    tk.analyze(film, config=work / "config.ini", progress=False)
    assert tags(toolkit) == [["brief"], [], ["brief", "long"]]
    again = tk.analyze(
        film, config=work / "config.ini", progress=False, scenes={"plugin": "content"}
    )
    assert len(again.scenes) == 3
    assert tags(toolkit) == [["brief"], [], ["brief", "long"]]


def test_a_file_of_reviews(work: Path, toolkit: Command) -> None:
    lines = [
        "index,start_s,end_s,target,action,name,value,reviewer,at",
        "0,,,tag,reject,long,,Ann,2026-11-01T10:00:00Z",
        '1,,,description,add,,"A blue square,\nand a pink wall",Ann,',
        ",4.0,6.0,,accept,long,,Ann,",
        "",
        "0,,,tag,accept,long,,Bob,2026-11-02",
        "2,,,tag,accept,long,,Bob,",
        ",,,tag,add,film,,Bob,",
    ]
    (work / "r.csv").write_text("\n".join(lines), encoding="utf-8")
    done = toolkit("review", "import", "r.csv")
    assert (done.code, done.out) == (0, "6 reviews imported.\n")
    assert tags(toolkit) == [["long"], ["long"], ["long"]]
    assert "pink" in toolkit("search", "square").out
    assert len(toolkit("review", "list", "last", "--disputed", "--json").data["reviews"]) == 2
    [row] = toolkit("review", "agreement", "last", "--json").data["agreement"]
    assert (row["items"], row["conflicts"]) == (2, 1)
    assert "Ann, Bob" in toolkit("review", "agreement", "last").out
    # What was exported can be imported, and is the same then.
    assert toolkit("export", "last", "all.csv", "--what", "reviews").code == 0
    before = toolkit("review", "list", "last", "--json").out
    assert toolkit("review", "import", "all.csv").code == 0
    assert toolkit("review", "list", "last", "--json").out == before


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["index,action,nmae", "0,accept,x"], "Did you mean 'name'?"),
        (["index,name", "0,x"], "Line 1 of 'r.csv': the column 'action' is missing"),
        (["index,action,name", "0,accept,x", "0,accept"], "Line 3 of 'r.csv' has not as many"),
        (["index,action,name", "0,accept,x", "9,accept,x"], "line 3: The video has no scene 9."),
        (["index,action,name", "0,accept,x", '"0","accept",""'], "line 3: A review of a tag needs"),
        (["index,action,name", "0,acept,x"], "line 2: A review knows no 'acept'"),
        (["index,action,name,at", "0,accept,x,noon"], "line 2: 'noon' is no moment"),
        (["start_s,end_s,action,name", "0,1,add,x"], "line 2: The video has no scene from 0.0"),
        (["start_s,end_s,action,name", "0,one,add,x"], "line 2: 'one' is no time"),
        (["video_id,action,name", "zzz,add,x"], "line 2: The run has no such video"),
        (["index,action,target,value", "0,add,sentiment,glad"], "line 2: A scene's sentiment"),
    ],
)
def test_a_file_with_a_mistake_is_not_imported_at_all(
    work: Path, toolkit: Command, lines: list[str], reason: str
) -> None:
    (work / "r.csv").write_text("\n".join(lines), encoding="utf-8")
    done = toolkit("review", "import", "r.csv")
    assert done.code == 1
    assert reason in done.err
    assert "no reviews" in toolkit("review", "list", "last").out
