"""The commands put together."""

from __future__ import annotations

import os
import sys
import threading
from typing import Annotated

import typer

from toolkit.cli import (
    analyze,
    audit,
    categories,
    chapters,
    clips,
    clouds,
    cluster,
    config,
    doctor,
    evaluate,
    exchange,
    files,
    keeping,
    keys,
    looks,
    models,
    plan,
    plugins,
    results,
    review,
    serve,
    tune,
)
from toolkit.cli.setup import INTERRUPTED

__all__ = ["app", "main"]

app = typer.Typer(
    name="toolkit",
    help="Turns videos into searchable knowledge: scenes, descriptions, answers, sentiment, tags.",
    epilog='First steps: toolkit analyze talks/*.mp4, then toolkit search "red car".',
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help: it opens faster, and [section] stays what it is
    pretty_exceptions_enable=False,  # their tracebacks would not be redacted
    context_settings={"help_option_names": ["--help", "-h"]},
)
for group in (
    analyze,
    plan,
    files,
    clips,
    clouds,
    results,
    chapters,
    categories,
    review,
    evaluate,
    tune,
    looks,
    exchange,
    keeping,
    audit,
    plugins,
    models,
    cluster,
    serve,
    config,
    keys,
    doctor,
):
    group.add_to(app)


def _version(value: bool) -> None:
    if value:
        import toolkit

        typer.echo(toolkit.__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", is_eager=True, callback=_version),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; ends the process with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A file name or a title may hold what the terminal's encoding does not have.
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except SystemExit as end:
        if end.code == INTERRUPTED:
            _leave(INTERRUPTED)
        raise


def _leave(code: int) -> None:
    """End the process, and do not wait for threads that a cancelled run has left behind."""
    if any(thread is not threading.main_thread() for thread in threading.enumerate()):
        # A thread inside a library's C code makes the interpreter's own way out hang or crash.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
