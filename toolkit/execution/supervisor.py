"""Threads in crowds, each with a stage's work, and the one that watches over them."""

from __future__ import annotations

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable

from toolkit.config import redact
from toolkit.errors import CancelledError
from toolkit.execution import uploads
from toolkit.execution.ledger import Ledger
from toolkit.execution.meter import Meter
from toolkit.execution.priority import give_way, in_notebook
from toolkit.execution.progress import STAGES
from toolkit.execution.tally import Tally
from toolkit.pipeline import Pipeline
from toolkit.privacy.audit import AuditLog
from toolkit.records import Run, RunStatus
from toolkit.stages.component import Cancel
from toolkit.stages.effort import collecting
from toolkit.stages.threads import counted, marked

__all__ = ["Supervisor"]

log = logging.getLogger(__name__)
_HEARTBEAT_S = 0.5
_STAGES = {"save": "tag"}
"""Of crowds that are not called like their stage."""
_GRACE_S = 1.5  # what a cancelled run's threads get to come to an end


class Supervisor(ABC):
    """Keeps a run's threads and its heartbeat. ``ended`` is set when all is over.

    Args:
        pipeline: How each stage is done. It is closed at the end.
        row: The run's row.
        cancel: Ends the run.
    """

    _works_here = True
    """Whether stages' work is done in this process."""

    def __init__(self, pipeline: Pipeline, row: Run, cancel: Cancel | None = None) -> None:
        self.pipeline = pipeline
        self.cancel = cancel or Cancel()
        self.tally = Tally()
        self.meter = Meter(self.tally, here=self._works_here)
        orders = pipeline.crew.orders
        audit = AuditLog(pipeline.workspace)
        self.ledger = Ledger(pipeline.store, row, self.tally, audit, synthesizes=bool(orders))
        self.ended = threading.Event()
        self.error: Exception | None = None
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def supervise(self) -> None:
        """Start the threads, and the one that watches over them."""
        name = f"run-{self.ledger.row.id}"
        threading.Thread(target=self._supervise, name=name, daemon=True).start()

    def standing(self, row: Run) -> RunStatus:
        """How the run stands: as its row says, for whoever writes that is in this process."""
        return row.status

    def _supervise(self) -> None:
        if in_notebook():
            give_way(self.pipeline.settings.execution.nice)  # as do the threads started from here
        try:
            self._drive()
            self.pipeline.close()
        except Exception as error:  # noqa: BLE001 - kept in self.error, for whoever waits
            self._abort(error)
        finally:  # whatever happened, nobody waits for ever
            self.tally.end()
            self.ended.set()

    def _drive(self) -> None:
        try:
            self._begin()
            self._watch()
            self._finish_up()
            self._watch()
        except Exception as error:  # noqa: BLE001 - kept in self.error, for whoever waits
            self._abort(error)
        finally:
            self._look()
            self.meter.close()
        status: RunStatus = "failed" if self.error else "cancelled" if self.cancel.asked else "done"
        self.tally.rest()
        try:
            self.ledger.end(status)
        except Exception as error:  # noqa: BLE001 - kept in self.error, for whoever waits
            self._abort(error)
        self.tally.tell("status", status)

    def _crowd(self, name: str, target: Callable[[], None], count: int) -> None:
        stage = _STAGES.get(name, name)

        def guarded() -> None:
            collecting()
            try:
                with marked(stage) if stage in STAGES else counted():
                    target()
            except Exception as error:  # noqa: BLE001 - kept in self.error, for whoever waits
                self._abort(error)

        for number in range(count):
            thread = threading.Thread(target=guarded, name=f"{name}-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _watch(self) -> None:
        deadline: float | None = None
        beat = 0.0
        while alive := [thread for thread in self._threads if thread.is_alive()]:
            alive[0].join(0.1)
            if self.cancel.asked and deadline is None:
                deadline = time.monotonic() + _GRACE_S
                self._stop()
            if deadline and time.monotonic() > deadline:
                log.warning("A stage did not stop in time and is left behind.")
                return
            if time.monotonic() - beat > _HEARTBEAT_S:
                beat = time.monotonic()
                self._look()
                self._tend()
                self.ledger.beat()
                if self.pipeline.cancel_asked(self.ledger.row.id):
                    self.cancel.set()

    def _upload(self) -> None:
        for url, error in uploads.at_end(self.pipeline.crew, self.ledger.row, self.cancel):
            self.ledger.fail("upload", url, error)

    @abstractmethod
    def _begin(self) -> None:
        """Start the crowds."""

    @abstractmethod
    def _finish_up(self) -> None:
        """Start what comes when all else is done."""

    @abstractmethod
    def _stop(self) -> None:
        """The run was cancelled: end what does not look at ``cancel``."""

    @abstractmethod
    def _tend(self) -> None:
        """Look after the crowds: called at every heartbeat."""

    @abstractmethod
    def _look(self) -> None:
        """Count what the run takes: called at every heartbeat, and at the end."""

    def _abort(self, error: Exception) -> None:
        """A worker came to an end: with the run cancelled that is well, otherwise all stop."""
        with self._lock:
            if isinstance(error, CancelledError) or self.cancel.asked:
                return
            self.error = error
            self.cancel.set()
        log.error("The run failed: %s: %s", type(error).__name__, redact(str(error)))
