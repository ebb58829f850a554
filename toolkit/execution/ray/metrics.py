"""A run's numbers as Ray's metrics, for Prometheus and the dashboard."""

from __future__ import annotations

import time
from typing import Any

from toolkit.execution.progress import Progress
from toolkit.insight.exposition import FIGURES

__all__ = ["Gauges"]

_EVERY_S = 2.0  # Ray hands metrics on every ten seconds
_SHOWN = {
    "done": "Items that a stage is done with.",
    "total": "Items known so far.",
    "waiting": "Items that wait for a stage.",
    "workers": "Workers of a stage.",
    "busy": "Workers of a stage that are at work.",
}


class Gauges:
    """``toolkit_stage_done`` and its like, with the tags ``run`` and ``stage``.

    Args:
        run_id: The run.
    """

    def __init__(self, run_id: str) -> None:
        from ray.util.metrics import Gauge

        self._run_id = run_id
        self._gauges: dict[str, Any] = {
            name: Gauge(f"toolkit_stage_{name}", text, tag_keys=("run", "stage"))
            for name, text in _SHOWN.items()
        }
        self._efforts: dict[str, Any] = {
            one.of: Gauge(f"toolkit_stage_{one.name}", one.help, tag_keys=("run", "stage"))
            for one in FIGURES
        }
        self._failures = Gauge("toolkit_failures", "What could not be done.", tag_keys=("run",))
        self._shown_s = -_EVERY_S

    def show(self, progress: Progress) -> None:
        """This moment, unless a moment ago was shown."""
        if time.monotonic() - self._shown_s < _EVERY_S:
            return
        self._shown_s = time.monotonic()
        for stage, one in progress.stages.items():
            for name, gauge in self._gauges.items():
                gauge.set(getattr(one, name), tags={"run": self._run_id, "stage": stage})
            for name, gauge in self._efforts.items():
                gauge.set(
                    getattr(one.effort, name) or 0, tags={"run": self._run_id, "stage": stage}
                )
        self._failures.set(progress.failures, tags={"run": self._run_id})
