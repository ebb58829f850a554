"""What holds for every test."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from toolkit.config import secrets

# Threads of torch that wait for each other spin by default, which on a busy machine costs tenfold.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@pytest.fixture(autouse=True)
def no_secrets() -> Iterator[None]:
    """A process never forgets a secret; here a test's must not blank out the next one's texts."""
    yield
    secrets._secrets.clear()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # A mistake shows in seconds when the quick tests go first; the order is kept otherwise.
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)
