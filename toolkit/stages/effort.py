"""What work takes: the figures of a stage, and how whoever does the work adds to them.

An engine collects for each of its threads; a plugin notes what only it can know:

    from toolkit.stages.effort import note

    note(retries=1)
    note(tokens_in=812, tokens_out=40)
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, fields

__all__ = ["Effort", "collected", "collecting", "note", "tokens_noted"]

_PEAKS = ("memory_bytes", "gpu_memory_bytes")
_SECONDS = "_s"


@dataclass
class Effort:
    """What a stage's work took.

    Attributes:
        seconds: Seconds that its workers were at it, all together, waits for the next stage left
            out.
        cpu_s: Processor seconds, those of libraries' threads included where they can be told.
        gpu_s: Seconds that GPUs were at work for it; None where no GPU could be asked.
        model_s: Of ``seconds``, those in which a model answered.
        queued_s: Seconds that items waited in front of it, all together.
        blocked_s: Seconds that its workers waited for room in front of the next stage.
        video_s: Seconds of video that went through it.
        retries: What was tried again.
        hits: Items for which everything was there already.
        tokens_in: Tokens that models read.
        tokens_out: Tokens that models wrote.
        memory_bytes: Most memory of a process that was at it, with all that the process has.
        gpu_memory_bytes: Most memory in use on its GPUs, whoever uses it.
    """

    seconds: float = 0.0
    cpu_s: float = 0.0
    gpu_s: float | None = None
    model_s: float = 0.0
    queued_s: float = 0.0
    blocked_s: float = 0.0
    video_s: float = 0.0
    retries: int = 0
    hits: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    memory_bytes: int = 0
    gpu_memory_bytes: int = 0

    def add(self, other: Effort) -> None:
        """Take in what other work of the stage took."""
        mine, more = self.__dict__, other.__dict__
        for name, value in more.items():
            if value:
                old = mine[name] or 0
                mine[name] = max(old, value) if name in _PEAKS else old + value
        if self.gpu_s is None:
            self.gpu_s = other.gpu_s

    def written(self, stage: str) -> tuple[dict[str, int], dict[str, float]]:
        """As what a run's row has of the stage in ``counts`` and in ``seconds``."""
        counts: dict[str, int] = {}
        seconds = {stage: round(self.seconds, 3)}
        for name, value in self.__dict__.items():
            if value is None or name == "seconds":
                continue
            if name.endswith(_SECONDS):
                seconds[f"{stage}_{name.removesuffix(_SECONDS)}"] = round(value, 3)
            elif value or name not in _PEAKS:
                counts[f"{stage}_{name}"] = value
        return counts, seconds

    @classmethod
    def read(cls, stage: str, counts: Mapping[str, int], seconds: Mapping[str, float]) -> Effort:
        """What :meth:`written` wrote; 0 for what was not recorded."""
        found = cls(seconds=seconds.get(stage, 0.0))
        for field in fields(cls):
            name = field.name
            if name.endswith(_SECONDS):
                value: float | None = seconds.get(f"{stage}_{name.removesuffix(_SECONDS)}")
            else:
                value = counts.get(f"{stage}_{name}")
            if value is not None:
                setattr(found, name, value)
        return found


class _Collector:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.effort = Effort()
        self.tokens = 0


_current: ContextVar[_Collector | None] = ContextVar("toolkit_effort", default=None)


def note(
    *,
    cpu_s: float = 0.0,
    retries: int = 0,
    hits: int = 0,
    tokens_in: int = 0,
    tokens_out: int = 0,
) -> None:
    """Add to what the stage at work takes. Outside of a run it does nothing.

    It belongs to the calling context: a task of asyncio has that of its maker, while a thread has
    to be started in a copy of it (:func:`contextvars.copy_context`).

    Args:
        cpu_s: Processor seconds of a thread that the engine does not know.
        retries: What was tried again.
        hits: Items for which everything was there already.
        tokens_in: Tokens that a model read; what it keeps of several questions counts once.
        tokens_out: Tokens that it wrote.
    """
    if (collector := _current.get()) is None:
        return
    with collector.lock:
        effort = collector.effort
        effort.cpu_s += cpu_s
        effort.retries += retries
        effort.hits += hits
        effort.tokens_in += tokens_in
        effort.tokens_out += tokens_out
        collector.tokens += tokens_in + tokens_out


def tokens_noted() -> int:
    """How many tokens were noted in this context so far; those who note none tell in evidence."""
    collector = _current.get()
    return collector.tokens if collector else 0


def collecting() -> None:
    """Begin to collect what is noted in this context, if nobody does yet."""
    if _current.get() is None:
        _current.set(_Collector())


def collected() -> Effort:
    """What was noted in this context since this was last asked."""
    if (collector := _current.get()) is None:
        return Effort()
    with collector.lock:
        effort, collector.effort = collector.effort, Effort()
    return effort
