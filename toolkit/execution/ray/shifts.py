"""When a worker worked, and what that took of its process."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any

from toolkit.execution.gauge import Watch
from toolkit.stages.effort import Effort, collected, collecting

__all__ = ["Clock", "Done", "Shift", "add_spent", "spent"]


@dataclass(frozen=True)
class Shift:
    """When a worker worked, by its own clock (seconds since some moment), and what it took."""

    begin_s: float
    end_s: float
    effort: Effort


@dataclass(frozen=True)
class Done:
    """What came of a call, and when the worker was at it."""

    value: Any
    shift: Shift


class Clock:
    """Measures shifts, one at a time: what the process takes meanwhile is taken for them."""

    def __init__(self) -> None:
        self._watch = Watch()
        self.begin()

    def begin(self) -> None:
        """A shift begins."""
        collecting()
        collected()
        self._watch.seen()
        self._begin_s, self._cpu_s = time.monotonic(), time.process_time()

    def end(self) -> Shift:
        """It is over."""
        end_s, cpu_s = time.monotonic(), time.process_time()
        effort = collected()
        effort.add(self._watch.seen())
        effort.seconds = end_s - self._begin_s
        effort.cpu_s = cpu_s - self._cpu_s
        return Shift(self._begin_s, end_s, effort)


_spent = threading.local()


def spent() -> Effort:
    """What workers took for this thread since it last asked."""
    effort, _spent.effort = getattr(_spent, "effort", None) or Effort(), Effort()
    return effort


def add_spent(effort: Effort) -> None:
    """More that workers took for this thread."""
    if not hasattr(_spent, "effort"):
        _spent.effort = Effort()
    _spent.effort.add(effort)
