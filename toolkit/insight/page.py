"""A run as HTML: its face in a saved notebook, and a report that is one file.

Whatever comes from videos, sites, models and people is shown as text.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.errors import MediaError
from toolkit.insight import counts, frames, metrics, plots, videos
from toolkit.insight.summary import summarize
from toolkit.media.files import check_free
from toolkit.media.sheet import evenly
from toolkit.records import Run
from toolkit.records.faces import clock, escaped, picture
from toolkit.stages.private import opened
from toolkit.stages.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable

    import polars as pl

    from toolkit.insight.charts import Chart

__all__ = ["drawn", "face", "headed", "page", "write"]

_FACE = 6
# The first line makes sure of it: a browser loads and runs nothing, whatever got into the page.
_HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif }}
body {{ margin: 2em auto; max-width: 70em; padding: 0 1em }}
table {{ border-collapse: collapse }}
th, td {{ text-align: left; vertical-align: top; padding: 4px 12px 4px 0 }}
.charts {{ display: flex; flex-wrap: wrap; gap: 2em }}
svg {{ max-width: 100%; height: auto }}
</style></head><body>
<h1>{title}</h1>
"""
_CELL = "text-align:left;vertical-align:top;padding:2px 1em 2px 0"


def face(store: Store, run: Run) -> str:
    """The first scenes with their pictures: inline styles alone, for untrusted notebooks."""
    scenes = frames.scenes(store, run)
    if scenes.is_empty():
        return ""
    first = list(scenes.head(_FACE).iter_rows(named=True))
    more = f"<div>{_FACE} of {scenes.height} scenes</div>" if scenes.height > _FACE else ""
    return f"<div class='mathjax_ignore'>{_table(first)}{more}</div>"


def page(store: Store, run: Run) -> str:
    """A report of a run: what was found, drawn and in words; of very many scenes, a choice.

    Raises:
        MissingExtraError: What draws the charts is not installed.
    """
    scenes = frames.scenes(store, run)
    failures = frames.failures(store, run)
    parts = [headed(f"Run {run.id}"), summarize(store, run)._repr_html_()]
    charts = [
        plots.overview(counts.overview(videos.videos(store, run), scenes, failures)),
        plots.tags(counts.tag_counts(scenes)),
        plots.together(counts.tag_pairs(scenes)),
        plots.lengths(counts.scene_lengths(scenes)),
        plots.sentiment(counts.stretches(scenes, "sentiment")),
        plots.time(metrics.metrics(run)),
        plots.failures(counts.failure_counts(failures)),
    ]
    parts += [drawn(charts), *_scenes(scenes), *_failures(failures), "</body></html>\n"]
    return "".join(parts)


def headed(title: str) -> str:
    """The start of a page, in which a browser loads and runs nothing."""
    return _HEAD.format(title=escaped(title))


def drawn(charts: Iterable[Chart]) -> str:
    """The charts that show something, side by side.

    Raises:
        MissingExtraError: What draws them is not installed.
    """
    shown = "".join(f"<div>{one.svg()}</div>" for one in charts if not one.frame.is_empty())
    return f"<h2>Charts</h2><div class='charts'>{shown}</div>"


def write(page: str, path: str | os.PathLike[str], *, force: bool) -> Path:
    """Write a page to a file.

    Raises:
        MediaError: A file is there already and is not to be replaced, or it cannot be written.
    """
    to = Path(path)
    check_free(to, force=force)
    try:
        with opened(to, "w", encoding="utf-8") as file:
            file.write(page)
    except OSError as error:
        raise MediaError(f"The report '{to}' cannot be written: {error.strerror}.") from error
    return to


def _scenes(scenes: pl.DataFrame) -> Iterable[str]:
    shown = scenes[list(evenly(scenes.height))]
    yield "<h2>Scenes</h2>"
    if shown.height < scenes.height:
        yield f"<p>{shown.height} of {scenes.height} scenes, evenly chosen.</p>"
    for one in shown.partition_by("video_id", maintain_order=True):
        yield f"<h3>{escaped(one['title'][0])}</h3>"
        yield _table(one.iter_rows(named=True))
    if scenes.is_empty():
        yield "<p>There are none.</p>"


def _table(scenes: Iterable[dict[str, Any]]) -> str:
    rows = []
    for scene in scenes:
        tags = ", ".join(scene["tags"])
        words = [scene["description"], scene["sentiment"], tags and f"Tags: {tags}"]
        said = "".join(f"<div>{escaped(one)}</div>" for one in words if one)
        place = f"{scene['index']}<br>{clock(scene['start_s'])}<br>{clock(scene['end_s'])}"
        cells = (picture(scene["thumbnail"] or ""), place, said)
        rows.append("".join(f"<td style='{_CELL}'>{cell}</td>" for cell in cells))
    return f"<table>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"


def _failures(failures: pl.DataFrame) -> Iterable[str]:
    if failures.is_empty():
        return
    yield "<h2>Failures</h2><table>"
    for row in failures.select("source", "stage", "error", "message", "hint").iter_rows():
        yield f"<tr>{''.join(f'<td>{escaped(cell)}</td>' for cell in row)}</tr>"
    yield "</table>"
