"""What holds for every test, and a film with three scenes, made once."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

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
    # A mistake shows in seconds when the quick tests go first; the order is kept otherwise.
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)
