"""A run at a glance: where its time went, and a report that is one file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from toolkit.cli.output import plain, print_json, table, working
from toolkit.cli.setup import Json, Setup, command
from toolkit.insight.naming import run_called

if TYPE_CHECKING:
    import polars as pl

__all__ = ["add_to"]

_Name = Annotated[
    str,
    typer.Argument(metavar="RUN", help="A run: its id, the start of it, or 'last'."),
]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    command(app, "metrics", example="toolkit metrics last\ntoolkit metrics last --json")(metrics)
    command(app, "report", example="toolkit report last report.html")(report)


def metrics(setup: Setup, name: _Name = "last", as_json: Json = False) -> None:
    """Show where a run's time went, and what else it took, by stage."""
    from toolkit.insight import metrics as figures

    with setup.store() as store:
        run = run_called(store, name)
    frame, speed = figures.metrics(run), figures.speed(run)
    elapsed_s = run.seconds.get("elapsed", 0.0)
    if as_json:
        stages = frame.to_dicts()
        print_json({"run": run.id, "elapsed_s": elapsed_s, "speed": speed, "stages": stages})
        return
    for columns in (_TIME, _REST):
        shown = [column for column in columns if column.is_shown(frame)]
        rows = [[column.cell(row) for column in shown] for row in frame.iter_rows(named=True)]
        table([column.head for column in shown], rows, right=range(1, len(shown)))
    said = f"Run {run.id}: {run.standing}, {elapsed_s:.1f} s in all"
    typer.echo(plain(f"{said}, {speed:.1f} s of video a second." if speed else f"{said}."))


@dataclass(frozen=True)
class _Column:
    """A column of the table; one that says nothing of any stage is left out."""

    head: str
    names: tuple[str, ...]
    form: str = "{}"
    always: bool = True

    def is_shown(self, frame: pl.DataFrame) -> bool:
        return self.always or any(frame[name].fill_null(0).sum() for name in self.names)

    def cell(self, row: Mapping[str, Any]) -> str | None:
        values = [row[name] for name in self.names]
        return None if None in values else self.form.format(*values)


class _Size(_Column):
    def cell(self, row: Mapping[str, Any]) -> str | None:
        value = row[self.names[0]]
        return None if value is None else f"{value / 1e9:.2f} GB"


_TIME = (
    _Column("stage", ("stage",)),
    _Column("done", ("done",)),
    _Column("of", ("total",)),
    _Column("seconds", ("seconds",), "{:.2f}"),
    _Column("each", ("seconds_per_item",), "{:.3f}"),
    _Column("share", ("share",), "{:.0%}"),
    _Column("cpu", ("cpu_s",), "{:.2f}"),
    _Column("model", ("model_s",), "{:.2f}", always=False),
    _Column("waited", ("waited_s",), "{:.2f}"),
    _Column("queued", ("queued_s",), "{:.2f}"),
    _Column("gpu", ("gpu_s",), "{:.2f}", always=False),
)
_REST = (
    _Column("stage", ("stage",)),
    _Column("video/s", ("speed",), "{:.1f}"),
    _Column("cached", ("cache_hits",), always=False),
    _Column("retries", ("retries",), always=False),
    _Column("tokens", ("tokens_in", "tokens_out"), "{:,}+{:,}", always=False),
    _Size("memory", ("memory_bytes",), always=False),
    _Column("gpu use", ("gpu_use",), "{:.0%}", always=False),
    _Size("gpu memory", ("gpu_memory_bytes",), always=False),
    _Column("waiting", ("waiting",), always=False),
    _Column("workers", ("workers",), always=False),
    _Column("use", ("use",), "{:.0%}", always=False),
)


def report(
    setup: Setup,
    name: _Name,
    to: Annotated[Path, typer.Argument(metavar="FILE", help="The page, such as report.html.")],
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    as_json: Json = False,
) -> None:
    """Write a run's results to one HTML page, with pictures and charts; no network is needed."""
    from toolkit.execution.run import RunHandle

    with setup.store() as store, working("Drawing …"):
        RunHandle(store, run_called(store, name).id).to_html(to, force=force)
    if as_json:
        print_json({"files": [str(to)]})
    else:
        typer.echo(plain(f"Wrote {to}"))
