"""Servers that several tests of plugins share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cloud_servers import gcs, gcs_between, s3, s3_between
from mongodb import data_folder

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
    with data_folder(tmp_path_factory.mktemp("mongod")) as folder, mongod(folder) as server:
        yield server


@pytest.fixture(scope="session")
def guarded(mongod_program: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    """A MongoDB replica set that asks for TLS and a login."""
    otherwise = tmp_path_factory.mktemp("replica-set")
    with data_folder(otherwise) as folder, replica_set(folder) as server:
        yield server
