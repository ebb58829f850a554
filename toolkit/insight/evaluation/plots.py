"""Charts of evaluations, drawn with Altair."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolkit.insight.charts import WIDTH, Chart, altair, data, nothing

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Charts", "figures"]

_MOST = 25
_BLUE, _GREY, _ORANGE = "#4c78a8", "#808080", "#f58518"
_SIDE = 260
_SHARES = [0, 1]


class Charts:
    """Charts of an evaluation; each draws the frame that is named with it.

    Raises:
        MissingExtraError: The extra ``notebook`` is not installed.
    """

    def __init__(
        self, tags: pl.DataFrame, confusion: pl.DataFrame, reliability: pl.DataFrame
    ) -> None:
        self._tags = tags
        self._confusion = confusion
        self._reliability = reliability

    def labels(self, title: str = "F1 of labels") -> Chart:
        """The F1 of the labels that hold most often, with its interval: ``found.tags``."""
        import polars as pl

        alt, frame = altair(), self._tags.filter(pl.col("f1").is_not_null())
        if frame.is_empty():
            return nothing(frame, title)
        shown = frame.sort("support", "label", descending=[True, False]).head(_MOST)
        base = alt.Chart(data(shown.to_dicts())).encode(y=alt.Y("label:N", sort=None, title=None))
        x = alt.X("f1:Q", title="F1", scale=alt.Scale(domain=_SHARES))
        bars = base.mark_bar(color=_BLUE).encode(x=x)
        # Without intervals both ends are null, and there is no line.
        lines = base.mark_rule(color=_GREY, size=2).encode(x="f1_low:Q", x2="f1_high:Q")
        counts = base.mark_text(align="left", dx=4, color=_GREY)
        counts = counts.encode(x=alt.value(WIDTH), text="support:Q")
        left_out = frame.height - shown.height
        note = f", the {_MOST} of {frame.height} that hold most often" if left_out else ""
        heading = alt.Title(title, subtitle=f"at the right: scenes that have the label{note}")
        chart = alt.layer(bars, lines, counts).properties(width=WIDTH, title=heading)
        return Chart(chart, self._tags, title)

    def confusion(self) -> Chart:
        """How often which sentiment was given for which: ``found.confusion``."""
        alt, title = altair(), "Sentiment: true and given"
        cells = _cells(self._confusion)
        if not any(cell["scenes"] for cell in cells):
            return nothing(self._confusion.clear(), title)
        base = alt.Chart(data(cells)).encode(
            x=alt.X("given:N", sort=None, title="given"),
            y=alt.Y("truth:N", sort=None, title="true"),
        )
        shade = alt.Scale(domain=_SHARES, scheme="blues")
        share = alt.Color("share:Q", title="of the true", scale=shade)
        marks = base.mark_rect().encode(color=share)
        dark = alt.condition("datum.share > 0.5", alt.value("white"), alt.value("black"))
        counts = base.mark_text().encode(text="scenes:Q", color=dark)
        chart = alt.layer(marks, counts).properties(width=_SIDE, height=_SIDE, title=title)
        return Chart(chart, self._confusion, title)

    def reliability(self) -> Chart:
        """Of sentiments given with a confidence, how many are right: ``found.reliability``.

        What lies on the line can be believed; below it the model is too sure.
        """
        import polars as pl

        alt, title = altair(), "Sentiment: can its confidence be believed?"
        filled = self._reliability.filter(pl.col("scenes") > 0)
        if filled.is_empty():
            return nothing(filled, title)
        x = alt.X("confidence:Q", scale=alt.Scale(domain=_SHARES), title="mean confidence")
        y = alt.Y("accuracy:Q", scale=alt.Scale(domain=_SHARES), title="share that is right")
        line = alt.Chart(data([{"confidence": end, "accuracy": end} for end in _SHARES]))
        line = line.mark_line(color=_GREY, strokeDash=[4, 4]).encode(x=x, y=y)
        size = alt.Size("scenes:Q", title="scenes")
        points = alt.Chart(data(filled.to_dicts())).mark_circle(color=_BLUE, opacity=1)
        points = points.encode(x=x, y=y, size=size)
        chart = alt.layer(line, points).properties(width=_SIDE, height=_SIDE, title=title)
        return Chart(chart, self._reliability, title)


def figures(frame: pl.DataFrame) -> Chart:
    """The figures of two runs, a line from one to the other."""
    alt, title = altair(), "Before and after"
    known = frame.drop_nulls()
    if known.is_empty():
        return nothing(known, title)
    rows = known.to_dicts()
    ends = [
        {"figure": row["figure"], "run": run, "value": row[run]}
        for row in rows
        for run in ("before", "after")
    ]
    y = alt.Y("figure:N", sort=None, title=None)
    scale = alt.Scale(domain=_SHARES)
    base = alt.Chart(data(rows)).mark_rule(color=_GREY)
    lines = base.encode(y=y, x=alt.X("before:Q", title=None, scale=scale), x2="after:Q")
    colours = alt.Scale(domain=["before", "after"], range=[_ORANGE, _BLUE])
    points = alt.Chart(data(ends)).mark_circle(size=80, opacity=1)
    points = points.encode(y=y, x="value:Q", color=alt.Color("run:N", title=None, scale=colours))
    return Chart(alt.layer(lines, points).properties(width=WIDTH, title=title), frame, title)


def _cells(confusion: pl.DataFrame) -> list[dict[str, Any]]:
    cells = []
    for row in confusion.to_dicts():
        true = row.pop("truth")
        total = sum(row.values())
        cells += [
            {"truth": true, "given": given, "scenes": n, "share": n / total if total else 0.0}
            for given, n in row.items()
        ]
    return cells
