"""Runs: start one, resume one, retry what failed, cancel one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from toolkit.cli.setup import FAILED, INTERRUPTED, Json, Setup, command, complain

if TYPE_CHECKING:
    from toolkit.config import Settings
    from toolkit.execution.run import RunHandle
    from toolkit.hooks.manager import PluginManager

__all__ = ["add_to"]

RunName = Annotated[
    str, typer.Argument(metavar="RUN", help="A run's id, as much of it as is clear, or 'last'.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show only what went wrong.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    command(
        app,
        "analyze",
        example='toolkit analyze talks/*.mp4 --ask "How many people?"\n'
        "toolkit analyze https://example.org/clip.mp4 --analyzer signals --json",
    )(analyze)
    command(app, "resume", example="toolkit resume last")(resume)
    command(app, "retry", example="toolkit retry last")(retry)
    command(app, "cancel", example="toolkit cancel last")(cancel)


def analyze(
    setup: Setup,
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCES...",
            help="Files, folders, patterns, links, and @list.txt for a file that lists them.",
        ),
    ],
    ask: Annotated[
        list[str] | None,
        typer.Option(metavar="QUESTION", help="Asked about every scene; may be repeated."),
    ] = None,
    summary: Annotated[
        bool, typer.Option("--summary", help="Sum up every video from its scenes.")
    ] = False,
    chapters: Annotated[
        bool, typer.Option("--chapters", help="Divide every video into chapters.")
    ] = False,
    ask_video: Annotated[
        list[str] | None,
        typer.Option(metavar="QUESTION", help="Asked about every whole video; may be repeated."),
    ] = None,
    analyzer: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Instead of those of the config; may be repeated."),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="What runs it: local, or ray for a cluster."),
    ] = None,
    detach: Annotated[
        bool,
        typer.Option("--detach", help="Run in the background, and go on after this terminal."),
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Find, describe and tag the scenes of videos. What is done already is not done again.

    Exit codes: 0 all done, 1 some sources failed, 2 wrong usage or settings, 130 Ctrl-C.
    """
    from toolkit.execution import api

    if analyzer:
        setup.put("analysis", "plugin", tuple(analyzer))
    if engine:
        setup.put("execution", "engine", engine)
    for name, wanted in {"summary": summary, "chapters": chapters}.items():
        if wanted:
            setup.put("analysis", name, True)
    settings, plugins = setup.load()
    settings = api.asking(settings, ask or (), ask_video or ())
    handle = api.start(sources, settings, plugins, setup.file, detach=detach)
    if detach:
        _let_go(setup, handle, as_json=as_json)
        return
    _watch(setup, handle, settings, plugins, as_json=as_json, quiet=quiet)


def resume(
    setup: Setup,
    run: RunName,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Do a run's work again, with its own settings; what is done already is not done again."""
    from toolkit.execution import api
    from toolkit.insight.naming import run_called

    with setup.store() as store:
        row = run_called(store, run)
    settings, plugins = setup.load()
    handle = api.resume(row, settings.workspace, setup.file)
    _watch(setup, handle, settings, plugins, as_json=as_json, quiet=quiet)


def retry(
    setup: Setup,
    run: RunName,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Try again what failed in a run and may pass, such as a busy server; say what is left alone.

    Exit codes: as of analyze; 1, too, if another try can help with nothing.
    """
    from toolkit.cli.found import failure_data
    from toolkit.cli.report import show_failures
    from toolkit.execution import api
    from toolkit.insight.naming import run_called
    from toolkit.insight.retries import retry_of

    with setup.store() as store:
        row = run_called(store, run)
        found = retry_of(store, row)
    if found.left:
        complain("Another try cannot help with these, and they are left alone:")
        show_failures([failure_data(one) for one in found.left])
    if found.unfinished:
        complain(f"{found.unfinished} sources were not finished: {setup.again(f'resume {row.id}')}")
    if not found.sources:
        complain(f"There is nothing to try again in the run {row.id}.")
        raise typer.Exit(FAILED if found.left else 0)
    if not quiet:
        complain(f"Trying again: {len(found.sources)} of the sources of run {row.id}.")
    settings, plugins = setup.load()
    handle = api.resume(row, settings.workspace, setup.file, found.sources)
    _watch(setup, handle, settings, plugins, as_json=as_json, quiet=quiet)


def cancel(setup: Setup, run: RunName) -> None:
    """Stop a run, whichever process it is in. What is done stays done."""
    from toolkit.insight.naming import run_called
    from toolkit.pipeline import cancel_request

    with setup.store() as store:
        row = run_called(store, run)
        if row.standing == "running":
            store.save([cancel_request(row.id)])
            typer.echo(f"The run {row.id} was asked to stop.")
        else:
            typer.echo(f"The run {row.id} is over: {row.standing}.")


def _let_go(setup: Setup, handle: RunHandle, *, as_json: bool) -> None:
    """Say which run goes on, and how to find it."""
    if as_json:
        from toolkit.cli.output import print_json

        print_json({"run": handle.id, "status": handle.status})
        return
    typer.echo(handle.id)
    complain(
        f"The run goes on in the background: {setup.again('runs')}",
        f"Stop it with: {setup.again(f'cancel {handle.id}')}",
    )


def _watch(
    setup: Setup,
    handle: RunHandle,
    settings: Settings,
    plugins: PluginManager,
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    """Show a run until its end, then what it found."""
    from toolkit.cli.report import report
    from toolkit.execution.display import follow
    from toolkit.execution.looking import open_store

    interrupted = False
    try:
        follow(handle, show=not quiet)
    except (KeyboardInterrupt, TimeoutError):
        interrupted = True
    with open_store(settings, plugins) as store:
        failed = report(setup, store, handle.row, settings, as_json=as_json, quiet=quiet)
    if interrupted:
        complain("Stopped. What is done is kept; the same command goes on from there.")
        raise typer.Exit(INTERRUPTED)
    if failed or handle.row.status != "done":
        raise typer.Exit(FAILED)
