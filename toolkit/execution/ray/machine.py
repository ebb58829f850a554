"""A cluster of this machine: one a workspace, in processes of its own.

It outlives the process that asked for it, so that a run goes on when its notebook is closed, is
found again through a file in the workspace, and ends by itself when nothing uses it any more
(:mod:`toolkit.execution.ray.keeper`).
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from toolkit.config import Settings
from toolkit.errors import ClusterError

__all__ = ["Cluster", "cluster", "folder_of", "read_cluster", "write_cluster"]

START_S = 120.0


@dataclass(frozen=True)
class Cluster:
    """What there is to know about a cluster of this machine.

    Attributes:
        address: ``host:port`` of its head.
        dashboard: Where its dashboard and job API are.
        token_file: Where its token is.
        pid: The process that keeps it.
    """

    address: str
    dashboard: str
    token_file: str
    pid: int


def folder_of(settings: Settings) -> Path:
    """Where the workspace keeps what is known about its cluster."""
    return settings.workspace / "ray"


def read_cluster(folder: Path) -> Cluster | None:
    """The cluster of this machine, if it lives."""
    try:
        found = Cluster(**json.loads((folder / "cluster.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    try:
        os.kill(found.pid, 0)
    except OSError:
        return None
    return found


def write_cluster(folder: Path, cluster: Cluster) -> None:
    """Make the cluster known, all at once."""
    draft = folder / "cluster.json.new"
    draft.write_text(json.dumps(asdict(cluster)), encoding="utf-8")
    draft.replace(folder / "cluster.json")


@contextlib.contextmanager
def cluster(settings: Settings) -> Iterator[Cluster]:
    """The workspace's cluster, started if need be; it does not end while the block runs.

    Raises:
        ClusterError: It does not start.
    """
    from filelock import FileLock

    folder = folder_of(settings)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with FileLock(folder / "lock"):
        yield read_cluster(folder) or _start(settings, folder)


def _start(settings: Settings, folder: Path) -> Cluster:
    token_file = folder / "token"
    token_file.unlink(missing_ok=True)
    token_file.touch(mode=0o600)
    token_file.write_text(secrets.token_hex(32), encoding="utf-8")
    (folder / "cluster.json").unlink(missing_ok=True)
    store = str(settings.ray.object_store_mb)
    environment = {
        k: v for k, v in os.environ.items() if k not in ("RAY_ADDRESS", "RAY_AUTH_TOKEN")
    }
    environment |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token_file)}
    with (folder / "keeper.log").open("w", encoding="utf-8") as log:
        keeper = subprocess.Popen(  # noqa: S603 - ourselves
            [sys.executable, "-m", "toolkit.execution.ray.keeper", str(folder), store],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            start_new_session=True,
        )
    until = time.monotonic() + START_S
    while time.monotonic() < until and keeper.poll() is None:
        if found := read_cluster(folder):
            return found
        time.sleep(0.1)
    keeper.terminate()
    said = (folder / "keeper.log").read_text(encoding="utf-8").strip().splitlines()
    raise ClusterError(
        f"No cluster of this machine could be started: {said[-1] if said else 'it says nothing'}",
        hint=f"{folder / 'keeper.log'} has the whole of it.",
    )
