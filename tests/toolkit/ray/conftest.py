"""One cluster for all tests that join one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ray_head import Head, bare_head


@pytest.fixture(scope="session")
def head() -> Iterator[Head]:
    with bare_head() as started:
        yield started
