"""How tests open a store on a MongoDB server, and where its files lie."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from toolkit.hooks.specs import Context
from toolkit.testing.mongod import Mongod
from toolkit.testing.stores import OpenStore
from toolkit_store_mongodb import MongoDBOptions, make

__all__ = ["data_folder", "opener"]

_MEMORY = Path("/dev/shm")
_ROOM_BYTES = 2 << 30


@contextmanager
def data_folder(otherwise: Path) -> Iterator[Path]:
    """Where a server does not wait for a disk, which is half of such a test; if there is room."""
    if not _MEMORY.is_dir() or shutil.disk_usage(_MEMORY).free < _ROOM_BYTES:
        yield otherwise
        return
    with TemporaryDirectory(prefix="mongod-", dir=_MEMORY) as folder:
        yield Path(folder)


def opener(server: Mongod, database: str, folder: Path, **more: Any) -> OpenStore:
    options = MongoDBOptions.model_validate(
        {"uri": server.uri, "database": database, **server.options, **more}
    )
    return functools.partial(make, options, Context(folder, folder))
