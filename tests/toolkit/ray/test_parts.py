"""A long film scanned in parts by several workers: the same rows as in one pass."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ray_cluster import Nodes, rows, until

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


def undisturbed(film: Path, folder: Path) -> dict[str, Any]:
    return rows(tk.analyze(film, analyzer="signals", workspace=folder, progress=False))


def test_parts_give_the_rows_of_one_pass(
    nodes: Nodes, submit: Submit, long_film: Path, tmp_path: Path
) -> None:
    run = submit(long_film, execution={"chunk_s": PART_S}, ray={"scans_max": 3})
    scans = until(lambda: len(nodes.pids(f"{run.id} scan")) > 1)
    run.wait()
    assert scans
    assert run.failures.is_empty()
    assert rows(run) == undisturbed(long_film, tmp_path / "local")
    whole = run.videos.row(0, named=True)
    assert whole["frame_count"] == 120 * 25
    again = submit(long_film).wait()
    assert again.progress.reused == len(rows(run)["scenes"])


def test_a_worker_killed_at_its_part_changes_nothing(
    nodes: Nodes, submit: Submit, long_film: Path, tmp_path: Path
) -> None:
    run = submit(long_film, execution={"chunk_s": PART_S}, ray={"scans_max": 3})
    pids = until(lambda: len(found := nodes.pids(f"{run.id} scan #")) > 2 and found)
    os.kill(pids[-1], signal.SIGKILL)
    run.wait()
    assert run.failures.is_empty()
    assert rows(run) == undisturbed(long_film, tmp_path / "local")
