"""Learning from reviews."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolkit.cli.output import plain, print_json, table
from toolkit.cli.setup import Json, Setup, command

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    command(
        app,
        "tune",
        example="toolkit tune last\n"
        "toolkit tune last --vocabulary labels.toml --write\n"
        "toolkit tune last --examples examples.md",
    )(tune)


def tune(
    setup: Setup,
    run: Annotated[str, typer.Argument(metavar="RUN", help="Its id, the start of it, or 'last'.")],
    vocabulary: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The vocabulary; otherwise that of [tags] vocabulary."),
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Put the new values into the file; otherwise show them.")
    ] = False,
    least: Annotated[
        int, typer.Option(min=4, help="Fewest reviews of a label that anything is made of.")
    ] = 20,
    as_json: Json = False,
) -> None:
    """Learn thresholds, calibrations and words from reviews; shows what it would change."""
    from toolkit.cli.results import find_run
    from toolkit.insight.tuning.tuning import tuned, vocabulary_of

    with setup.store() as store:
        found = find_run(store, run)
        path = vocabulary or vocabulary_of(found, setup.raw.base if setup.raw else Path.cwd())
        made = tuned(store, found, path, least=least)
    if write and made.changed:
        made.write()
    if as_json:
        print_json({**made.data(), "written": write and bool(made.changed)})
        return
    for one in made.tables():
        typer.echo(plain(one.title))
        table(one.head, one.rows, right=range(one.left, len(one.head)))
    typer.echo(plain(_end(made.changed, path, written=write)))


def _end(changed: int, path: Path, *, written: bool) -> str:
    if not changed:
        return "Nothing to change."
    labels = "1 label" if changed == 1 else f"{changed} labels"
    if written:
        return f"{path}: {labels} changed. Run again: only tagging is done anew."
    return f"{labels} would change in {path}; --write changes them."
