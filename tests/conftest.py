"""What holds for every test, and a film with three scenes, made once."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import pytest
from side_by_side import WORKERS, Groups, order

from toolkit.testing.clips import Shot, write_film
from toolkit.testing.world import ClipTruth

# Threads of torch that wait for each other spin by default, which on a busy machine costs tenfold.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


TRUTHS = (
    ClipTruth("red", "circle", "one", "left", "white", "day"),
    ClipTruth("blue", "square", "two", "still", "pink", "night"),
    ClipTruth("green", "triangle", "one", "up", "cyan", "day"),
)


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three scenes of two seconds with hard cuts between them, 160 x 120."""
    path = tmp_path_factory.mktemp("films") / "film.mp4"
    shots = [Shot(truth, 2.0) for truth in TRUTHS]
    write_film(path, shots, ["cut", "cut"], rng=random.Random(1), height=120, width=160)
    return path


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order(items)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Of ``-n auto``: some tests that were chosen run here, where their output is at once seen."""
    chosen = config.option.file_or_dir or config.option.keyword
    return 0 if chosen else WORKERS


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Groups:
    return Groups(config, log)
