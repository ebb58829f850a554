"""Evaluations as tables: for a terminal, as text, as HTML."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

    from toolkit.insight.evaluation.comparison import Comparison
    from toolkit.insight.evaluation.evaluation import Evaluation

__all__ = [
    "Table",
    "as_html",
    "as_text",
    "cut",
    "interval",
    "of_comparison",
    "of_evaluation",
    "of_mistakes",
    "worded",
]

_LABEL_HEAD = ("label", "support", "precision", "recall", "f1", "95%", "AP")
_MOST = 50
"""Rows of a table: more are in the frames."""


@dataclass(frozen=True)
class Table:
    """What people look at; the first ``left`` columns are words, the others numbers."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: int = 1


def of_evaluation(one: Evaluation) -> Iterator[Table]:
    """The tables of an evaluation; what the truth does not tell has none."""
    title = f"Run {one.run_id} by {one.truth.name}: {_count(len(one.titles), 'video')}"
    title += f", {_count(one.scenes, 'judged scene')}"
    rows = [
        (name, worded(figure.value), interval(figure.low, figure.high))
        for name, figure in one.figures.items()
        if figure.value is not None
    ]
    yield Table(title, ("figure", "value", "95%"), tuple(rows))
    yield from _of_frame(f"Boundaries, within {one.tolerance_s:g} s", one.boundaries)
    if len(one.tags):
        yield cut("Labels", _LABEL_HEAD, [*map(_label, one.tags.to_dicts())])
    if one.confusion.select("positive", "neutral", "negative", "none").to_numpy().any():
        yield from _of_frame("Sentiment: true and given", one.confusion)
    filled = one.reliability.filter(one.reliability["scenes"] > 0)
    yield from _of_frame("Sentiment: confidence and accuracy", filled)
    yield from _of_frame("Answers", one.answers)
    if one.unjudged:
        rows_of = [(label, f"{n:,}") for label, n in one.unjudged.items()]
        yield cut("Labels that the truth does not speak of", ("label", "scenes"), rows_of)
    left_out = {
        "people say different things": one.truth.disputed,
        "the run has no such scene": one.unmatched,
    }
    reasons = [(why, f"{n:,}") for why, n in left_out.items() if n]
    if reasons:
        yield cut("Not judged: what was reviewed, but", ("reason", "things"), reasons)
    if one.missing:
        named = [(name,) for name in one.missing]
        yield cut("Not judged: videos that the run does not have", ("video",), named)


def of_mistakes(one: Evaluation) -> Iterator[Table]:
    """The judgements that are wrong."""
    shown = ("title", "start_s", "end_s", "what", "name", "truth", "given")
    wrong = one.items.filter(~one.items["right"])
    if len(wrong):
        rows = [tuple(map(worded, row)) for row in wrong.select(shown).rows()]
        yield cut(f"Wrong: {len(wrong):,} of {len(one.items):,}", shown, rows, left=len(shown))


def of_comparison(both: Comparison) -> Iterator[Table]:
    """The tables of a comparison: figures side by side, then what changed."""
    rows = [
        (row["figure"], worded(row["before"]), worded(row["after"]), worded(row["difference"], "+"))
        for row in both.frame.to_dicts()
        if row["before"] is not None or row["after"] is not None
    ]
    title = f"Runs {both.before.run_id} and {both.after.run_id} by {both.after.truth.name}"
    yield Table(title, ("figure", "before", "after", "difference"), tuple(rows))
    if len(both.settings):
        settings = [tuple(map(worded, row)) for row in both.settings.rows()]
        yield cut("Settings that differ", tuple(both.settings.columns), settings, left=4)
    shown = ("change", "title", "start_s", "what", "name", "truth", "before", "after")
    changes = [tuple(map(worded, row)) for row in both.changed.select(shown).rows()]
    if changes:
        counts = both.changed["change"].value_counts(sort=True).rows()
        title = "Changed: " + ", ".join(f"{n:,} {change}" for change, n in counts)
        yield cut(title, shown, changes, left=len(shown))


def _label(row: dict[str, Any]) -> tuple[str, ...]:
    """A label's row, as narrow as a terminal is."""
    first = (worded(row[name]) for name in _LABEL_HEAD[:5])
    return (*first, interval(row["f1_low"], row["f1_high"]), worded(row["average_precision"]))


def _of_frame(title: str, frame: pl.DataFrame) -> Iterator[Table]:
    if len(frame):
        rows = [tuple(map(worded, row)) for row in frame.rows()]
        yield cut(title, tuple(frame.columns), rows)


def cut(
    title: str, head: Sequence[str], rows: Sequence[tuple[str, ...]], *, left: int = 1
) -> Table:
    """A table of the first rows, whose title says how many there are."""
    more = f" (the first {_MOST} of {len(rows):,})" if len(rows) > _MOST else ""
    return Table(title + more, tuple(head), tuple(rows[:_MOST]), left)


def worded(value: Any, sign: str = "") -> str:
    """A value as people read it in a table."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:{sign}.3f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def interval(low: float | None, high: float | None) -> str:
    """An interval as people read it."""
    return "" if low is None or high is None else f"{low:.3f} to {high:.3f}"


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def as_text(tables: Iterable[Table]) -> str:
    """The tables in letters of one width."""
    parts = []
    for table in tables:
        lines = [table.head, *table.rows]
        widths = [max(len(line[place]) for line in lines) for place in range(len(table.head))]
        shown = [
            "  ".join(
                cell.ljust(width) if place < table.left else cell.rjust(width)
                for place, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        ]
        parts.append("\n".join([table.title, *(f"  {line}" for line in shown)]))
    return "\n\n".join(parts)


def as_html(tables: Iterable[Table]) -> str:
    """The tables as HTML without scripts, colours or classes that need a style sheet."""
    # Inline styles survive the cleaning of untrusted notebooks; the class keeps "$5" text.
    shown = "".join(_html(table) for table in tables)
    style = "display:flex;flex-direction:column;gap:1em"
    return f'<div class="mathjax_ignore" style="{style}">{shown}</div>'


def _html(table: Table) -> str:
    def row(cells: Sequence[str], tag: str) -> str:
        made = (
            f'<{tag} style="text-align:{"left" if place < table.left else "right"};'
            f'padding:2px 1em 2px 0">{escape(cell)}</{tag}>'
            for place, cell in enumerate(cells)
        )
        return f"<tr>{''.join(made)}</tr>"

    body = "".join(row(cells, "td") for cells in table.rows)
    caption = f'<caption style="text-align:left"><b>{escape(table.title)}</b></caption>'
    head = f"<thead>{row(table.head, 'th')}</thead>"
    style = "border-collapse:collapse;align-self:start"
    return f'<table style="{style}">{caption}{head}<tbody>{body}</tbody></table>'
