"""A run at a glance: where its time went, and a report that is one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolkit.cli.output import plain, print_json, table, working
from toolkit.cli.results import find_run
from toolkit.cli.setup import Json, Setup, command

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
    """Show where a run's time went: items, seconds, workers and what waits, by stage."""
    from toolkit.insight import counts

    with setup.store() as store:
        run = find_run(store, name)
    frame = counts.metrics(run)
    elapsed_s = run.seconds.get("elapsed", 0.0)
    if as_json:
        print_json({"run": run.id, "elapsed_s": elapsed_s, "stages": frame.to_dicts()})
        return
    table(
        ["stage", "done", "of", "seconds", "each", "share", "waiting", "workers", "use"],
        [
            [
                row["stage"],
                row["done"],
                row["total"],
                f"{row['seconds']:.2f}",
                None if row["seconds_per_item"] is None else f"{row['seconds_per_item']:.3f}",
                f"{row['share']:.0%}",
                row["waiting"],
                row["workers"],
                None if row["use"] is None else f"{row['use']:.0%}",
            ]
            for row in frame.iter_rows(named=True)
        ],
        right=range(1, 9),
    )
    typer.echo(plain(f"Run {run.id}: {run.standing}, {elapsed_s:.1f} s in all."))


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
        RunHandle(store, find_run(store, name).id).to_html(to, force=force)
    if as_json:
        print_json({"files": [str(to)]})
    else:
        typer.echo(plain(f"Wrote {to}"))
