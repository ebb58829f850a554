"""The process that keeps a cluster of this machine: starts it, and ends it when nothing uses it."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
from pathlib import Path

from toolkit.execution.ray.machine import Cluster, born_s, write_cluster

__all__ = ["keep"]

_IDLE_S = 10.0
_LOOK_S = 1.0


def keep(folder: Path, object_store_mb: int) -> None:
    """Start a cluster, make it known in the folder, and end it when it was idle for a while."""
    import ray
    from filelock import FileLock
    from ray._private.node import Node
    from ray._private.parameter import RayParams
    from ray._private.utils import write_ray_address

    # Sockets are in there, and their paths may have 104 characters only.
    place = tempfile.mkdtemp(prefix="tk-", dir="/tmp" if os.name == "posix" else None)  # noqa: S108
    # As `ray.init` starts it, but on free ports alone: other clusters may be on this machine.
    node = Node(
        RayParams(
            include_dashboard=True,
            dashboard_host="127.0.0.1",
            dashboard_port=_free_port(),
            dashboard_agent_listen_port=0,
            min_worker_port=0,
            max_worker_port=0,
            object_store_memory=object_store_mb * 1_000_000 or None,
            temp_dir=place,
            # Nothing can be added to one machine, and nobody has logs printed.
            no_monitor=True,
            include_log_monitor=False,
        ),
        head=True,
        shutdown_at_exit=False,
        spawn_reaper=True,  # the cluster ends with this process, even if that is killed
    )
    stopped = threading.Event()
    try:
        # Where other clusters are on this machine, a job would run on any of them.
        write_ray_address(node.address, place)
        context = ray.init(address=node.address, log_to_driver=False, logging_level=logging.WARNING)
        for name in (signal.SIGTERM, signal.SIGINT):  # after Ray, which has its own
            signal.signal(name, lambda *_: stopped.set())
        info, pid = context.address_info, os.getpid()
        address, dashboard = info["gcs_address"], f"http://{info['webui_url']}"
        born = born_s(pid) or 0.0
        known = Cluster(address, dashboard, str(folder / "token"), pid, born, place)
        write_cluster(folder, known)
        idle_s = 0.0
        while not stopped.wait(_LOOK_S):
            idle_s = 0.0 if _used() else idle_s + _LOOK_S
            if idle_s >= _IDLE_S:
                with FileLock(folder / "lock"):  # nobody joins just now
                    if not _used():
                        (folder / "cluster.json").unlink()
                        break
    finally:
        (folder / "cluster.json").unlink(missing_ok=True)
        ray.shutdown()
        node.kill_all_processes(check_alive=False, allow_graceful=True, wait=True)
        (folder / "token").unlink(missing_ok=True)
        shutil.rmtree(place, ignore_errors=True)


def _used() -> bool:
    """Whether a driver other than this one is on the cluster, or an actor lives that needs none."""
    import ray

    own = ray.get_runtime_context().get_job_id()
    jobs = ray._private.state.jobs()
    if any(not job["IsDead"] and job["JobID"] != own for job in jobs):
        return True
    return bool(ray.util.list_named_actors(all_namespaces=True))


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


if __name__ == "__main__":
    keep(Path(sys.argv[1]), int(sys.argv[2]))
