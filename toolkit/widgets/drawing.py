"""What a panel shows of a run, as HTML. Whatever comes from outside is escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from toolkit.config import redact
from toolkit.execution.progress import Progress, StageProgress
from toolkit.widgets.watch import Standing, View

__all__ = ["failures_html", "log_html", "note", "progress_html", "sources_html", "wrong"]

_SHOWN = 100  # rows; more make the page slow, and the frames have them all
_ORDER = {"running": 0, "failed": 1, "waiting": 2}
_CELL = "style='padding:1px 10px 1px 0;text-align:left'"


def wrong(reason: str) -> str:
    """Something that does not fit, beside its field."""
    lines = "<br>".join(escape(line) for line in reason.splitlines())
    colour = "var(--jp-error-color1,#b00020)"
    return f"<span class='mathjax_ignore' role='alert' style='color:{colour}'>{lines}</span>"


def note(text: str) -> str:
    """A quiet remark."""
    colour = "var(--jp-ui-font-color2,#666)"
    return f"<span class='mathjax_ignore' style='color:{colour}'>{escape(text)}</span>"


def progress_html(view: View) -> str:
    """How far a run is, as a whole and by stage."""
    progress = view.progress
    words = [f"Run {view.run_id}: {view.status}", f"{progress.elapsed_s:.0f} s"]
    if view.status == "running" and progress.eta_s is not None:
        words.append(f"about {_time(progress.eta_s)} left")
    if progress.reused:
        words.append(f"{progress.reused} scenes were there")
    if progress.failures:
        words.append(f"{progress.failures} failures")
    error = wrong(view.error) if view.error else ""
    share = 1.0 if view.status == "done" else progress.share
    rows = (
        [
            escape(name),
            _bar(one.done / one.total if one.total else 0.0),
            f"{one.done} of {one.total}",
            _left(one, progress) if view.status == "running" else "",
        ]
        for name, one in progress.stages.items()
    )
    head = f"<div>{escape(', '.join(words))}</div>{_bar(share)}{error}"
    return f"<div class='mathjax_ignore toolkit-progress'>{head}{_table(rows)}</div>"


def sources_html(sources: tuple[Standing, ...]) -> str:
    """How far each source is: those under way first."""
    order = sorted(sources, key=lambda one: _ORDER.get(one.status, 3))
    rows = (
        [
            escape(redact(one.source)),
            escape(one.status),
            "" if one.share is None else _bar(one.share),
            f"{one.scenes} scenes",
            "" if one.eta_s is None else f"about {_time(one.eta_s)} left",
        ]
        for one in order[:_SHOWN]
    )
    return f"<div class='mathjax_ignore'>{_table(rows)}{_more(len(order))}</div>"


def failures_html(view: View) -> str:
    """What could not be done, and what to do about it."""
    rows = (
        [
            escape(one["source"]),
            escape(one["stage"]),
            escape(f"{one['message']} {one['hint']}"),
            "another try can help" if one["retriable"] else "",
        ]
        for one in view.failures[-_SHOWN:]
    )
    table = _table(rows) if view.failures else note("None.")
    return f"<div class='mathjax_ignore'>{table}{_more(len(view.failures))}</div>"


def log_html(lines: Iterable[str]) -> str:
    """The end of the log."""
    text = escape(redact("\n".join(lines)))
    style = "margin:0;max-height:16em;overflow:auto;font-size:11px"
    return f"<pre class='mathjax_ignore' style='{style}'>{text}</pre>"


def _more(count: int) -> str:
    return note(f"{_SHOWN} of {count:,} are shown.") if count > _SHOWN else ""


def _left(one: StageProgress, progress: Progress) -> str:
    if not one.done or one.done >= one.total:
        return ""
    return f"about {_time(progress.elapsed_s / one.done * (one.total - one.done))} left"


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _bar(share: float) -> str:
    percent = round(100 * share)
    return f"<progress value='{percent}' max='100' style='width:14em'>{percent} %</progress>"


def _table(rows: Iterable[list[str]]) -> str:
    cells = ("".join(f"<td {_CELL}>{cell}</td>" for cell in row) for row in rows)
    return f"<table>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"
