"""What a run counts as it goes on, from all of its threads."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

from toolkit.execution.progress import (
    STAGES,
    Event,
    Kind,
    Progress,
    StageProgress,
    Transfer,
)
from toolkit.execution.trace import Span, Spans
from toolkit.stages.effort import Effort

__all__ = ["Tally"]

_EVENTS_KEPT = 10_000
_TOLD_S = 0.5  # how often a download under way is an event
_MEMORY_S = 5.0  # what lies further back counts little for a download's speed


@dataclass
class _Moving:
    """Measures a download's speed: an average in which what is new counts most."""

    done: int
    at_s: float
    total: int | None = None
    bytes_per_s: float = 0.0
    told_s: float = 0.0

    def moved(self, done: int, total: int | None) -> None:
        now_s = time.monotonic()
        passed_s = now_s - self.at_s
        self.total = total
        if passed_s < 0.05:  # too short to tell a speed by
            return
        weight = 1.0 if not self.bytes_per_s else min(1.0, passed_s / _MEMORY_S)
        speed = max(0, done - self.done) / passed_s
        self.bytes_per_s += weight * (speed - self.bytes_per_s)
        self.done, self.at_s = done, now_s


class Tally:
    """Counts what happens, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._started = time.monotonic()
        self._done = dict.fromkeys(STAGES, 0)
        self._total = dict.fromkeys(STAGES, 0)
        self._efforts = {stage: Effort() for stage in STAGES}
        self._waiting = dict.fromkeys(STAGES, 0)
        self._workers = dict.fromkeys(STAGES, (0, 0, 0.0))
        self._bytes: dict[str, tuple[int, int]] = {}
        self._moving: dict[str, _Moving] = {}
        self._reused = 0
        self._failures = 0
        self._events: deque[Event] = deque(maxlen=_EVENTS_KEPT)
        self._given = 0
        self._spans = Spans()
        self._ended: float | None = None

    def expect(self, stage: str, items: int = 1) -> None:
        """More items are known to come through a stage."""
        with self._lock:
            self._total[stage] += items

    def did(
        self,
        stage: str,
        items: int = 1,
        effort: Effort | None = None,
        *,
        what: str = "",
        before_s: float = 0.0,
    ) -> None:
        """A stage is done with some items, well or not.

        Args:
            stage: The stage.
            items: How many.
            effort: What that took, as far as :meth:`took` was not told.
            what: What they are.
            before_s: Seconds of work on them that :meth:`took` was told.
        """
        with self._lock:
            self._done[stage] += items
            if effort is None:
                return
            self._efforts[stage].add(effort)
            if seconds := before_s + effort.seconds:
                self._spans.ended(stage, what, seconds)

    def took(self, stage: str, effort: Effort) -> None:
        """A stage's work took so much more."""
        with self._lock:
            self._efforts[stage].add(effort)

    def wait(self, stage: str, items: int) -> None:
        """So many items wait for a stage at this moment."""
        self._waiting[stage] = items

    def rest(self) -> None:
        """Nobody works and nothing waits any more."""
        self._waiting = dict.fromkeys(STAGES, 0)
        self._workers = {stage: (0, 0, span_s) for stage, (*_, span_s) in self._workers.items()}

    def man(self, stage: str, workers: int, busy: int, span_s: float) -> None:
        """A stage has so many workers at this moment; see :class:`StageProgress`."""
        self._workers[stage] = (workers, busy, span_s)

    def reuse(self, scenes: int = 1) -> None:
        """Scenes that needed no work."""
        with self._lock:
            self._reused += scenes

    def transfer(self, source: str, done: int, total: int | None) -> None:
        """A download has this many bytes."""
        with self._lock:
            self._bytes[source] = (done, max(done, total or 0))
            moving = self._moving.setdefault(source, _Moving(done, time.monotonic()))
            moving.moved(done, total)
            if time.monotonic() - moving.told_s < _TOLD_S:
                return
            moving.told_s = time.monotonic()
            transfer = self._transfer(source)
            self._happened("transfer", str(transfer), "acquire", source, transfer)

    def _transfer(self, source: str) -> Transfer:
        moving = self._moving[source]
        return Transfer(source, self._bytes[source][0], moving.total, moving.bytes_per_s)

    def arrived(self, source: str) -> None:
        """A download is under way no more."""
        with self._lock:
            self._moving.pop(source, None)

    def tell(self, kind: Kind, message: str, *, stage: str = "", source: str = "") -> None:
        """Something happened."""
        with self._lock:
            self._happened(kind, message, stage, source)

    def _happened(
        self, kind: Kind, message: str, stage: str, source: str, transfer: Transfer | None = None
    ) -> None:
        at_s = time.monotonic() - self._started
        self._events.append(Event(kind, message, at_s, stage, source, transfer))
        self._given += 1
        self._failures += kind == "failure"
        self._changed.notify_all()

    def end(self) -> None:
        """Nothing more will happen."""
        with self._lock:
            self._ended = time.monotonic()
            self._changed.notify_all()

    def progress(self) -> Progress:
        """This moment."""
        with self._lock:
            return Progress(
                stages={
                    stage: StageProgress(
                        self._done[stage],
                        self._total[stage],
                        replace(self._efforts[stage]),
                        self._waiting[stage],
                        *self._workers[stage],
                    )
                    for stage in STAGES
                    if stage != "synthesize" or self._total[stage]
                },
                bytes_done=sum(done for done, _ in self._bytes.values()),
                bytes_total=sum(total for _, total in self._bytes.values()),
                reused=self._reused,
                failures=self._failures,
                elapsed_s=(self._ended or time.monotonic()) - self._started,
                transfers=tuple(map(self._transfer, self._moving)),
            )

    def since(self, heard: int) -> tuple[list[Event], int]:
        """The events after so many, and how many there are by now."""
        with self._lock:
            fresh = min(self._given - heard, len(self._events))
            return (list(self._events)[-fresh:] if fresh > 0 else []), self._given

    def spans(self, heard: int = 0) -> tuple[list[Span], int]:
        """What worked when, after so many spans, and how many there are by now."""
        with self._lock:
            return self._spans.since(heard)

    def events(self) -> Iterator[Event]:
        """What happened so far, then what happens, until the run's end."""
        seen = 0
        while True:
            with self._lock:
                while self._given == seen and self._ended is None:
                    self._changed.wait(1.0)
                ended = self._ended is not None
            new, seen = self.since(seen)
            yield from new
            if ended and not new:
                return
