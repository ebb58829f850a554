"""Threads at a stage's work, and what each item takes of them."""

from __future__ import annotations

import threading
import time
from collections import Counter
from types import TracebackType
from typing import Self, TypeVar

from toolkit.execution.channel import Channel
from toolkit.stages.effort import Effort, collected

__all__ = ["Stint", "Stints"]

T = TypeVar("T")
_LONG_S = 0.2


class Stint:
    """The calling thread at work, from here until the block's end."""

    def __init__(self, stints: Stints, stage: str) -> None:
        self._stints, self._stage = stints, stage
        self._blocked_s = 0.0

    def __enter__(self) -> Self:
        self._stints.begin(self._stage)
        collected()  # what was noted between two stints is nobody's
        self._at_s, self._cpu_s = time.perf_counter(), time.thread_time()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stints.end(self._stage)

    def put(self, channel: Channel[T], item: T) -> None:
        """Hand an item on; waiting for room there is no work."""
        began_s = time.perf_counter()
        channel.put(item)
        self._blocked_s += time.perf_counter() - began_s

    @property
    def is_long(self) -> bool:
        """Whether it is time to ask what was taken: people want to see it, and asking costs."""
        return time.perf_counter() - self._at_s > _LONG_S

    def lap(self) -> Effort:
        """What was taken since this was last asked."""
        now_s, cpu_s = time.perf_counter(), time.thread_time()
        effort = collected()
        effort.seconds = now_s - self._at_s - self._blocked_s
        effort.blocked_s = self._blocked_s
        effort.cpu_s += cpu_s - self._cpu_s
        self._at_s, self._cpu_s, self._blocked_s = now_s, cpu_s, 0.0
        return effort


class Stints:
    """Which stages are at work in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._busy: Counter[str] = Counter()
        self._lately: set[str] = set()

    def begun(self, stage: str) -> Stint:
        """The calling thread is at the stage's work, inside of a ``with`` block."""
        return Stint(self, stage)

    def begin(self, stage: str) -> None:
        """A thread more is at it."""
        with self._lock:
            self._busy[stage] += 1
            self._lately.add(stage)

    def end(self, stage: str) -> None:
        """A thread less."""
        with self._lock:
            self._busy[stage] -= 1

    def lately(self) -> set[str]:
        """The stages that were at work since this was last asked."""
        with self._lock:
            lately, self._lately = self._lately, {s for s, many in self._busy.items() if many}
        return lately
