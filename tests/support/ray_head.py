"""A Ray head in an environment of its own: every library is there, and the toolkit is not."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from toolkit.execution.ray.machine import LAZILY

TOKEN = "5f0e" * 16
NICE = {"RAY_worker_niceness": "0"}  # 15 by default, which beside other tests is next to no time

_PROGRAM = """
import json, os, signal, socket, sys, threading
from pathlib import Path
import ray
from ray._private.node import Node
from ray._private.parameter import RayParams
from ray._private.utils import write_ray_address

place = Path(sys.argv[1])
with socket.socket() as taken:
    taken.bind(("127.0.0.1", 0))
    port = taken.getsockname()[1]
node = Node(
    RayParams(
        include_dashboard=True, dashboard_host="127.0.0.1", dashboard_port=port,
        dashboard_agent_listen_port=0, min_worker_port=0, max_worker_port=0,
        num_cpus=2, object_store_memory=100_000_000, temp_dir=str(place / "r"),
        no_monitor=True, include_log_monitor=False,
    ),
    head=True, shutdown_at_exit=False, spawn_reaper=True,
)
ended = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: ended.set())
write_ray_address(node.address, str(place / "r"))  # as `ray start` does
about = {"address": node.address, "dashboard": "http://" + node.webui_url}
(place / "new.json").write_text(json.dumps(about))
(place / "new.json").rename(place / "head.json")
ended.wait()
node.kill_all_processes(check_alive=False, allow_graceful=True, wait=True)
"""


@dataclass(frozen=True)
class Head:
    """A cluster of one machine."""

    address: str
    dashboard: str
    token_file: Path


def environment(**more: str) -> dict[str, str]:
    """This environment without what it may say of Ray clusters, and for quick ones."""
    left = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
    return left | NICE | more


@contextlib.contextmanager
def bare_head() -> Iterator[Head]:
    """Start one, with token authentication; all of it is gone afterwards."""
    place = Path(tempfile.mkdtemp(prefix="rc-", dir="/tmp"))  # paths of sockets have to be short
    try:
        venv = place / "venv"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
        site = sysconfig.get_path("purelib", vars={"base": str(venv)})
        # An editable toolkit is on the path by a .pth file, and those do not count in this folder.
        Path(site, "libraries.pth").write_text(sysconfig.get_path("purelib"))
        token_file = place / "token"
        token_file.write_text(TOKEN)
        env = environment(
            PYTHONPATH=str(LAZILY),
            PATH=os.pathsep.join([str(venv / "bin"), os.environ["PATH"]]),
            RAY_AUTH_MODE="token",
            RAY_AUTH_TOKEN_PATH=str(token_file),
            RAY_USAGE_STATS_ENABLED="0",
            RAY_prestart_worker_first_driver="0",
        )
        with (place / "log").open("w") as log:
            command = [str(venv / "bin" / "python"), "-c", _PROGRAM, str(place)]
            head = subprocess.Popen(command, cwd=place, env=env, stdout=log, stderr=log)
        try:
            until = time.monotonic() + 120
            while not (place / "head.json").exists():
                assert head.poll() is None, (place / "log").read_text()
                assert time.monotonic() < until, (place / "log").read_text()
                time.sleep(0.1)
            about = json.loads((place / "head.json").read_text())
            yield Head(about["address"], about["dashboard"], token_file)
        finally:
            head.send_signal(signal.SIGTERM)
            try:
                head.wait(60)
            finally:
                head.kill()  # and what it has started ends with it
    finally:
        shutil.rmtree(place, ignore_errors=True)
