"""``toolkit plan``: what a run would take, on this machine or on a cluster."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

Command = Callable[..., Any]
SIGNALS = ("--set", "analysis.plugin=signals")


def test_what_is_not_known_yet_is_said(toolkit: Command, film: Path) -> None:
    ended = toolkit("plan", film, "missing.mp4", "--no-calibrate", *SIGNALS)
    assert ended.code == 0
    assert "1 new, 1 unreadable" in ended.out
    assert "calibrate" in ended.out
    assert "There is no file missing.mp4" in ended.err


def test_the_cluster_that_is_asked_for(toolkit: Command, film: Path) -> None:
    ended = toolkit("plan", film, "--engine", "ray", "--gpus", "3", *SIGNALS)
    assert ended.code == 0
    assert "bottleneck" in ended.out
    more = ("--calibrate", "--engine", "ray", "--hours", "1", "--json")
    sized = toolkit("plan", film, *more, *SIGNALS).data["sizing"]
    assert (sized["analyzers"], sized["scenes"]) == (1, 3)


def test_an_engine_that_is_not_there(toolkit: Command, film: Path) -> None:
    ended = toolkit("plan", film, "--engine", "roy")
    assert ended.code == 2
    assert "ray" in ended.err
