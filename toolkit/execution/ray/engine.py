"""A run on Ray as the process that asked for it, or found it again, sees it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from toolkit.config import Settings
from toolkit.errors import ClusterError, ToolkitError
from toolkit.execution.ray.connect import Connection, connect, need_ray
from toolkit.execution.ray.coordinator import Coordinator, State, actor_name
from toolkit.execution.ray.keys import Keys
from toolkit.execution.ray.mirror import Mirror
from toolkit.execution.ray.packing import unpacked
from toolkit.execution.ray.parcel import Parcel
from toolkit.hooks.manager import PluginManager
from toolkit.pipeline import Pipeline
from toolkit.records import Run, RunStatus
from toolkit.sources import Expanded

__all__ = ["RayRun", "find", "launch"]

log = logging.getLogger(__name__)
_POLL_S = 0.2, 1.0  # at first, and once a run is long: it costs both ends a millisecond
_LONG_S = 20.0
_ANSWER_S = 5.0  # for so long nothing else is looked at
_AWAY_S = 30.0  # what a head gets to come back; after a minute Ray's other processes end
_BEGIN_S = 300.0  # on a machine that is busy with twenty other things; alone it takes two seconds


class RayRun:
    """Follows a run's coordinator, and can stop it. The run needs neither this nor its process.

    Args:
        connection: This process on the cluster; it is closed at the run's end.
        coordinator: The coordinator's handle.
    """

    def __init__(self, connection: Connection, coordinator: Any) -> None:
        self.tally = Mirror()
        self.ended = threading.Event()
        self.error: Exception | None = None
        self.cancel = self
        self._connection = connection
        self._coordinator = coordinator
        self._heard = (0, 0)
        self._asked: Any = None
        self._there = time.monotonic()
        if self._listen():
            self._leave()
            return
        threading.Thread(target=self._follow, name="follow-run", daemon=True).start()

    def set(self) -> None:
        """Ask the run to stop."""
        if self.ended.is_set():
            return  # Ray has been left, and a call would join or start a cluster
        with suppress(Exception):  # it may have come to its end
            self._coordinator.cancel.options(concurrency_group="control").remote()

    def standing(self, row: Run) -> RunStatus:
        """How the run stands, knowing whether its coordinator is there."""
        gone = self.ended.is_set() and row.status == "running"
        return "interrupted" if gone else row.status

    def _follow(self) -> None:
        began, (soon_s, late_s) = time.monotonic(), _POLL_S
        while not self._listen():
            age = min(1.0, (time.monotonic() - began) / _LONG_S)
            self.ended.wait(soon_s + age * (late_s - soon_s))
        self._leave()

    def _listen(self) -> bool:
        """Hear how the run is; says whether it is over."""
        import ray
        from ray.exceptions import ActorUnavailableError, GetTimeoutError

        try:
            if self._asked is None:
                call = self._coordinator.state.options(concurrency_group="control")
                self._asked = call.remote(*self._heard)
            state: State = unpacked(ray.get(self._asked, timeout=_ANSWER_S))
        except GetTimeoutError:  # it may be busy
            return self._lost()
        except ActorUnavailableError:
            self._asked = None
            return self._lost()
        except Exception as error:  # noqa: BLE001 - gone with its node, or ended already
            self._asked = None
            if not self._connection.reachable():
                return self._lost()
            log.info("The coordinator is gone: %s", error)
            return True
        self._asked, self._there = None, time.monotonic()
        self._heard = state.heard
        self.tally.hear(state.progress, state.events, state.spans)
        if state.ended:
            self.error = state.error
            with suppress(Exception):  # it ends by itself, too
                farewell = self._coordinator.farewell.options(concurrency_group="control")
                ray.get(farewell.remote(), timeout=_ANSWER_S)
        return state.ended

    def _lost(self) -> bool:
        """Whether the cluster's head has been away for too long, which is then the error."""
        now, address = time.monotonic(), self._connection.address
        if self._connection.reachable():
            self._there = now
        elif now - self._there > _AWAY_S:
            self.error = ClusterError(
                f"The head {address} of the run's cluster has been away for {_AWAY_S:.0f} s.",
                hint="What was found is in the store. run.resume() goes on from there once a head "
                "is at that address again, and so does the same call with another [ray] address.",
                retriable=True,
                address=address,
            )
            return True
        return False

    def _leave(self) -> None:
        self.tally.end()
        self._connection.close()
        self.ended.set()


def launch(
    settings: Settings,
    plugins: PluginManager,
    pipeline: Pipeline,
    row: Run,
    given: Sequence[Expanded],
) -> RayRun:
    """Start a run's coordinator on the cluster, on this machine's node.

    There it can read and write the workspace, and the store if that is a file. The pipeline is
    closed: its stages are elsewhere.

    Raises:
        ClusterError: The cluster cannot be used, or the run is there already.
        ToolkitError: The run cannot begin.
    """
    keys = Keys.of(pipeline.crew)
    pipeline.close()
    need_ray()
    import ray
    from ray.exceptions import GetTimeoutError
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    connection = connect(settings, plugins)
    try:
        here = ray.get_runtime_context().get_node_id()
        kind = ray.remote(concurrency_groups={"control": 4})(Coordinator)
        actor = kind.options(
            name=actor_name(row.id),
            namespace=connection.namespace,
            lifetime="detached",
            num_cpus=0,
            max_restarts=0,
            max_concurrency=32,
            scheduling_strategy=NodeAffinitySchedulingStrategy(here, soft=False),
            runtime_env=connection.runtime_env or None,
        )
        parcel = Parcel.of(settings)
        try:
            asked = parcel, keys, row, given, connection.runtime_env
            coordinator = actor.remote(*asked, alone=connection.started)
        except ValueError as error:  # the name is taken
            raise ClusterError(
                f"The run {row.id} is on the cluster already.",
                hint="Look at it with toolkit.attach.",
            ) from error
        try:
            ray.get(coordinator.start.remote(), timeout=_BEGIN_S)
        except GetTimeoutError as error:
            with suppress(Exception):
                ray.kill(coordinator)
            raise ClusterError(
                f"The run's coordinator did not begin within {_BEGIN_S:.0f} s.",
                hint="This machine may be too busy, or lack memory for one process more.",
                retriable=True,
            ) from error
        except Exception as error:
            with suppress(Exception):
                ray.kill(coordinator)
            cause = getattr(error, "cause", None)
            if isinstance(cause, ToolkitError):
                raise cause from None
            raise ClusterError(f"The run cannot begin on the cluster: {error}") from error
        return RayRun(connection, coordinator)
    except BaseException:
        connection.close()
        raise


def find(settings: Settings, plugins: PluginManager, row: Run) -> RayRun | None:
    """A run that goes on on its cluster; None where it does not, or there is no way to it."""
    try:
        need_ray()
    except ClusterError:
        return None
    import ray

    cluster = row.settings.get("ray")
    if isinstance(cluster, dict):
        there = {name: cluster.get(name, "") for name in ("address", "namespace", "token_file")}
        settings = settings.model_copy(update={"ray": settings.ray.model_copy(update=there)})
    try:
        connection = connect(settings, plugins, start=False)
    except ClusterError as error:
        log.info("The cluster of the run %s: %s", row.id, error)
        return None
    try:
        coordinator = ray.get_actor(actor_name(row.id), namespace=connection.namespace)
    except ValueError:
        connection.close()
        return None
    return RayRun(connection, coordinator)
