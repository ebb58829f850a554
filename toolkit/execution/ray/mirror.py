"""A tally that another process keeps, as far as it was told here."""

from __future__ import annotations

from collections.abc import Iterable

from toolkit.execution.progress import Event, Progress
from toolkit.execution.tally import Tally
from toolkit.execution.trace import Span

__all__ = ["Mirror"]


class Mirror(Tally):
    """What another process counts, as far as it was told."""

    def __init__(self) -> None:
        super().__init__()
        self._told = Progress()

    def hear(self, progress: Progress, events: Iterable[Event], spans: Iterable[Span]) -> None:
        """What the other process says now, and what happened since it last did."""
        with self._lock:
            self._told = progress
            self._spans.add(spans)
            for event in events:
                self._events.append(event)
                self._given += 1
            self._changed.notify_all()

    def progress(self) -> Progress:
        """The last that was told."""
        return self._told
