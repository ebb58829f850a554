"""Show how a run goes on: bars in a terminal, a line that updates itself in a notebook."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from toolkit.execution.progress import STAGES, Progress

if TYPE_CHECKING:
    from toolkit.execution.run import RunHandle

__all__ = ["follow"]

_REFRESH_S = 0.125  # eight times a second: more floods a notebook's message channel
_NOUNS = {
    "acquire": "sources",
    "scan": "videos",
    "analyze": "scenes",
    "tag": "scenes saved",
    "synthesize": "videos written about",
}


def follow(run: RunHandle, *, show: bool = True) -> None:
    """Wait for a run's end and show its progress; Ctrl-C cancels it first.

    Raises:
        KeyboardInterrupt: Somebody pressed Ctrl-C; the run has stopped, its results are kept.
        ToolkitError: The run as a whole failed.
    """
    try:
        if show and _notebook():
            _in_notebook(run)
        elif show and sys.stderr.isatty():
            _in_terminal(run)
        run.wait()
    except KeyboardInterrupt:
        run.cancel()
        run.wait(timeout_s=5)
        raise


def _notebook() -> bool:
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return shell is not None and "IPKernelApp" in getattr(shell, "config", {})


def _in_notebook(run: RunHandle) -> None:
    from IPython.display import display

    handle = display(run, display_id=True)
    while not run.done:
        time.sleep(_REFRESH_S)
        handle.update(run)
    handle.update(run)


def _in_terminal(run: RunHandle) -> None:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
    )
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description:10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}", style="dim"),
        TimeElapsedColumn(),
    )
    with Bars(*columns, console=Console(stderr=True), refresh_per_second=8) as bars:
        stages = [stage for stage in STAGES if stage in run.progress.stages]
        tasks = {stage: bars.add_task(stage, total=None, note=_NOUNS[stage]) for stage in stages}

        def show(progress: Progress) -> None:
            for stage, task in tasks.items():
                one = progress.stages[stage]
                total = one.total or None
                bars.update(task, completed=one.done, total=total, note=_note(stage, progress))

        while not run.done:
            show(run.progress)
            time.sleep(_REFRESH_S)
        show(run.progress)


def _note(stage: str, progress: Progress) -> str:
    note = _NOUNS[stage]
    if stage == "acquire" and progress.bytes_total:
        note += f", {progress.bytes_done / 1e6:.1f} of {progress.bytes_total / 1e6:.1f} MB"
    if stage == "tag":
        note += f", {progress.reused} reused" if progress.reused else ""
        note += f", {progress.failures} failures" if progress.failures else ""
        eta: Any = progress.eta_s
        note += f", {eta:.0f} s left" if eta and eta >= 1 else ""
    return note
