"""What goes on behind a panel: threads that read and start runs, and change plain state only.

Whoever draws takes :attr:`Watch.view` when it likes; no widget is known here.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from toolkit.config import redact
from toolkit.errors import ToolkitError
from toolkit.execution.detach import log_file, log_lines
from toolkit.execution.progress import Progress
from toolkit.execution.run import RunHandle
from toolkit.sealing.lines import opened_lines

__all__ = ["Job", "Standing", "View", "Watch"]

_LOOK_S = 0.25
_FRAMES_S = 1.0  # how often the store is asked: more takes time from the run
_LOG_LINES = 200
_TAIL_BYTES = 20_000


@dataclass(frozen=True)
class Standing:
    """A source of a run: its status, scenes so far, share done (0 to 1) and seconds left."""

    source: str
    status: str
    scenes: int
    share: float | None
    eta_s: float | None = None


@dataclass(frozen=True)
class View:
    """A moment of a run, as it is drawn."""

    run_id: str = ""
    status: str = ""
    progress: Progress = field(default_factory=Progress)
    sources: tuple[Standing, ...] = ()
    failures: tuple[dict[str, Any], ...] = ()
    log: tuple[str, ...] = ()
    error: str = ""


class Watch:
    """Follows a run until its end.

    Args:
        run: The run.
        workspace: Where a detached run's log is.

    Attributes:
        view: How it was at the last look.
        over: Whether there are no more looks.
    """

    def __init__(self, run: RunHandle, workspace: Path) -> None:
        self.run = run
        self.view = View(run_id=run.id, status="running")
        self.over = False
        self._log: deque[str] = deque(maxlen=_LOG_LINES)
        self._file = log_file(workspace, run.id)
        self._seen: dict[str, tuple[float, float]] = {}
        self._asked_s = -_FRAMES_S
        self._stop = threading.Event()
        threading.Thread(target=self._follow, name="panel-watch", daemon=True).start()
        threading.Thread(target=self._listen, name="panel-log", daemon=True).start()

    def stop(self) -> None:
        """Look no more; the run goes on."""
        self._stop.set()

    def _follow(self) -> None:
        while not self._stop.is_set():
            try:
                over = self.run.done  # before the look, which then shows the end
                self.view = self._look(over=over)
            except Exception as error:  # noqa: BLE001 - a store that is away for a moment
                self.view = replace(self.view, error=redact(str(error)))
                over = False
            if over:
                break
            self._stop.wait(_LOOK_S)
        self.over = True

    def _look(self, *, over: bool) -> View:
        run, view = self.run, self.view
        error = ""
        if over:
            try:
                run.wait(0)
            except (ToolkitError, TimeoutError) as reason:
                error = redact(str(reason))
        if over or time.monotonic() - self._asked_s > _FRAMES_S:
            self._asked_s = time.monotonic()
            sources = tuple(self._standing(row) for row in run.sources.iter_rows(named=True))
            view = replace(view, sources=sources, failures=tuple(run.failures.to_dicts()))
        return replace(
            view,
            status=run.status,
            progress=run.progress,
            log=tuple(self._log) or self._tail(),
            error=error,
        )

    def _standing(self, row: dict[str, Any]) -> Standing:
        share, now_s, eta_s = row["share"], time.monotonic(), None
        if row["status"] == "running" and share:
            begun_s, before = self._seen.setdefault(row["source"], (now_s, share))
            if share > before:
                eta_s = (now_s - begun_s) / (share - before) * (1 - share)
        return Standing(row["source"], row["status"], row["scenes"], share, eta_s)

    def _listen(self) -> None:
        with suppress(ToolkitError):  # a run of another process has a log, or nothing
            for line in log_lines(self.run.events()):
                if self._stop.is_set():
                    return
                self._log.append(line)

    def _tail(self) -> tuple[str, ...]:
        try:
            with self._file.open("rb") as file:
                file.seek(0, 2)
                file.seek(max(0, file.tell() - _TAIL_BYTES))
                text = file.read().decode("utf-8", "replace")
        except OSError:
            return ()
        return tuple(opened_lines(text.splitlines()[-_LOG_LINES:]))


class Job:
    """One thing done in a thread, such as a plan: its result or error is there when ``done``.

    Args:
        name: What it is, for people.
        work: Does it.
        then: What whoever draws does with the result.
    """

    def __init__(self, name: str, work: Callable[[], Any], then: Callable[[Any], None]) -> None:
        self.name = name
        self.then = then
        self.result: Any = None
        self.error: Exception | None = None
        self.done = False
        self._work = work
        threading.Thread(target=self._do, name=f"panel-{name}", daemon=True).start()

    def _do(self) -> None:
        try:
            self.result = self._work()
        except Exception as error:  # noqa: BLE001 - shown to the person who asked for it
            self.error = error
        self.done = True
