"""Runs whose texts no other program writes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from telling import Telling

import toolkit as tk
from toolkit.testing.server import MediaServer, serve


@pytest.fixture(autouse=True)
def telling() -> type[Telling]:
    """The analyzer ``telling``."""
    tk.register(tk.AnalyzerPlugin(name="telling", factory=lambda options, context: Telling()))
    return Telling


@pytest.fixture
def analyze(workspace: Path) -> Callable[..., tk.RunHandle]:
    def start(*sources: object, **more: Any) -> tk.RunHandle:
        given = {"workspace": workspace, "analyzer": "telling", "progress": False, **more}
        return tk.analyze([*map(str, sources)], **given)

    return start


@pytest.fixture
def another(film: Path, tmp_path: Path) -> Path:
    """A film with other bytes that shows the same."""
    path = tmp_path / "another.mp4"
    # A box "free" is padding (ISO/IEC 14496-12).
    path.write_bytes(film.read_bytes() + b"\0\0\0\x0cfreexxxx")
    return path


@pytest.fixture
def web(film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MediaServer]:
    """A server on loopback with ``film.mp4``."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    folder = tmp_path / "web"
    folder.mkdir()
    shutil.copy(film, folder / "film.mp4")
    with serve(folder) as server:
        yield server
