"""What a handle asks of whatever drives its run, and what the run's row says without it."""

from __future__ import annotations

import threading
from typing import Protocol

from toolkit.execution.progress import STAGES, Progress, StageProgress
from toolkit.execution.tally import Tally
from toolkit.records import Run, RunStatus
from toolkit.stages.effort import Effort

__all__ = ["Engine", "Stop", "recorded"]


class Stop(Protocol):
    """What stops a run."""

    def set(self) -> None:
        """Ask it to stop."""


class Engine(Protocol):
    """What drives a run, or speaks with it."""

    @property
    def tally(self) -> Tally:
        """What it counts."""

    @property
    def ended(self) -> threading.Event:
        """Set at its end."""

    @property
    def error(self) -> Exception | None:
        """What the run as a whole failed of."""

    @property
    def cancel(self) -> Stop:
        """What stops it."""

    def standing(self, row: Run) -> RunStatus:
        """How the run stands, knowing its row."""


def recorded(row: Run) -> Progress:
    """How far a run was when its row was last written."""
    stages = {
        stage: StageProgress(
            effort=Effort.read(stage, row.counts, row.seconds),
            span_s=row.seconds.get(f"{stage}_span", 0.0),
            **{
                name: row.counts.get(f"{stage}_{name}", 0)
                for name in ("done", "total", "waiting", "workers", "busy")
            },
        )
        for stage in row.seconds
        if stage in STAGES
    }
    return Progress(
        stages=stages,
        reused=row.counts.get("reused", 0),
        failures=row.counts.get("failures", 0),
        elapsed_s=row.seconds.get("elapsed", 0.0),
    )
