"""What ran when: bars for ``chrome://tracing`` and https://ui.perfetto.dev."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from toolkit.config import redact

__all__ = ["Span", "Spans", "write_trace"]

_KEPT = 100_000


@dataclass(frozen=True)
class Span:
    """A stage was at work on an item.

    ``lane`` tells those apart that worked side by side. ``begin_s`` counts from the run's start.
    """

    stage: str
    item: str
    lane: int
    begin_s: float
    seconds: float


class Spans:
    """The last 100,000 spans of a run. Its owner sees to it that one thread is at it at a time."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._spans: deque[Span] = deque(maxlen=_KEPT)
        self._given = 0

    def ended(self, stage: str, item: str, seconds: float) -> None:
        """The calling thread was at work for so long, until now."""
        begin_s = time.monotonic() - self._started - seconds
        self.add([Span(stage, item, threading.get_ident(), begin_s, seconds)])

    def add(self, spans: Iterable[Span]) -> None:
        """Spans that were told elsewhere."""
        for span in spans:
            self._spans.append(span)
            self._given += 1

    def since(self, heard: int) -> tuple[list[Span], int]:
        """The spans after so many, and how many there are by now."""
        fresh = min(self._given - heard, len(self._spans))
        return (list(self._spans)[-fresh:] if fresh > 0 else []), self._given


def write_trace(path: Path, spans: Iterable[Span]) -> None:
    """Write spans in Chrome's trace event format: a group a stage, a row a worker.

    Raises:
        OSError: The file cannot be written.
    """
    groups: dict[str, int] = {}
    lanes: dict[tuple[str, int], int] = {}
    events: list[dict[str, object]] = []
    for span in spans:
        group = groups.setdefault(span.stage, len(groups) + 1)
        lane = lanes.setdefault((span.stage, span.lane), len(lanes) + 1)
        events.append(
            {
                "ph": "X",
                "cat": span.stage,
                "name": redact(span.item),
                "pid": group,
                "tid": lane,
                "ts": round(span.begin_s * 1e6),
                "dur": round(span.seconds * 1e6),
            }
        )
    for stage, group in groups.items():
        about = {"ph": "M", "name": "process_name", "pid": group, "args": {"name": stage}}
        events.append(about)
    path.write_text(json.dumps({"traceEvents": events}), encoding="utf-8")
