"""The process that drives a run: it has the store, the queues and the counts, and no frames."""

from __future__ import annotations

import math
import os
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from toolkit import logs
from toolkit.execution.progress import Event, Progress
from toolkit.execution.ray.driving import RayEngine
from toolkit.execution.ray.keys import Keys, RayCrew, Role
from toolkit.execution.ray.order import Order
from toolkit.execution.ray.packing import packed
from toolkit.execution.ray.parcel import Parcel
from toolkit.execution.ray.pools import Agency
from toolkit.execution.ray.remote import RemotePipeline
from toolkit.execution.ray.room import Room
from toolkit.execution.ray.stores import PatientStore
from toolkit.execution.trace import Span
from toolkit.isolation.readers import are_many
from toolkit.records import Record, Run
from toolkit.sources import Expanded
from toolkit.stages import private
from toolkit.stages.component import Cancel
from toolkit.stages.store import Store

__all__ = ["Coordinator", "State", "actor_name"]

_FAREWELL_S = 5.0  # how long it waits for somebody to hear of the end


@dataclass(frozen=True)
class State:
    """How a run is: its progress, events and spans after those already heard, how it ended.

    ``heard`` says how many events and spans there were by now.
    """

    progress: Progress
    events: Sequence[Event]
    spans: Sequence[Span]
    heard: tuple[int, int]
    ended: bool
    error: Exception | None


def actor_name(run_id: str) -> str:
    """What a run's coordinator is called on the cluster."""
    return f"toolkit run {run_id}"


class Coordinator:
    """Drives one run. Ray makes a detached actor of it that several calls reach at once.

    Args:
        parcel: Settings and plugins.
        keys: What all workers have to agree on.
        row: The run's row.
        given: The run's sources, and the words that led to none.
        runtime_env: What Ray is to prepare for a worker.
        alone: Whether the cluster is this machine, to which none can be added.
    """

    def __init__(
        self,
        parcel: Parcel,
        keys: Keys,
        row: Run,
        given: Sequence[Expanded],
        runtime_env: dict[str, Any],
        *,
        alone: bool,
    ) -> None:
        self._alone = alone
        self._parcel, self._keys, self._given = parcel, keys, given
        self._row = row.model_copy(update={"host": socket.gethostname(), "pid": os.getpid()})
        self._runtime_env = runtime_env
        self._heard_end = threading.Event()

    def start(self) -> None:
        """Begin.

        Raises:
            ToolkitError: It cannot: a plugin is missing here, or the store cannot be written.
        """
        import ray

        settings, plugins = self._parcel.open()
        logs.set_up(settings.logging, settings.privacy, settings.redaction, settings.base)
        context = ray.get_runtime_context()
        me, home = context.current_actor, str(context.get_node_id())
        many = are_many(len(self._given), ray.cluster_resources().get("CPU", math.inf))

        def order(role: Role, place: int) -> Order:
            return Order(self._row.id, self._parcel, self._keys, role, place, me, home, many)

        private.made(settings.workspace)
        made = plugins.make(Store, "store", settings.store.plugin, settings)
        cancel = Cancel()
        self._store = PatientStore(made.component, cancel)
        agency = Agency(
            self._row.id, order, settings.ray, self._keys, self._runtime_env, alone=self._alone
        )
        crew = RayCrew(settings, plugins, self._keys, self._store, "drive")
        pipeline = RemotePipeline(settings, plugins, crew, agency.hire_spare("scan"), Room())
        tagger = agency.hire_spare("tag")
        self._engine = RayEngine(pipeline, self._row, self._given, agency, tagger, cancel)
        self._engine.start()
        threading.Thread(target=self._end, name="end", daemon=True).start()

    def _end(self) -> None:
        """When all is over, end this process, too."""
        import ray

        self._engine.ended.wait()
        self._store.close()
        self._heard_end.wait(_FAREWELL_S)
        ray.kill(ray.get_runtime_context().current_actor, no_restart=True)

    # ------------------------------------------------------------------ for handles

    def state(self, events: int, spans: int) -> bytes:
        """How it is: a :class:`State`, packed.

        Args:
            events: How many events the caller knows.
            spans: How many spans.
        """
        tally = self._engine.tally
        ended = self._engine.ended.is_set()
        told, heard = tally.since(events)
        worked, known = tally.spans(spans)
        error = self._engine.error
        return packed(State(tally.progress(), told, worked, (heard, known), ended, error))

    def farewell(self) -> None:
        """The caller has heard of the end."""
        self._heard_end.set()

    def cancel(self) -> None:
        """Stop."""
        self._engine.cancel.set()

    # ------------------------------------------------------------------ for workers

    def save(self, records: Sequence[Record]) -> None:
        """See :class:`toolkit.stages.store.Store`, and so below."""
        self._store.save(records)

    def find(self, kind: type[Record], where: dict[str, Any]) -> list[Record]:
        """Records of a kind."""
        return self._store.find(kind, **where)

    def count(self, kind: type[Record], where: dict[str, Any]) -> int:
        """How many these are."""
        return self._store.count(kind, **where)

    def transferred(self, uri: str, done: int, total: int | None) -> None:
        """A download has this many bytes."""
        self._engine.tally.transfer(uri, done, total)
