"""A long film scanned in parts by several workers: the same rows as in one pass."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ray_cluster import rows, until

import toolkit as tk
from toolkit.testing.clips import Shot, write_film
from toolkit.testing.world import random_truth

pytestmark = [pytest.mark.slow]
Submit = Callable[..., tk.RunHandle]
PART_S = 25.0


@pytest.fixture(scope="module")
def long_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two minutes, with a cut every four seconds."""
    path = tmp_path_factory.mktemp("long") / "film.mp4"
    rng = random.Random(5)
    shots = [Shot(random_truth(rng), 4.0) for _ in range(30)]
    write_film(path, shots, ["cut"] * 29, rng=rng, height=90, width=160)
    return path


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tk.DecoderPlugin]:
    """A folder, and a decoder that leaves a file there when it is at a part, and waits for "go"."""
    from toolkit_decode_pyav import PyAVOptions
    from toolkit_decode_pyav.decoder import PyAVDecoder

    folder = tmp_path_factory.mktemp("parts")

    class Held(PyAVDecoder):
        def open_at(self, path: Path, time_s: float) -> Any:
            (folder / str(os.getpid())).touch()
            while not (folder / "go").exists():
                time.sleep(0.02)
            return super().open_at(path, time_s)

    return folder, tk.DecoderPlugin(name="held", factory=lambda *_: Held(PyAVOptions()))


@pytest.fixture(scope="module")
def one_pass(
    long_film: Path,
    held: tuple[Path, tk.DecoderPlugin],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    """What the film gives in one pass, on this machine."""
    folder, plugin = held
    chosen: dict[str, Any] = {"workspace": tmp_path_factory.mktemp("one"), "progress": False}
    (folder / "go").touch()
    tk.register(plugin)
    try:
        run = tk.analyze(long_film, analyzer="signals", decode={"plugin": "held"}, **chosen)
    finally:
        tk.unregister(plugin)
    return rows(run)


@pytest.fixture
def parts(held: tuple[Path, tk.DecoderPlugin], one_pass: dict[str, Any]) -> Path:
    """The folder, empty."""
    folder, plugin = held
    for path in folder.iterdir():
        path.unlink()
    tk.register(plugin)
    return folder


def begun(submit: Submit, film: Path, parts: Path) -> tuple[tk.RunHandle, list[int]]:
    """A run that has two workers at parts of the film, and their processes' ids."""
    chosen: dict[str, Any] = {"execution": {"chunk_s": PART_S}, "decode": {"plugin": "held"}}
    run = submit(film, **chosen, ray={"scans_max": 3})
    until(lambda: len(list(parts.iterdir())) > 1)
    return run, [int(path.name) for path in parts.iterdir()]


def test_parts_give_the_rows_of_one_pass(
    submit: Submit, long_film: Path, parts: Path, one_pass: dict[str, Any]
) -> None:
    run, _ = begun(submit, long_film, parts)
    (parts / "go").touch()
    run.wait()
    assert run.failures.is_empty()
    assert rows(run) == one_pass
    whole = run.videos.row(0, named=True)
    assert whole["frame_count"] == 120 * 25
    again = submit(long_film, decode={"plugin": "held"}).wait()
    assert again.progress.reused == len(rows(run)["scenes"])


def test_a_worker_killed_at_its_part_changes_nothing(
    submit: Submit, long_film: Path, parts: Path, one_pass: dict[str, Any]
) -> None:
    run, pids = begun(submit, long_film, parts)
    os.kill(pids[-1], signal.SIGKILL)
    (parts / "go").touch()
    run.wait()
    assert run.failures.is_empty()
    assert rows(run) == one_pass
