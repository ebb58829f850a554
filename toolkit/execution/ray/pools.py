"""How many workers a stage has: they grow with what waits, into the room that there is."""

from __future__ import annotations

import functools
import itertools
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from toolkit.config.ray import RaySettings
from toolkit.errors import ClusterError
from toolkit.execution.ray.hands import Hand
from toolkit.execution.ray.keys import Keys, Role
from toolkit.execution.ray.order import Order
from toolkit.execution.ray.workers import Worker

__all__ = ["Agency", "Pool"]

log = logging.getLogger(__name__)
_LATE_S = 60.0
_STARVED_S = 5.0
_WORTH_S = 2.0  # what the others would need for what waits; to start one takes a second or two
_HOPELESS_S = 600.0  # where no machine can be added
_IDLE_S = 20.0  # what is idle for so long makes room for others


@dataclass
class Pool:
    """The workers of a stage, or of one analyzer.

    Attributes:
        stage: The stage.
        place: Which analyzer.
        needs: Ray's resources of one worker: CPU, GPU.
        least: Least workers.
        most: Most workers; 0: as many as there is room for.
        hands: Those that there are and were.
    """

    stage: Role
    place: int
    needs: dict[str, float]
    least: int
    most: int
    hands: list[Hand] = field(default_factory=list)
    _told: bool = False

    def wants(self, waiting: int, item_s: float, room: Callable[[], dict[str, float]]) -> int:
        """How many workers more are of use: at most as many as there are, so that it doubles.

        Args:
            waiting: How many items wait.
            item_s: How long an item took so far.
            room: Tells what is free on the cluster; it costs the control service a call.
        """
        here = self.working
        if not waiting or any(not hand.ready for hand in here):
            return 0
        now = time.monotonic()
        item_s = max([item_s, *(now - hand.busy_since for hand in here if hand.busy)])
        if waiting * item_s < _WORTH_S * len(here):
            return 0
        more = min(waiting, max(1, len(here)))
        return min(more, self.most - len(here)) if self.most else min(more, self.fits(room()))

    def fits(self, room: dict[str, float]) -> int:
        """How many workers more there is room for now."""
        if not any(self.needs.values()):
            return 0  # squeezed in, see below
        fit = min(room.get(name, 0.0) // need for name, need in self.needs.items() if need)
        most = self.most - len(self.working) if self.most else fit
        return max(0, int(min(fit, most)))

    @property
    def working(self) -> list[Hand]:
        """Those that are not to go."""
        return [hand for hand in self.hands if not hand.closed and not hand.retired]

    def squeeze_in(self, room: Callable[[], dict[str, float]], taken: float) -> None:
        """Have a worker at all, on a cluster that we have filled ourselves.

        Nodes may have gone, and workers that wait for this stage's hold all cores. So its workers
        ask for no core any more.

        Args:
            room: Tells what is free on the cluster.
            taken: The cores of the run's workers that are up.
        """
        since = time.monotonic() - _STARVED_S
        here, need = self.working, self.needs["CPU"]
        starves = here and all(not hand.ready and hand.hired_at < since for hand in here)
        if starves and need and taken and room().get("CPU", 0.0) < need:
            log.warning("The stage '%s' gets a worker without a core of its own.", self.stage)
            self.needs = {**self.needs, "CPU": 0.0}
            for hand in here:
                hand.hire_again()

    @property
    def hopeless(self) -> bool:
        """Whether it has workers, and none of them has come up for very long."""
        since, here = time.monotonic() - _HOPELESS_S, self.working
        return bool(here) and all(not hand.ready and hand.hired_at < since for hand in here)

    def complain(self) -> None:
        """Tell once if a worker has been waiting for a while for a node with room for it."""
        late = time.monotonic() - _LATE_S
        if not self._told and any(not h.ready and h.hired_at < late for h in self.working):
            self._told = True
            log.warning(
                "No node has had room for a worker of the stage '%s' yet; it needs %s.",
                self.stage,
                ", ".join(f"{name} {need:g}" for name, need in self.needs.items()),
            )

    def shrink(self) -> None:
        """Let one go that has had nothing to do for a while."""
        here = self.working
        if len(here) > self.least:
            for hand in here:
                if not hand.busy and time.monotonic() - hand.quiet_since > _IDLE_S:
                    hand.retired = True
                    return


class Agency:
    """Starts workers on the cluster.

    Args:
        run_id: The run.
        order: Makes a worker's order of its role and place.
        options: The section ``[ray]``.
        keys: Of the run's analyzers.
        runtime_env: What Ray is to prepare for a worker.
        alone: Whether the cluster is this machine, to which none can be added.
    """

    def __init__(
        self,
        run_id: str,
        order: Callable[[Role, int], Order],
        options: RaySettings,
        keys: Keys,
        runtime_env: dict[str, Any],
        *,
        alone: bool,
    ) -> None:
        import ray

        self._alone = alone
        self._run_id, self._order, self._options = run_id, order, options
        self._runtime_env = runtime_env
        self._numbers = itertools.count()
        self._worker = ray.remote(Worker)
        self._orders: dict[tuple[Role, int], Any] = {}
        self.pools = self._pools(keys, ray.cluster_resources())

    def _pools(self, keys: Keys, cluster: dict[str, float]) -> list[Pool]:
        options = self._options
        gpus = options.gpus_per_analyzer
        if gpus is None:
            gpus = 1.0 if cluster.get("GPU") else 0.0
        fetch = Pool("acquire", 0, {"CPU": options.cpus_per_download}, 1, options.downloads_max)
        scan = Pool("scan", 0, {"CPU": options.cpus_per_scan}, 1, options.scans_max)
        pools = [fetch, scan]
        for place, analyzer in enumerate(keys.analyzers):
            needs = {"CPU": options.cpus_per_analyzer}
            if analyzer.accelerated and gpus:
                needs["GPU"] = gpus
            least, most = options.analyzers_min, options.analyzers_max
            pools.append(Pool("analyze", place, needs, least, most))
        # On a small cluster one of each has to fit, or the run would wait for ever.
        wanted = sum(pool.needs["CPU"] * pool.least for pool in pools)
        share = min(1.0, cluster.get("CPU", 0.0) / wanted) if cluster.get("CPU") else 1.0
        for pool in pools:
            pool.needs["CPU"] = int(pool.needs["CPU"] * share * 1000) / 1000
        return pools

    def hire(self, pool: Pool, threads: int = 1) -> Hand:
        """A worker for a pool."""
        hire = functools.partial(self._hired, pool)
        hand = Hand(hire, threads, lambda: pool.working)
        pool.hands.append(hand)
        return hand

    def hire_spare(self, role: Role) -> Hand:
        """A worker that is rarely at work, and for which room is always found."""
        pool = Pool(role, 0, {"CPU": 0.0}, 1, 1)
        return Hand(functools.partial(self._hired, pool))

    def _hired(self, pool: Pool) -> tuple[Any, Any]:
        import ray

        role, place, needs = pool.stage, pool.place, pool.needs
        if (role, place) not in self._orders:
            self._orders[role, place] = ray.put(self._order(role, place))
        name = f"{self._run_id} {role}" + (f" {place}" if role == "analyze" else "")
        options: dict[str, Any] = {
            "name": f"{name} #{next(self._numbers)}",
            "num_cpus": needs["CPU"],
            "max_restarts": 0,
            "max_task_retries": 0,
            "runtime_env": self._runtime_env or None,
        }
        if needs.get("GPU"):
            options["num_gpus"] = needs["GPU"]
            if self._options.accelerator_type:
                options["accelerator_type"] = self._options.accelerator_type
        actor = self._worker.options(**options).remote()
        return actor, actor.prepare.remote(self._orders[role, place])

    def check(self) -> None:
        """See that workers come up.

        Raises:
            ClusterError: A stage has had none for very long, and nothing can be done about it.
        """
        for pool in self.pools:
            if self._alone and pool.hopeless:
                raise ClusterError(
                    f"No worker of the stage '{pool.stage}' came up in {_HOPELESS_S / 60:.0f} "
                    "minutes.",
                    hint="This machine may be too busy, or lack memory for one process more. "
                    "What was found is in the store: run.resume() goes on from there.",
                    retriable=True,
                )

    def cores(self) -> float:
        """Cores of the run's workers that are up."""
        return sum(pool.needs["CPU"] for pool in self.pools for hand in pool.working if hand.ready)

    def settled(self) -> bool:
        """Whether all workers are up."""
        return all(hand.up for pool in self.pools for hand in pool.working)

    def room(self) -> dict[str, float]:
        """What is free on the cluster, less what workers that are not up yet will take.

        Ray says so some moments late, but never more than what the run's workers leave.
        """
        import ray

        free, left = ray.available_resources(), ray.cluster_resources()
        for pool in self.pools:
            for hand in (hand for hand in pool.hands if not hand.closed):
                for name, need in pool.needs.items():
                    left[name] = left.get(name, 0.0) - need
                    free[name] = free.get(name, 0.0) - (0.0 if hand.up else need)
        return {name: min(free.get(name, 0.0), most) for name, most in left.items()}
