"""How tests open a store on a MongoDB server."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from toolkit.hooks.specs import Context
from toolkit.testing.mongod import Mongod
from toolkit.testing.stores import OpenStore
from toolkit_store_mongodb import MongoDBOptions, make

__all__ = ["opener"]


def opener(server: Mongod, database: str, folder: Path, **more: Any) -> OpenStore:
    options = MongoDBOptions.model_validate(
        {"uri": server.uri, "database": database, **server.options, **more}
    )
    return functools.partial(make, options, Context(folder, folder))
