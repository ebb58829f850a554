"""A Ray node in a network namespace of its own, and the cable to it, which can be cut.

The head's address is that of a bridge, and the node's interface is one end of a pair whose other
end is a port of that bridge. Where the cable is cut, each side keeps its own address.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ray_cluster import SMALL, STORE_BYTES, until

# Seconds until a node that does not answer is given up: about four.
GIVEN_UP = {"RAY_health_check_timeout_ms": "1000"}
NOBODYS = (b"ray::IDLE", b"ray::DashboardAgent", b"ray::RuntimeEnvAgent")


def forbidden() -> str:
    """Why this machine lets us have no network of our own; empty where it does."""
    if sys.platform != "linux" or not shutil.which("ip"):
        return "needs Linux with iproute2"
    name = f"tk{os.getpid()}"
    try:
        _ip("netns", "add", name)
        try:
            _ip("link", "add", name, "type", "bridge")
            _ip("link", "del", name)
        finally:
            _ip("netns", "del", name)
    except subprocess.CalledProcessError as error:
        return f"no network namespaces here: {error.stderr.strip()}"
    return ""


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


class Apart:
    """A cluster of two nodes: its head, where the runs' coordinators are, and one at a cable."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        tag = f"{random.randrange(16**6):06x}"
        self._space, self._bridge, self._port = f"tk-{tag}", f"tkb{tag}", f"tkv{tag}"
        # 198.18.0.0/15 is for tests of networks (RFC 2544).
        net = f"198.{random.choice((18, 19))}.{random.randrange(256)}"
        self._ours, self._theirs = f"{net}.1", f"{net}.2"
        self._node: subprocess.Popen[bytes] | None = None
        self._cluster: Any = None
        try:
            self._lay()
            self._cluster = Cluster(
                initialize_head=True,
                head_node_args={
                    **SMALL,
                    "include_dashboard": False,
                    "no_monitor": True,
                    "node_ip_address": self._ours,
                },
            )
            self.address = str(self._cluster.address)
            self.start()
        except BaseException:
            self.close()
            raise

    def _lay(self) -> None:
        inside = f"e{self._port[3:]}"
        _ip("netns", "add", self._space)
        _ip("link", "add", self._bridge, "type", "bridge")
        _ip("addr", "add", f"{self._ours}/24", "dev", self._bridge)
        _ip("link", "add", self._port, "type", "veth", "peer", "name", inside)
        _ip("link", "set", inside, "netns", self._space)
        _ip("link", "set", self._port, "master", self._bridge)
        _ip("link", "set", self._bridge, "up")
        _ip("-n", self._space, "addr", "add", f"{self._theirs}/24", "dev", inside)
        _ip("-n", self._space, "link", "set", "lo", "up")
        _ip("-n", self._space, "link", "set", inside, "up")
        self.mend()

    def cut(self) -> None:
        """Nothing passes between the nodes any more, and neither is told."""
        _ip("link", "set", self._port, "down")

    def mend(self) -> None:
        """It passes again."""
        _ip("link", "set", self._port, "up")

    def start(self) -> None:
        """Start the node at the cable."""
        words = ["ip", "netns", "exec", self._space, str(Path(sys.executable).with_name("ray"))]
        words += ["start", f"--address={self.address}", f"--node-ip-address={self._theirs}"]
        words += ["--num-cpus=2", f"--object-store-memory={STORE_BYTES}", "--block"]
        words += ["--min-worker-port=0", "--max-worker-port=0", "--disable-usage-stats"]
        self._node = subprocess.Popen(
            words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        until(self._roomy)

    def renew(self) -> None:
        """Start another node at the cable, where the one that was there has been given up."""
        if not self.id():
            self.end()
            self.start()

    def _roomy(self) -> bool:
        """Whether Ray may put workers on the node."""
        free = self._cluster.global_state.available_resources_per_node()
        return bool(free.get(self.id(), {}).get("CPU"))

    def id(self) -> str:
        """The node's id; empty where Ray has given it up."""
        nodes = self._cluster.global_state.node_table()
        mine = (n for n in nodes if n["NodeManagerAddress"] == self._theirs and n["Alive"])
        return next((str(one["NodeID"]) for one in mine), "")

    def pids(self) -> list[int]:
        """All processes in the namespace."""
        listed = subprocess.run(
            ["ip", "netns", "pids", self._space], check=True, capture_output=True, text=True
        )
        return [int(pid) for pid in listed.stdout.split()]

    def workers(self) -> list[int]:
        """Processes in the namespace that are a run's: Ray names each by what it is at."""
        commands = {pid: _command(pid) for pid in self.pids()}
        return [
            pid
            for pid, command in commands.items()
            if command.startswith(b"ray::") and not command.startswith(NOBODYS)
        ]

    def end(self) -> None:
        """The node at the cable ends at once, if it has not yet."""
        if self._node is None:
            return
        end = time.monotonic() + 10
        while (pids := self.pids()) and time.monotonic() < end:
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.1)
        self._node.wait()
        self._node = None

    def close(self) -> None:
        """All of it ends."""
        self.end()
        if self._cluster is not None:
            self._cluster.shutdown()
        for words in (("link", "del", self._bridge), ("netns", "del", self._space)):
            with suppress(subprocess.CalledProcessError):
                _ip(*words)


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@contextmanager
def apart() -> Iterator[Apart]:
    """Such a cluster, with all of it gone afterwards."""
    before = {name: os.environ.get(name) for name in GIVEN_UP}
    os.environ.update(GIVEN_UP)
    cluster: Apart | None = None
    try:
        cluster = Apart()
        yield cluster
    finally:
        if cluster is not None:
            cluster.close()
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
