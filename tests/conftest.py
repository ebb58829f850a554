"""What holds for every test."""

from __future__ import annotations

import os

import pytest

# Threads of torch that wait for each other spin by default, which on a busy machine costs tenfold.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # A mistake shows in seconds when the quick tests go first; the order is kept otherwise.
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)
