"""A film with three scenes, made once, and a workspace of its own for every test."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from cloud_servers import s3, s3_between

from toolkit.hooks import local
from toolkit.testing.clips import Shot, write_film
from toolkit.testing.world import ClipTruth

__all__ = ["s3", "s3_between"]

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


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Where a test's results go."""
    return tmp_path / "workspace"


@pytest.fixture(autouse=True)
def no_local_plugins() -> Iterator[None]:
    """What a test defined is gone after it."""
    yield
    for plugin in local.plugins():
        local.unregister(plugin)
