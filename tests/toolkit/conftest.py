"""A workspace of its own for every test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cloud_servers import s3, s3_between

from toolkit.hooks import local

__all__ = ["s3", "s3_between"]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Where a test's results go."""
    return tmp_path / "workspace"


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are read here, where a test can look on."""
    monkeypatch.setenv("TOOLKIT_DECODE__ISOLATE", "false")


@pytest.fixture(autouse=True)
def no_local_plugins() -> Iterator[None]:
    """What a test defined is gone after it."""
    yield
    for plugin in local.plugins():
        local.unregister(plugin)
