"""How far a run is: counts by stage, and what happens, for whoever listens."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from toolkit.stages.effort import Effort

__all__ = [
    "STAGES",
    "Event",
    "Kind",
    "Progress",
    "StageProgress",
    "Transfer",
]

STAGES = ("acquire", "scan", "analyze", "tag", "synthesize")
"""The last one is there only in a run that writes about whole videos."""

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
    """One stage: items done, items known so far, and what its work took.

    ``waiting`` is the length of its queue. Where workers are processes of their own, on a cluster,
    there are so many ``workers``, ``busy`` of them at work, and ``span_s`` adds up the seconds
    from the first to the last work of each, by its own clock.
    """

    done: int = 0
    total: int = 0
    effort: Effort = field(default_factory=Effort)
    waiting: int = 0
    workers: int = 0
    busy: int = 0
    span_s: float = 0.0

    @property
    def seconds(self) -> float:
        """Seconds that its workers were at work, all together."""
        return self.effort.seconds

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
