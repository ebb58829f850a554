"""A server of a workspace with one run, shared by the tests that change nothing others see."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from api_server import Site, serving

ODD = 'a talk; "quoted" <b>bold\r\nSet-Cookie: x=1.mp4'


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory, film: Path) -> Path:
    """The folder that the server takes files from: a film, and one with an odd name."""
    folder = tmp_path_factory.mktemp("served films")
    shutil.copy(film, folder / "film.mp4")
    with (folder / ODD).open("wb") as file:
        file.write(film.read_bytes() + (16).to_bytes(4, "big") + b"free" + b"8 bytes.")
    return folder


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, films: Path) -> Iterator[Site]:
    workspace = tmp_path_factory.mktemp("served") / "workspace"
    with serving(workspace, serve={"roots": (str(films),), "max_runs": 50}) as server:
        yield server


@pytest.fixture(scope="session")
def run(site: Site, films: Path) -> dict[str, Any]:
    """A run of the film, over."""
    return site.analyzed(films / "film.mp4")


@pytest.fixture(scope="session")
def odd(site: Site, films: Path) -> dict[str, Any]:
    """A run of the whole folder."""
    return site.analyzed(films)


@pytest.fixture
def scenes(site: Site, run: dict[str, Any]) -> list[dict[str, Any]]:
    """The run's scenes."""
    found: list[dict[str, Any]] = (
        site.client("read").get(f"/v1/runs/{run['id']}/tables/scenes").json()["rows"]
    )
    return found
