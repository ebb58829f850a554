"""Store plugin: MongoDB, self-hosted or Atlas.

Collections and fields have the names of the records and their fields, so that people can query
the database with any MongoDB client while the toolkit uses it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, SecretStr

from toolkit.hooks.specs import Context, StorePlugin, hookimpl
from toolkit.stages.component import Options

if TYPE_CHECKING:
    from toolkit_store_mongodb.store import MongoDBStore

__all__ = ["MongoDBOptions", "database_of", "drop", "make", "toolkit_stores"]

_NAME = re.compile(r"[\w-]{1,63}")
_SERVERS_OWN = ("admin", "config", "local")


class MongoDBOptions(Options):
    """Options of the MongoDB store. What the URI says itself wins over all but the login."""

    neutral: ClassVar[frozenset[str]] = frozenset(
        {
            "uri",
            "database",
            "username",
            "password",
            "tls",
            "tls_ca_file",
            "tls_allow_invalid_certificates",
            "timeout_s",
            "pool_size",
        }
    )

    uri: SecretStr = Field(
        SecretStr("mongodb://localhost:27017"),
        description="The server: mongodb://host:port, or mongodb+srv://host for Atlas.",
    )
    database: str = Field(
        "",
        pattern=r'^[^/\\. "$*<>:|?\x00]{0,63}$',
        description="The database; it is made where it is missing. Empty for the one that the uri "
        "names, or toolkit.",
    )
    username: SecretStr | None = Field(
        None, description="The login's name, where the uri does not hold it."
    )
    password: SecretStr | None = Field(
        None, description="The login's password, as it is: not escaped as in a uri."
    )
    tls: bool | Literal["auto"] = Field(
        "auto", description="Encrypt; auto: for mongodb+srv, or with tls_ca_file."
    )
    tls_ca_file: str = Field(
        "", description="Certificates (PEM) to trust; empty for those of the system."
    )
    tls_allow_invalid_certificates: bool = Field(
        False, description="Do not check who the server is. For experiments only."
    )
    timeout_s: float = Field(
        20.0,
        gt=0,
        le=3600,
        description="How many seconds to wait for a server, a connection, or an answer.",
    )
    pool_size: int = Field(20, ge=1, le=10_000, description="Most connections at once.")


def make(options: MongoDBOptions, context: Context) -> MongoDBStore:
    """Connect, and make what is missing in the database."""
    from toolkit_store_mongodb.server import Server
    from toolkit_store_mongodb.store import MongoDBStore

    settings: dict[str, object] = {"maxPoolSize": options.pool_size}
    if options.tls != "auto":
        settings["tls"] = options.tls
    if options.tls_ca_file:
        settings["tlsCAFile"] = str(context.base / Path(options.tls_ca_file).expanduser())
    if options.tls_allow_invalid_certificates:
        settings["tlsAllowInvalidCertificates"] = True
    return MongoDBStore(
        Server(
            options.uri.get_secret_value(),
            options.database or database_of(options.uri.get_secret_value()),
            username=_told(options.username),
            password=_told(options.password),
            timeout_s=options.timeout_s,
            settings=settings,
        )
    )


def drop(options: MongoDBOptions, context: Context) -> None:
    """Remove the database."""
    with make(options, context) as store:
        store.drop()


def database_of(uri: str) -> str:
    """The database that stands behind the hosts, unless it is one that only knows the login."""
    path = uri.partition("://")[2].rpartition("@")[2].partition("/")[2].partition("?")[0]
    return path if _NAME.fullmatch(path) and path not in _SERVERS_OWN else "toolkit"


def _told(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


@hookimpl
def toolkit_stores() -> Iterator[StorePlugin]:
    """Bring the store ``mongodb``."""
    yield StorePlugin(
        name="mongodb",
        factory=make,
        options=MongoDBOptions,
        summary="A MongoDB server or Atlas, shared by many machines.",
        extra="mongodb",
        place="uri",
        schemes=("mongodb", "mongodb+srv"),
        drop=drop,
        requires=("pymongo", "snowballstemmer"),
    )
