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


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    """Where workers leave a file when they are at a part, and wait until there is one called go."""
    from toolkit_decode_pyav import PyAVOptions
    from toolkit_decode_pyav.decoder import PyAVDecoder

    folder = tmp_path / "parts"
    folder.mkdir()

    class Held(PyAVDecoder):
        def open_at(self, path: Path, time_s: float) -> Any:
            (folder / str(os.getpid())).touch()
            while not (folder / "go").exists():
                time.sleep(0.02)
            return super().open_at(path, time_s)

    tk.register(tk.DecoderPlugin(name="held", factory=lambda *_: Held(PyAVOptions())))
    return folder


def undisturbed(film: Path, folder: Path) -> dict[str, Any]:
    chosen: dict[str, Any] = {"workspace": folder, "decode": {"plugin": "held"}, "progress": False}
    return rows(tk.analyze(film, analyzer="signals", **chosen))


def begun(submit: Submit, film: Path, parts: Path) -> tuple[tk.RunHandle, list[int]]:
    """A run that has two workers at parts of the film, and their processes' ids."""
    chosen: dict[str, Any] = {"execution": {"chunk_s": PART_S}, "decode": {"plugin": "held"}}
    run = submit(film, **chosen, ray={"scans_max": 3})
    until(lambda: len(list(parts.iterdir())) > 1)
    return run, [int(path.name) for path in parts.iterdir()]


def test_parts_give_the_rows_of_one_pass(
    submit: Submit, long_film: Path, parts: Path, tmp_path: Path
) -> None:
    run, _ = begun(submit, long_film, parts)
    (parts / "go").touch()
    run.wait()
    assert run.failures.is_empty()
    assert rows(run) == undisturbed(long_film, tmp_path / "local")
    whole = run.videos.row(0, named=True)
    assert whole["frame_count"] == 120 * 25
    again = submit(long_film, decode={"plugin": "held"}).wait()
    assert again.progress.reused == len(rows(run)["scenes"])


def test_a_worker_killed_at_its_part_changes_nothing(
    submit: Submit, long_film: Path, parts: Path, tmp_path: Path
) -> None:
    run, pids = begun(submit, long_film, parts)
    os.kill(pids[-1], signal.SIGKILL)
    (parts / "go").touch()
    run.wait()
    assert run.failures.is_empty()
    assert rows(run) == undisturbed(long_film, tmp_path / "local")
