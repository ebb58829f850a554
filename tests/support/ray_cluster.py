"""A Ray cluster of two nodes on this machine, and what to compare runs by."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from ray_head import NICE

import toolkit as tk
from toolkit.execution.ray.machine import LAZILY

os.environ.update(  # before Ray is imported: small, quick to see that a node is gone
    PYTHONPATH=os.pathsep.join([str(LAZILY), *filter(None, [os.environ.get("PYTHONPATH")])]),
    RAY_USAGE_STATS_ENABLED="0",
    RAY_prestart_worker_first_driver="0",
    RAY_health_check_initial_delay_ms="500",
    RAY_health_check_period_ms="500",
    RAY_health_check_failure_threshold="4",
    RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO="0",
    **NICE,
)
STORE_BYTES = 100_000_000
SMALL = {"num_cpus": 2, "object_store_memory": STORE_BYTES, "include_log_monitor": False}


class Nodes:
    """The cluster: its head, where the runs' coordinators are, and another node."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        arguments: dict[str, Any] = {**SMALL, "include_dashboard": False, "no_monitor": True}
        self._cluster: Any = Cluster(initialize_head=True, head_node_args=arguments)
        self.address = str(self._cluster.address)
        self.other: Any = None
        self.add()

    def add(self) -> None:
        self.other = self._cluster.add_node(num_gpus=2, wait=True, **SMALL)

    def lose(self) -> None:
        """The other node is gone at once, with all that runs there."""
        os.kill(self.other.all_processes["raylet"][0].process.pid, signal.SIGKILL)

    def replace(self) -> None:
        self._cluster.remove_node(self.other, allow_graceful=False)
        self.add()

    def lose_head(self) -> None:
        """The head is gone at once, with its control service, coordinators and workers."""
        head = self._cluster.head_node.all_processes
        for kind in ("raylet", "gcs_server"):
            process = psutil.Process(head[kind][0].process.pid)
            for one in [process, *process.children(recursive=True)]:
                with suppress(psutil.Error):
                    one.kill()

    def restart_control(self, away_s: float) -> None:
        """The head's control service (GCS) dies, and comes back after a while."""
        self._cluster.head_node.kill_gcs_server()
        time.sleep(away_s)
        self._cluster.head_node.start_gcs_server()

    def log(self) -> str:
        """All that the nodes and their processes have logged, and what Ray knows of actors."""
        import ray

        folder = Path(self._cluster.head_node.get_session_dir_path()) / "logs"
        files = [path for path in folder.rglob("*") if path.is_file()]
        return str(ray._private.state.actors()) + "".join(
            path.read_text(errors="replace") for path in files
        )

    def spilled(self) -> int:
        """Bytes that were written to disk for want of room in the object stores."""
        import ray
        from ray._private.internal_api import node_stats

        alive = [node for node in ray.nodes() if node["Alive"]]
        stats = [node_stats(node["NodeManagerAddress"], node["NodeManagerPort"]) for node in alive]
        return sum(int(one.store_stats.spilled_bytes_total) for one in stats)

    def there(self) -> int:
        """How many actors live on the other node."""
        import ray

        rows = ray._private.state.actors().values()
        alive = [row["Address"]["NodeID"] for row in rows if row["State"] == "ALIVE"]
        return alive.count(self.other.node_id)

    def close(self) -> None:
        self._cluster.shutdown()

    def actors(self, words: str = "") -> dict[str, int]:
        """Actors that live and have these words in their names, with their processes' ids."""
        import ray

        table = ray._private.state.actors()
        return {
            row["Name"]: row["Pid"]
            for row in table.values()
            if row["State"] == "ALIVE" and words in row["Name"]
        }

    def hired(self, words: str) -> int:
        """How many actors with these words in their names there have ever been."""
        import ray

        return sum(words in row["Name"] for row in ray._private.state.actors().values())

    def pids(self, words: str) -> list[int]:
        return list(self.actors(words).values())


def until(true: Callable[[], Any], seconds: float = 120.0) -> Any:
    """Wait for something."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)
    return found


def slow(frames: tk.Frames) -> dict[str, Any]:
    """An analyzer that leaves time to disturb a run."""
    time.sleep(0.25)
    return {"brightness": round(float(frames.rgb.mean()), 3)}


def early(scene: tk.Scene, analysis: tk.Analysis) -> Any:
    """A tagger whose tags tell whether all answers were there."""
    if scene.index < 2:
        yield tk.Tag("early", why=f"{len(analysis.answers)} answers")


def rows(run: tk.RunHandle) -> dict[str, Any]:
    """What a run found, as far as two runs of the same have to be alike."""
    scenes = run.scenes.sort("video_id", "start_s")
    drop = [name for name in scenes.columns if name in ("thumbnail", "source", "path")]
    answers = run.answers.sort("scene_id", "plugin", "kind", "name")
    return {
        "scenes": scenes.drop(drop).to_dicts(),
        "answers": answers.select("scene_id", "plugin", "kind", "name", "text", "value").to_dicts(),
        "tags": run.tags.sort("scene_id", "tagger", "label")
        .select("scene_id", "label", "tagger", "why")
        .to_dicts(),
    }


def ended(pids: list[int]) -> bool:
    """Whether these processes are gone."""
    for pid in pids:
        with suppress(ProcessLookupError, FileNotFoundError):
            if "Z" not in Path(f"/proc/{pid}/stat").read_text().split(") ")[1][:1]:
                return False
    return True
