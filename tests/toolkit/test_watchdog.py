"""A decoder that hangs costs its own file and no other."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import toolkit as tk
from toolkit.errors import CancelledError, StalledError
from toolkit.stages.component import Cancel
from toolkit.watchdog import Beat, watched, within
from toolkit_decode_pyav import PyAVOptions
from toolkit_decode_pyav.decoder import PyAVDecoder

WHAT = "Decoding 'talk.mp4'"


class Stuck(PyAVDecoder):
    """Hangs, as a call into a C library does, where the file's name says so."""

    release = threading.Event()
    ended = threading.Event()

    def __init__(self, where: str) -> None:
        super().__init__(PyAVOptions())
        self.where = where

    def hang(self, where: str, path: Path) -> None:
        if path.name.startswith("stuck") and where == self.where:
            Stuck.release.wait(60)

    def probe(self, path: Path) -> tk.Video:
        self.hang("probe", path)
        return super().probe(path)

    @contextmanager
    def open(self, path: Path) -> Iterator[Any]:
        self.hang("open", path)
        try:
            with super().open(path) as stream:
                yield Halting(self, stream, path)
        finally:
            if path.name.startswith("stuck"):
                Stuck.ended.set()


class Halting:
    def __init__(self, decoder: Stuck, stream: Any, path: Path) -> None:
        self.decoder, self.stream, self.path, self.count = decoder, stream, path, 0

    def __iter__(self) -> Halting:
        return self

    def __next__(self) -> Any:
        self.count += 1
        if self.count > 110:
            self.decoder.hang("frames", self.path)
        return next(self.stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@pytest.fixture
def events() -> Iterator[None]:
    Stuck.release.clear()
    Stuck.ended.clear()
    yield
    Stuck.release.set()


@pytest.mark.parametrize("where", ["probe", "open", "frames"])
def test_a_decoder_that_hangs_costs_its_own_file_only(
    film: Path, workspace: Path, tmp_path: Path, where: str, events: None
) -> None:
    stuck = tmp_path / "stuck.mp4"
    # Two files of different content: the same content would be the same video.
    stuck.write_bytes(film.read_bytes() + b"\0\0\0\x08free")
    good = shutil.copy(film, tmp_path / "good.mp4")
    tk.register(tk.DecoderPlugin(name="halting", factory=lambda o, c: Stuck(where)))
    run = tk.analyze(
        [stuck, good],
        workspace=workspace,
        decode={"plugin": "halting", "stall_s": 0.5},
        analyzer="signals",
        execution={"scan_threads": 1, "download_threads": 1},
        progress=False,
    )
    assert run.status == "done"
    failures = run.failures.to_dicts()
    assert [(row["error"], row["retriable"]) for row in failures] == [("StalledError", True)]
    assert "stuck.mp4' made no progress for 0.5 seconds" in failures[0]["message"]
    done = [row for row in run.scenes.to_dicts() if row["signals"] is not None]
    whole = run.videos.filter(run.videos["path"] == str(good))["video_id"].item()
    assert [row["index"] for row in done if row["video_id"] == whole] == [0, 1, 2]
    # Scenes that were complete before it hung are kept.
    assert len(done) == (4 if where == "frames" else 3)
    # Should the call come back after all, the thread that was left behind closes its file.
    Stuck.release.set()
    assert where == "probe" or Stuck.ended.wait(10)


def test_items_come_in_order_and_one_ahead() -> None:
    made: list[int] = []

    def make(beat: Beat) -> Iterator[int]:
        for number in range(5):
            made.append(number)
            beat()
            yield number

    items = watched(make, WHAT, 10, Cancel())
    assert [next(items), next(items)] == [0, 1]
    assert list(items) == [2, 3, 4]
    assert made == [0, 1, 2, 3, 4]


def test_errors_arrive_where_the_items_are_taken() -> None:
    def make(beat: Beat) -> Iterator[int]:
        yield 1
        raise tk.errors.DecodeError("It broke.")

    items = watched(make, WHAT, 10, Cancel())
    assert next(items) == 1
    with pytest.raises(tk.errors.DecodeError, match="It broke"):
        next(items)
    with pytest.raises(ValueError, match="abc"):
        within(lambda: int("abc"), WHAT, 10, Cancel())


def test_whoever_takes_slowly_is_not_a_stall() -> None:
    def make(beat: Beat) -> Iterator[int]:
        for number in range(3):
            beat()
            yield number

    pause, seen = threading.Event(), []
    for number in watched(make, WHAT, 0.3, Cancel()):
        pause.wait(0.4)
        seen.append(number)
    assert seen == [0, 1, 2]


def test_a_long_way_to_an_item_is_no_stall_while_there_are_steps() -> None:
    def make(beat: Beat) -> Iterator[str]:
        pause = threading.Event()
        for _ in range(8):
            pause.wait(0.1)
            beat()
        yield "there"

    assert list(watched(make, WHAT, 0.4, Cancel())) == ["there"]


def test_a_hang_ends_with_the_run() -> None:
    cancel, release = Cancel(), threading.Event()
    threading.Timer(0.2, cancel.set).start()
    with pytest.raises(CancelledError):
        within(lambda: release.wait(30), WHAT, 60, cancel)
    release.set()


def test_a_loop_that_is_left_ends_what_it_watched() -> None:
    closed = threading.Event()

    def make(beat: Beat) -> Iterator[int]:
        try:
            while True:
                beat()
                yield 1
        finally:
            closed.set()

    items = watched(make, WHAT, 10, Cancel())
    assert next(items) == 1
    items.close()  # type: ignore[attr-defined]
    assert closed.wait(5)


def test_the_error_says_what_to_do() -> None:
    release = threading.Event()
    with pytest.raises(StalledError, match=r"talk\.mp4.*0\.1 seconds.*stall_s"):
        within(lambda: release.wait(30), WHAT, 0.1, Cancel())
    release.set()
