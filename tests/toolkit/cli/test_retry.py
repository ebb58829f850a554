"""``toolkit retry``: what may pass is tried again, what cannot is told with its reason."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from toolkit.testing.server import MediaServer, serve

Command = Callable[..., Any]
OPTIONS = ("--analyzer", "signals", "--set", "download.allow_private_hosts=yes")
AT_ONCE = ("--set", "download.retries=0")


@pytest.fixture
def web(film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MediaServer]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    (tmp_path / "web").mkdir()
    shutil.copy(film, tmp_path / "web" / "film.mp4")
    with serve(tmp_path / "web") as server:
        yield server


def test_what_may_pass_is_tried_again_and_the_rest_is_told(
    toolkit: Command, web: MediaServer
) -> None:
    passes, never = web.url("flaky/1/film.mp4"), web.url("status/410/film.mp4")
    first = toolkit("analyze", passes, never, *OPTIONS, *AT_ONCE, "--json")
    assert first.code == 1
    told = {one["source"]: (one["cause"], one["retriable"]) for one in first.data["failures"]}
    assert told == {passes: ("busy", True), never: ("gone", False)}
    again = toolkit("retry", "last", "--json")
    assert again.code == 0
    assert again.data["scenes"] == 3
    assert again.data["failures"] == []
    assert "left alone" in again.err
    assert "The video is gone (HTTP 410)." in again.err
    assert "flaky" not in again.err.partition("Trying again")[0]
    assert len(web.asked("status/410/film.mp4")) == 1


def test_where_nothing_can_be_helped_nothing_is_done(toolkit: Command, web: MediaServer) -> None:
    first = toolkit("analyze", web.url("status/410/film.mp4"), *OPTIONS, "--json")
    ended = toolkit("retry", first.data["run"])
    assert ended.code == 1
    assert "nothing to try again" in ended.err
    good = toolkit("analyze", web.url("film.mp4"), *OPTIONS, "--json")
    assert toolkit("retry", good.data["run"]).code == 0
