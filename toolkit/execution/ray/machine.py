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
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from toolkit.config import Settings, redact
from toolkit.errors import ClusterError
from toolkit.stages.private import made, opened

__all__ = [
    "LAZILY",
    "RAY",
    "Cluster",
    "cluster",
    "end",
    "folder_of",
    "read_cluster",
    "write_cluster",
]

LAZILY = Path(__file__).with_name("lazily")
"""Goes before other places in the module path of whatever imports Ray: see what is in there."""
_START_S = 300.0  # on a machine that is busy with twenty other things; alone it takes five seconds
_END_S = 30.0
_SLOW = "timed out during startup"  # what Ray says after half a minute, which it lets nobody set


@dataclass(frozen=True)
class Cluster:
    """What there is to know about a cluster of this machine.

    Attributes:
        address: ``host:port`` of its head.
        dashboard: Where its dashboard and job API are, as ``http://host:port``.
        token_file: Where its token is.
        pid: The process that keeps it.
        born_s: When that process began, for a process id is used again one day.
        place: Where its processes keep their files.
    """

    address: str
    dashboard: str
    token_file: str
    pid: int
    born_s: float
    place: str


def folder_of(settings: Settings) -> Path:
    """Where the workspace keeps what is known about its cluster."""
    return settings.workspace / "ray"


def read_cluster(folder: Path) -> Cluster | None:
    """The cluster of this machine, if it lives."""
    found = _told(folder)
    return found if found and born_s(found.pid) == found.born_s else None


def _told(folder: Path) -> Cluster | None:
    try:
        return Cluster(**json.loads((folder / "cluster.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def write_cluster(folder: Path, cluster: Cluster) -> None:
    """Make the cluster known, all at once."""
    draft = folder / "cluster.json.new"
    with opened(draft, "w", encoding="utf-8") as file:
        json.dump(asdict(cluster), file)
    draft.replace(folder / "cluster.json")


def born_s(pid: int) -> float | None:
    """When a process began; None where there is none."""
    import ray  # noqa: F401, I001 - brings psutil
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
    except psutil.Error:
        return None


@contextlib.contextmanager
def cluster(settings: Settings, *, start: bool = True) -> Iterator[Cluster]:
    """The workspace's cluster, started if need be; it does not end while the block runs.

    Raises:
        ClusterError: It does not start, or is not to be started and is not there.
    """
    from filelock import FileLock

    folder = folder_of(settings)
    made(folder)
    with FileLock(folder / "lock", mode=0o600):
        found = read_cluster(folder)
        if not found and not start:
            raise ClusterError("No Ray cluster of this machine is running.", folder=folder)
        yield found or _start(settings, folder)


def end(folder: Path) -> bool:
    """End the workspace's cluster and all that runs on it; whether there was one.

    Raises:
        ClusterError: It does not end.
    """
    found = read_cluster(folder)
    if not found:
        return False
    for number, seconds in ((signal.SIGTERM, _END_S), (signal.SIGKILL, _END_S)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(found.pid, number)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if born_s(found.pid) != found.born_s:
                return True  # killed, it takes the others with it all the same
            time.sleep(0.1)
    raise ClusterError(f"The cluster's process {found.pid} does not end.", pid=found.pid)


def _start(settings: Settings, folder: Path) -> Cluster:
    token_file = folder / "token"
    token_file.unlink(missing_ok=True)
    token_file.touch(mode=0o600)
    token_file.write_text(secrets.token_hex(32), encoding="utf-8")
    if (killed := _told(folder)) and Path(killed.place).name.startswith("tk-"):
        shutil.rmtree(killed.place, ignore_errors=True)
    (folder / "cluster.json").unlink(missing_ok=True)
    environment = _environment(settings, token_file)
    command = [sys.executable, "-m", "toolkit.execution.ray.keeper"]
    said = folder / "keeper.log"
    until = time.monotonic() + _START_S
    while True:
        with opened(said, "w", encoding="utf-8") as log:
            keeper = subprocess.Popen(  # noqa: S603 - ourselves
                [*command, str(folder), str(settings.ray.object_store_mb)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )
        while time.monotonic() < until and keeper.poll() is None:
            if found := read_cluster(folder):
                return found
            time.sleep(0.1)
        late = keeper.poll() is None
        keeper.kill()
        keeper.wait()
        text = redact(said.read_text(encoding="utf-8", errors="replace")).strip()
        if late or _SLOW not in text:
            break
    reason = f"not within {_START_S:.0f} s" if late else (text or "no word").splitlines()[-1]
    raise ClusterError(
        f"No Ray cluster of this machine could be started: {reason}",
        hint=f"{said} has the whole of it."
        + (" The machine may be too busy: try again when it is less so." if late else ""),
        retriable=late,
    )


def _environment(settings: Settings, token_file: Path) -> dict[str, str]:
    environment = {k: v for k, v in os.environ.items() if k not in _NOT_PASSED_ON}
    environment |= {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token_file),
        "RAY_USAGE_STATS_ENABLED": str(int(settings.ray.usage_stats)),
        # A job's `python` is this one, too.
        "PATH": os.pathsep.join(
            [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
        ),
        "PYTHONPATH": os.pathsep.join([str(LAZILY), *filter(None, [os.environ.get("PYTHONPATH")])]),
    }
    return RAY | environment


RAY = {
    # Ray gives some of its own processes half a minute to start, which a busy machine may need
    # longer for; and it would start workers before anybody has asked for one.
    "RAY_DASHBOARD_STARTUP_TIMEOUT_S": "240",
    "RAY_gcs_server_port_wait_time_s": "240",
    "RAY_raylet_start_wait_time_s": "240",
    "RAY_worker_register_timeout_seconds": "240",
    "RAY_agent_register_timeout_ms": "240000",
    "RAY_prestart_worker_first_driver": "0",
    # Its processes look around from time to time, as often as a large cluster needs it: on one
    # machine that took a hundredth of two cores.
    "RAY_raylet_report_resources_period_milliseconds": "500",
    "RAY_raylet_check_gc_period_milliseconds": "1000",
    "RAY_kill_idle_workers_interval_ms": "1000",
    "RAY_object_manager_timer_freq_ms": "500",
    "RAY_task_events_report_interval_ms": "5000",
    "RAY_DASHBOARD_AGENT_CHECK_PARENT_INTERVAL_S": "5",
    "EVENT_AGENT_REPORT_INTERVAL_SECONDS": "1",
    "REPORTER_UPDATE_INTERVAL_MS": "15000",
}
"""What Ray's processes on a cluster of this machine find in their environment, unless they are told
otherwise."""
_NOT_PASSED_ON = frozenset({"RAY_ADDRESS", "RAY_AUTH_TOKEN", "RAY_JOB_CONFIG_JSON_ENV_VAR"})
