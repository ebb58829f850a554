"""Show how a run goes on: bars in a terminal, a line that updates itself in a notebook."""

from __future__ import annotations

import html
import posixpath
import sys
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from toolkit.config import redact
from toolkit.execution.priority import in_notebook
from toolkit.execution.progress import STAGES, Progress, StageProgress, Transfer

if TYPE_CHECKING:
    from toolkit.execution.run import RunHandle

__all__ = ["as_html", "follow", "line"]

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
        if show and in_notebook():
            _in_notebook(run)
        elif show and sys.stderr.isatty():
            _in_terminal(run)
        run.wait()
    except KeyboardInterrupt:
        run.cancel()
        run.wait(timeout_s=5)
        raise


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
        TextColumn,
        TimeElapsedColumn,
    )
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description:10}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[count]:>7}"),
        TextColumn("{task.fields[note]}", style="dim"),
        TimeElapsedColumn(),
    )
    with Bars(*columns, console=Console(stderr=True), refresh_per_second=8) as bars:
        stages = [stage for stage in STAGES if stage in run.progress.stages]
        tasks = {
            stage: bars.add_task(stage, total=None, note=_NOUNS[stage], count="")
            for stage in stages
        }
        files: dict[str, Any] = {}

        def show(progress: Progress) -> None:
            for stage, task in tasks.items():
                one = progress.stages[stage]
                total, count = one.total or None, f"{one.done}/{one.total or '?'}"
                note = _note(stage, progress)
                bars.update(task, completed=one.done, total=total, note=note, count=count)
            moving = {one.source: one for one in progress.transfers}
            for source in files.keys() - moving.keys():
                bars.remove_task(files.pop(source))
            for source, file in moving.items():
                if source not in files:
                    files[source] = bars.add_task(_name(file), total=None, note="", count="")
                done, total = file.bytes_done, file.bytes_total
                bars.update(files[source], completed=done, total=total, note=str(file))

        while not run.done:
            show(run.progress)
            time.sleep(_REFRESH_S)
        show(run.progress)


def as_html(words: str, progress: Progress) -> str:
    """A run's face in a notebook: a bar for all, the stages, and a bar for each download."""
    cells = "".join(
        f"<td style='padding:2px 8px'><b>{html.escape(stage)}</b> {one.done}/{one.total}</td>"
        for stage, one in progress.stages.items()
    )
    files = "".join(
        f"<div>{_bar(one.bytes_done, one.bytes_total)} {html.escape(f'{_name(one)}: {one}')}</div>"
        for one in progress.transfers
    )
    return (
        f"<div class='mathjax_ignore'><div>{html.escape(words)}</div>"
        f"{_bar(round(100 * progress.share), 100)}<table><tr>{cells}</tr></table>{files}</div>"
    )


def _bar(done: int, total: int | None) -> str:
    """A bar; one that shows no more than that something goes on where the end is unknown."""
    place = f" value='{done}' max='{total}'" if total else ""
    share = f"{100 * done // total} %" if total else ""
    return f"<progress{place} style='width:20em'>{share}</progress>"


def _name(transfer: Transfer) -> str:
    """The end of the link, which is what tells downloads apart."""
    parts = urlsplit(transfer.source)
    name = posixpath.basename(unquote(parts.path)) or parts.hostname or transfer.source
    query = f"?{parts.query}" if parts.query else ""
    return redact(f"{name}{query}")[-30:]


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


def line(run: RunHandle) -> str:
    """A run in a line."""
    progress = run.progress
    scenes = progress.stages.get("tag", StageProgress())
    sources = progress.stages.get("acquire", StageProgress())
    words = [f"<Run {run.id}: {run.status}", f"{sources.total} sources"]
    words.append(f"{scenes.done} scenes ({progress.reused} reused)")
    if progress.failures:
        words.append(f"{progress.failures} failures")
    return ", ".join([*words, f"{progress.elapsed_s:.1f} s>"])
