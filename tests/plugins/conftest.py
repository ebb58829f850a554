"""Servers that several tests of plugins share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cloud_servers import gcs, gcs_between, s3, s3_between

from toolkit.testing.mongod import Mongod, NoMongodError, binary, mongod, replica_set

__all__ = ["gcs", "gcs_between", "s3", "s3_between"]


@pytest.fixture(scope="session")
def mongod_program() -> None:
    """Skips the test where MongoDB cannot run."""
    try:
        binary()
    except NoMongodError as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def alone(mongod_program: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    """A MongoDB server that stands alone: it knows no transactions."""
    with mongod(tmp_path_factory.mktemp("mongod")) as server:
        yield server


@pytest.fixture(scope="session")
def guarded(mongod_program: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    """A MongoDB replica set that asks for TLS and a login."""
    with replica_set(tmp_path_factory.mktemp("replica-set")) as server:
        yield server
