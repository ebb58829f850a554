"""Charts of the frames in :mod:`toolkit.insight.counts`, drawn with Altair."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from toolkit.insight.charts import WIDTH, Chart, altair, data, nothing

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "categories",
    "failures",
    "lengths",
    "overview",
    "sentiment",
    "tags",
    "time",
    "timeline",
    "together",
]

_MOST_ROWS = 25
_MOST_MARKS = 2000
_BLUE = "#4c78a8"
_TIMES = {
    "processor": _BLUE,
    "model": "#f58518",
    "waiting": "#bab0ac",
    "not told apart": "#9ecae9",
}
_FEELINGS = {"positive": "#54a24b", "neutral": "#9d9da1", "negative": "#e45756"}


def overview(frame: pl.DataFrame) -> Chart:
    """How long the videos are, and in how many scenes."""
    shown = frame.sort("duration_s", descending=True, nulls_last=True)
    return _bars(
        shown, "Videos", x=("duration_s", "length (s)"), y="title", text="scenes", unit="videos"
    )


def tags(frame: pl.DataFrame) -> Chart:
    """The labels that cover most of the time."""
    return _bars(
        frame, "Tags", x=("share", "share of the time"), y="label", text="scenes", percent=True
    )


def categories(frame: pl.DataFrame, video: str | None = None) -> Chart:
    """What one video is about, down the tree: the first, or that whose id begins so."""
    import polars as pl

    if video is not None:
        frame = frame.filter(pl.col("video_id").str.starts_with(video))
    frame = frame.filter(pl.col("video_id") == pl.col("video_id").first())
    tree = [  # no-break spaces, for a chart trims others
        "\u00a0" * 3 * level + name for name, level in frame.select("category", "level").iter_rows()
    ]
    shown = frame.with_columns(
        pl.col("scenes").list.len().cast(pl.Int64), pl.Series("tree", tree, pl.String())
    )
    title = f"Categories of {_name(frame)}" if frame.height else "Categories"
    return _bars(
        shown, title, x=("share", "share of the time"), y="tree", text="scenes", percent=True
    )


def lengths(frame: pl.DataFrame) -> Chart:
    """How many scenes are how long."""
    import polars as pl

    named = frame.with_columns(pl.format("{} to {} s", "from_s", "to_s").alias("length"))
    return _bars(named, "Scene lengths", x=("scenes", "scenes"), y="length", text="scenes")


def time(frame: pl.DataFrame) -> Chart:
    """Where a run's time went: on the processor, in a model, or waiting."""
    import polars as pl

    alt, title = altair(), "Where the time went"
    if frame.is_empty():
        return nothing(frame, title)
    spent = pl.col("seconds") + pl.col("blocked_s").fill_null(0)
    model, waiting = pl.col("model_s").fill_null(0), pl.col("waited_s").fill_null(0)
    told, none = pl.col("cpu_s").is_not_null(), pl.lit(0.0)
    kinds = {
        "processor": pl.when(told).then(spent - model - waiting).otherwise(none),
        "model": model,
        "waiting": waiting,
        "not told apart": pl.when(told).then(none).otherwise(spent),  # of runs of older versions
    }
    rows = [
        row | {"kind": kind, "order": order}
        for order, (kind, seconds) in enumerate(kinds.items())
        for row in frame.select("stage", "done", seconds.alias("seconds")).to_dicts()
    ]
    chart = (
        alt.Chart(data(rows))
        .mark_bar()
        .encode(
            x=alt.X("seconds:Q", title="seconds of all workers together"),
            y=alt.Y("stage:N", sort=frame["stage"].to_list(), title=None),
            color=alt.Color("kind:N", title=None, scale=_scale(alt, _TIMES)),
            order="order:Q",
        )
        .properties(width=WIDTH, title=title)
    )
    return Chart(chart, frame, title)


def failures(frame: pl.DataFrame) -> Chart:
    """What failed, by stage."""
    import polars as pl

    named = frame.with_columns(
        pl.concat_str("stage", "error", pl.col("cause").replace("", None),
                      separator=": ", ignore_nulls=True).alias("failure")
    )  # fmt: skip
    return _bars(named, "Failures", x=("failures", "failures"), y="failure", text="failures")


def together(frame: pl.DataFrame) -> Chart:
    """Which labels stand together: the darker, the more of their scenes have both."""
    alt, title = altair(), "Tags together"
    shown = frame.head(4 * _MOST_ROWS)
    if shown.is_empty():
        return nothing(frame, title)
    turned = shown.rename({"label": "other", "other": "label"}).select(shown.columns)
    order = _first(name for row in shown.select("label", "other").rows() for name in row)
    chart = (
        alt.Chart(data([*shown.to_dicts(), *turned.to_dicts()]))
        .mark_rect()
        .encode(
            x=alt.X("label:N", sort=order, title=None),
            y=alt.Y("other:N", sort=order, title=None),
            color=alt.Color("share:Q", title="share with both", scale=alt.Scale(domain=[0, 1])),
        )
        .properties(title=_title(title, shown.height, frame.height, "pairs"))
    )
    return Chart(chart, frame, title)


def timeline(frame: pl.DataFrame, scenes: pl.DataFrame, feelings: pl.DataFrame) -> Chart:
    """A video from left to right: its scenes, how they feel, and where its labels hold."""
    import polars as pl

    alt, title = altair(), f"Timeline of {_name(scenes)}"
    if scenes.is_empty():
        return nothing(frame, "Timeline")
    spans = (pl.col("end_s") - pl.col("start_s")).sum()
    most = (
        frame.group_by("label").agg(spans.alias("s")).sort("s", "label", descending=[True, False])
    )
    labels = most["label"].head(_MOST_ROWS).to_list()
    kept = frame.filter(pl.col("label").is_in(labels))
    parity = pl.when(pl.col("index") % 2 == 0).then(pl.lit("scene")).otherwise(pl.lit("next scene"))
    place = ("start_s", "end_s")
    layers = [
        scenes.select(pl.lit("scenes").alias("lane"), *place, parity.alias("kind")),
        feelings.select(pl.lit("sentiment").alias("lane"), *place, pl.col("label").alias("kind")),
        kept.select(pl.concat_str(pl.lit("# "), "label").alias("lane"), *place,
                    pl.lit("tag").alias("kind")),
    ]  # fmt: skip
    rows, note = _longest(pl.concat([layer for layer in layers if not layer.is_empty()]))
    colours = {"scene": _BLUE, "next scene": "#9ecae9", **_FEELINGS, "tag": "#f58518"}
    seen = {row["kind"] for row in rows}
    colours = {kind: colour for kind, colour in colours.items() if kind in seen}
    lanes = ["scenes", *(["sentiment"] if feelings.height else []), *(f"# {x}" for x in labels)]
    chart = _stretches(alt, rows, alt.Y("lane:N", sort=lanes, title=None), "kind", colours)
    return Chart(chart.properties(title=alt.Title(title, subtitle=note)), frame, title)


def sentiment(frame: pl.DataFrame) -> Chart:
    """How the videos feel, from left to right; a line a video."""
    import polars as pl

    alt, title = altair(), "Sentiment over time"
    if frame.is_empty():
        return nothing(frame, title)
    videos = _first(frame["video_id"])
    shown = frame.filter(pl.col("video_id").is_in(videos[:_MOST_ROWS]))
    names = pl.concat_str("title", pl.lit(" ("), pl.col("video_id").str.head(6), pl.lit(")"))
    rows, note = _longest(shown.with_columns(names.alias("video")))
    said = _title(title, min(len(videos), _MOST_ROWS), len(videos), "videos", note)
    chart = _stretches(alt, rows, alt.Y("video:N", sort=None, title=None), "label", _FEELINGS)
    return Chart(chart.properties(title=said), frame, title)


def _stretches(
    alt: Any, rows: list[dict[str, Any]], lane: Any, kind: str, colours: dict[str, str]
) -> Any:
    """Bars from where each stretch starts to where it ends, one lane above the other."""
    return (
        alt.Chart(data(rows))
        .mark_bar()
        .encode(
            x=alt.X("start_s:Q", title="seconds"),
            x2="end_s:Q",
            y=lane,
            color=alt.Color(f"{kind}:N", title=None, scale=_scale(alt, colours)),
        )
        .properties(width=WIDTH)
    )


def _bars(
    frame: pl.DataFrame,
    title: str,
    *,
    x: tuple[str, str],
    y: str,
    text: str,
    unit: str = "rows",
    percent: bool = False,
) -> Chart:
    alt = altair()
    if frame.is_empty():
        return nothing(frame, title)
    shown = frame.head(_MOST_ROWS)
    # Two videos of one title are two bars.
    rows = [{**row, "place": place} for place, row in enumerate(shown.to_dicts())]
    names = [str(row[y]) for row in rows]
    axis = alt.Axis(labelExpr="datum.value < length(names) ? names[datum.value] : ''")
    counted = frame.schema[x[0]].is_integer()
    ticks = {"format": "%"} if percent else {"tickMinStep": 1} if counted else {}
    length = alt.X(f"{x[0]}:Q", title=x[1], axis=alt.Axis(**ticks))
    base = alt.Chart(data(rows)).encode(x=length, y=alt.Y("place:O", title=None, axis=axis))
    bars = base.mark_bar(color=_BLUE)
    figures = base.mark_text(align="left", dx=4, color="#808080").encode(text=f"{text}:Q")
    chart = (
        alt.layer(bars, figures)
        .properties(width=WIDTH, title=_title(title, shown.height, frame.height, unit))
        .add_params(alt.param(name="names", value=names))
    )
    return Chart(chart, frame, title)


def _title(title: str, shown: int, total: int, unit: str, note: str = "") -> Any:
    notes = [f"the first {shown} of {total} {unit}"] if shown < total else []
    return altair().Title(title, subtitle=", ".join([*notes, *([note] if note else [])]))


def _longest(frame: pl.DataFrame) -> tuple[list[dict[str, Any]], str]:
    """As many stretches as a drawing holds, and what is to be said of those left out."""
    import polars as pl

    if frame.height <= _MOST_MARKS:
        return frame.to_dicts(), ""
    kept = frame.top_k(_MOST_MARKS, by=pl.col("end_s") - pl.col("start_s"))
    return kept.to_dicts(), f"the longest {_MOST_MARKS} of {frame.height} stretches"


def _scale(alt: Any, colours: dict[str, str]) -> Any:
    return alt.Scale(domain=list(colours), range=list(colours.values()))


def _name(scenes: pl.DataFrame) -> str:
    return str(scenes["title"][0]) if scenes.height else "nothing"


def _first(names: Any) -> Sequence[str]:
    return list(dict.fromkeys(names))
