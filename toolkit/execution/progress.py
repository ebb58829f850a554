"""How far a run is: counts by stage, and events for whoever listens."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from toolkit.execution.trace import Span, Spans

__all__ = [
    "STAGES",
    "Event",
    "Kind",
    "Progress",
    "StageProgress",
    "Tally",
    "Transfer",
]

STAGES = ("acquire", "scan", "analyze", "tag", "synthesize")
"""The last one is there only in a run that writes about whole videos."""
_EVENTS_KEPT = 10_000
_TOLD_S = 0.5  # how often a download under way is an event
_MEMORY_S = 5.0  # what lies further back counts little for a download's speed

Kind = Literal["source", "video", "scene", "failure", "skipped", "transfer", "status"]


@dataclass(frozen=True)
class Transfer:
    """A download under way: bytes that are here and will be, its speed of the last seconds."""

    source: str
    bytes_done: int
    bytes_total: int | None
    bytes_per_s: float

    @property
    def eta_s(self) -> float | None:
        """Seconds left, at this speed; None while nobody can know."""
        if self.bytes_total is None or self.bytes_per_s <= 0:
            return None
        return (self.bytes_total - self.bytes_done) / self.bytes_per_s

    def __str__(self) -> str:
        whole = "" if self.bytes_total is None else f" of {self.bytes_total / 1e6:.1f}"
        left = "" if self.eta_s is None else f", {self.eta_s:.0f} s left"
        return f"{self.bytes_done / 1e6:.1f}{whole} MB, {self.bytes_per_s / 1e6:.1f} MB/s{left}"


@dataclass(frozen=True)
class Event:
    """Something happened.

    ``kind`` is "source" (a source's file is here, or it is a playlist), "video" (all of a video is
    done), "scene" (a scene is saved), "failure", "skipped" (a playlist's video is beyond its
    limits), "transfer" (a download goes on: see ``transfer``), or "status" (the run's status
    changed). ``at_s`` counts from the run's start.
    """

    kind: Kind
    message: str
    at_s: float
    stage: str = ""
    source: str = ""
    transfer: Transfer | None = None


@dataclass(frozen=True)
class StageProgress:
    """One stage: items done, items known so far, and the seconds its workers were busy.

    ``waiting`` is the length of its queue. Where workers are processes of their own, on a cluster,
    there are so many ``workers``, ``busy`` of them at work, and ``span_s`` adds up the seconds
    from the first to the last work of each, by its own clock.
    """

    done: int = 0
    total: int = 0
    seconds: float = 0.0
    waiting: int = 0
    workers: int = 0
    busy: int = 0
    span_s: float = 0.0

    @property
    def use(self) -> float | None:
        """Share of their time that workers were at work; None where that is not known."""
        return min(1.0, self.seconds / self.span_s) if self.span_s else None


@dataclass(frozen=True)
class Progress:
    """A moment of a run.

    ``stages`` counts sources (acquire), videos (scan, synthesize) and scenes (analyze, tag).
    ``bytes_done`` and ``bytes_total`` are those of downloads under way and done. ``reused`` scenes
    needed no work, ``failures`` counts what could not be done. ``transfers`` are the downloads
    under way.
    """

    stages: dict[str, StageProgress] = field(default_factory=dict)
    bytes_done: int = 0
    bytes_total: int = 0
    reused: int = 0
    failures: int = 0
    elapsed_s: float = 0.0
    transfers: tuple[Transfer, ...] = ()

    @property
    def share(self) -> float:
        """Share of the known work that is done, 0 to 1.

        Sources fetched, scanned and saved, and written about where that was asked for.
        """
        sources = self.stages.get("acquire", StageProgress()).total
        if not sources:
            return 0.0
        scenes = self.stages.get("tag", StageProgress())
        waiting = 1.0 if not scenes.total else scenes.done / scenes.total
        fetched = self.stages.get("acquire", StageProgress()).done / sources
        scanned = self.stages.get("scan", StageProgress()).done / sources
        parts = [fetched, 2 * scanned, 2 * scanned * waiting]
        if last := self.stages.get("synthesize"):
            return min(1.0, (sum(parts) + 2 * last.done / sources) / 7)
        return min(1.0, sum(parts) / 5)

    @property
    def eta_s(self) -> float | None:
        """Seconds left, at the pace so far; None while nobody can know."""
        if self.share <= 0.02:
            return None
        return self.elapsed_s / self.share * (1 - self.share)


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
        self._seconds = dict.fromkeys(STAGES, 0.0)
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

    def did(self, stage: str, items: int = 1, seconds: float = 0.0, *, what: str = "") -> None:
        """A stage is done with some items, well or not."""
        with self._lock:
            self._done[stage] += items
            self._seconds[stage] += seconds
            if seconds:
                self._spans.ended(stage, what, seconds)

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
                        self._seconds[stage],
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
