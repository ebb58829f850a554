"""What a run would take, before it is started."""

from __future__ import annotations

from typing import Annotated

import typer

from toolkit.cli.output import print_json, table, working
from toolkit.cli.setup import Json, Setup, command

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    command(
        app,
        "plan",
        example="toolkit plan talks/*.mp4 --calibrate\n"
        "toolkit plan @archive.txt --engine ray --gpus 8",
    )(plan)


def plan(
    setup: Setup,
    sources: Annotated[
        list[str],
        typer.Argument(metavar="SOURCES...", help="As for analyze."),
    ],
    calibrate: Annotated[
        bool | None,
        typer.Option(
            "--calibrate/--no-calibrate",
            help="Measure on the first scenes of the shortest file; without: where no run has "
            "told yet, and the models are here.",
            show_default=False,
        ),
    ] = None,
    engine: Annotated[
        str, typer.Option(help="local: this machine; ray: how large a cluster would be.")
    ] = "local",
    gpus: Annotated[int, typer.Option(min=0, help="Analyzers of the cluster, one a GPU.")] = 0,
    cpus: Annotated[int, typer.Option(min=0, help="Its cores for scans; 0: as many as fit.")] = 0,
    hours: Annotated[
        float, typer.Option(min=0, help="By when it is to be done, where --gpus is not said.")
    ] = 0.0,
    as_json: Json = False,
) -> None:
    """Say what a run would take: how much video, what is done, time, disk, memory.

    Costs are those of this machine's past runs in this workspace with the same analyzers, or
    measured. No file is decoded otherwise.
    """
    from dataclasses import asdict

    from toolkit.errors import ConfigError, choices
    from toolkit.insight.plan import planned
    from toolkit.insight.sizing import Cluster

    if engine not in {"local", "ray"}:
        raise ConfigError(f"There is no engine '{engine}'.", hint=choices(engine, ["local", "ray"]))
    settings, plugins = setup.load()
    cluster = None
    if engine == "ray":
        chunk_s = settings.execution.chunk_s
        cluster = Cluster(analyzers=gpus, scans=cpus, chunk_s=chunk_s)
    with working("Reading metadata, and measuring where that is needed"):
        found = planned(
            sources,
            settings,
            plugins,
            calibrate=calibrate,
            cluster=cluster,
            deadline_s=hours * 3600,
        )
    if as_json:
        print_json(asdict(found))
        return
    rows = found.rows()
    if cluster and found.sizing:
        rows += [row for row in found.sizing.rows() if row not in rows]
    table(["", ""], rows, wide=(1,))
    for item in found.items:
        if item.error:
            typer.echo(f"{item.uri}: {item.error}", err=True)
