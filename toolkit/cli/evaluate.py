"""How well a run did."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from toolkit.cli.output import plain, print_json, table
from toolkit.cli.setup import FAILED, Json, Setup, command, complain
from toolkit.errors import ConfigError, choices

if TYPE_CHECKING:
    from toolkit.insight.evaluation.evaluation import Evaluation
    from toolkit.insight.evaluation.report import Table

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    command(
        app,
        "evaluate",
        example="toolkit evaluate last\n"
        "toolkit evaluate last --truth truth.jsonl --fail-below micro_f1=0.8\n"
        "toolkit evaluate last --truth truth.csv --against 01a2041b --html report.html",
    )(evaluate)


def evaluate(
    setup: Setup,
    run: Annotated[str, typer.Argument(metavar="RUN", help="Its id, the start of it, or 'last'.")],
    truth: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="What is true: a .jsonl or .csv file; otherwise what people said in reviews.",
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(metavar="RUN", help="An earlier run, for both side by side and the changes."),
    ] = None,
    tolerance: Annotated[
        float, typer.Option(min=0, help="Seconds that a scene may start from a boundary.")
    ] = 0.1,
    resamples: Annotated[
        int, typer.Option(min=0, help="Draws for the intervals; 0 for no intervals.")
    ] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="What their chance starts from.")] = 0,
    fail_below: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIGURE=VALUE",
            help="End with exit code 1 if the run's figure is lower or not known; may be repeated.",
        ),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a report with charts: one page, no network."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the report's file.")] = False,
    as_json: Json = False,
) -> None:
    """Measure a run by what is known to be true: boundaries, tags, sentiment, answers."""
    from toolkit.insight.evaluation import report
    from toolkit.insight.evaluation.evaluation import evaluated
    from toolkit.insight.evaluation.files import read_truth
    from toolkit.insight.naming import run_called
    from toolkit.media.files import check_free

    limits = _limits(fail_below or ())
    known = None if truth is None else read_truth(truth)
    if html is not None:
        check_free(html, force=force)
    options: Any = {"tolerance_s": tolerance, "resamples": resamples, "seed": seed}
    with setup.store() as store:
        found = evaluated(store, run_called(store, run), known, **options)
        other = None
        if against is not None:
            before = evaluated(store, run_called(store, against), found.truth, **options)
            other = found.compare(before)
    if html is not None:
        (other or found).to_html(html, force=force)
    if as_json:
        print_json((other or found).data())
    else:
        _show(report.of_evaluation(found) if other is None else report.of_comparison(other))
    for name in found.missing:
        complain(f"Not judged: the run has no video '{name}'.")
    if _below(found, limits):
        raise typer.Exit(FAILED)


def _limits(words: Sequence[str]) -> dict[str, float]:
    """The lowest value that each named figure may have."""
    from toolkit.insight.evaluation.evaluation import FIGURES

    known = [name for name in FIGURES if not name.endswith("_error")]  # less of it is better
    limits = {}
    for word in words:
        name, _, number = word.partition("=")
        name = name.strip()
        if name not in known:
            raise ConfigError(
                f"--fail-below {word}: there is no such figure.", hint=choices(name, known)
            )
        try:
            limits[name] = float(number)
        except ValueError:
            limits[name] = math.nan
        if not math.isfinite(limits[name]):
            raise ConfigError(
                f"--fail-below {word} does not say a number.",
                hint=f"Write it like this: --fail-below {name}=0.8",
            )
    return limits


def _below(found: Evaluation, limits: dict[str, float]) -> bool:
    """Whether a figure is too low; says which."""
    low = False
    for name, limit in limits.items():
        value = found.figures[name].value
        if value is None:
            complain(f"{name} is not known: the truth tells nothing of it.")
            low = True
        elif value < limit:
            complain(f"{name} is {value:.4f}, below {limit:g}.")
            low = True
    return low


def _show(tables: Iterable[Table]) -> None:
    for one in tables:
        numbers = range(one.left, len(one.head))
        typer.echo(plain(one.title))
        table(one.head, one.rows, right=numbers)
