"""Ray clusters: hand them work, see how it goes, stop it."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from toolkit.cli.output import clock, plain, print_json, table, working
from toolkit.cli.setup import FAILED, Json, Setup, command, complain

if TYPE_CHECKING:
    from toolkit.execution.ray.jobs import Job

__all__ = ["add_to"]

Address = Annotated[
    str,
    typer.Option(
        "--address",
        metavar="URL",
        help="The cluster's job API, such as http://head:8265; otherwise $RAY_API_SERVER_ADDRESS, "
        "the host of [ray] address, or a cluster of this machine.",
    ),
]
Name = Annotated[
    str,
    typer.Argument(
        metavar="JOB", help="A job's id or its run's, as much of it as is clear, or 'last'."
    ),
]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    group = typer.Typer(
        name="cluster",
        help="Ray clusters: hand them work, see how it goes, stop it.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    command(
        group,
        "submit",
        example='toolkit cluster submit --address http://head:8265 -- analyze "s3://archive/**"\n'
        "toolkit cluster submit --folder study -- study.py --quick",
    )(submit)
    command(group, "status", example="toolkit cluster status last")(status)
    command(group, "logs", example="toolkit cluster logs last --follow")(logs)
    command(group, "stop", example="toolkit cluster stop last")(stop)
    command(group, "check", example="toolkit cluster check --set ray.address=head:6379")(check)
    command(group, "down", example="toolkit cluster down")(down)
    app.add_typer(group)


def submit(
    setup: Setup,
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="COMMAND...",
            help="After `--`: what would follow `toolkit`, such as analyze SOURCES..., or a .py "
            "file and its arguments. It runs on the cluster's head, with engine = ray.",
        ),
    ],
    address: Address = "",
    folder: Annotated[
        Path | None,
        typer.Option(
            "--folder",
            metavar="DIR",
            help="Goes along, and is where the job starts; without, the script, the config file "
            "and @lists go along.",
        ),
    ] = None,
    env: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A variable whose value goes along; all who may use the cluster can read it; "
            "may be repeated.",
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Show what it says until its end.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Have a cluster do the work, and leave it alone with it. Shows the job's id."""
    from toolkit.execution.ray.jobs import jobs

    settings, plugins = setup.load()
    with (
        working("Sending the work to the cluster"),
        jobs(settings, address, start=True) as known,
    ):
        name = known.submit(
            words,
            settings,
            plugins,
            config=setup.file,
            folder=folder,
            environment=env or (),
        )
    if as_json:
        print_json({"job": name, "address": known.address})
    else:
        typer.echo(name)
    if follow:
        with jobs(settings, address) as known:
            job = known.find(name)
            for piece in known.logs(job, follow=True):
                typer.echo(plain(piece), nl=False, err=as_json)
            _end_as(known.wait(job))


def status(
    setup: Setup,
    job: Annotated[
        str,
        typer.Argument(
            metavar="[JOB]",
            help="A job's id or its run's, as much of it as is clear, or 'last'; without, all.",
        ),
    ] = "",
    address: Address = "",
    as_json: Json = False,
) -> None:
    """Show how jobs are doing."""
    from toolkit.execution.ray.jobs import jobs

    settings, _ = setup.load()
    with jobs(settings, address) as known:
        found = [known.find(job)] if job else known.list()
    if as_json:
        print_json({"address": known.address, "jobs": [_data(one) for one in found]})
        return
    head = ("job", "status", "began", "took", "command")
    rows = [
        (one.id, one.status.lower(), _time(one.began_s), _took(one), one.command) for one in found
    ]
    table(head, rows, wide=[4], whole=[0, 2], right=[3])
    if job and found[0].message:
        typer.echo(plain(found[0].message))


def logs(
    setup: Setup,
    job: Name,
    address: Address = "",
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the job's end.")
    ] = False,
) -> None:
    """Show what a job has said."""
    from toolkit.execution.ray.jobs import jobs

    settings, _ = setup.load()
    with jobs(settings, address) as known:
        for piece in known.logs(known.find(job), follow=follow):
            typer.echo(plain(piece), nl=False)
            sys.stdout.flush()


def stop(setup: Setup, job: Name, address: Address = "") -> None:
    """Stop a job as Ctrl-C does. What it has done stays done."""
    from toolkit.execution.ray.jobs import ENDED, jobs

    settings, _ = setup.load()
    with jobs(settings, address) as known:
        found = known.find(job)
        if found.status in ENDED:
            typer.echo(f"The job {found.id} is over: {found.status.lower()}.")
            return
        ended = known.stop(found)
    if ended.status not in ENDED:
        complain(f"The job {found.id} was asked to stop, and has not yet.")
        raise typer.Exit(FAILED)
    typer.echo(f"The job {found.id} is {ended.status.lower()}.")


def check(setup: Setup, as_json: Json = False) -> None:
    """Join the cluster that [ray] address names, compare versions, and show what it has."""
    from toolkit.execution.ray.connect import connect
    from toolkit.execution.ray.versions import ours

    settings, plugins = setup.load()
    with working("Joining the cluster"), connect(settings, plugins) as cluster:
        import ray

        nodes = [node for node in ray.nodes() if node["Alive"]]
        have: dict[str, Any] = {
            name: number
            for name, number in ray.cluster_resources().items()
            if not name.startswith("node:")
        }
    if as_json:
        about = {"address": cluster.address, "dashboard": cluster.dashboard}
        print_json({**about, "versions": ours(), "nodes": len(nodes), "resources": have})
        return
    versions = ", ".join(f"{name} {version}" for name, version in ours().items())
    typer.echo(f"The cluster {cluster.address} fits: {versions}.")
    typer.echo(f"Dashboard and job API: {cluster.dashboard}")
    resources = ", ".join(f"{name} {number:g}" for name, number in sorted(have.items()))
    typer.echo(f"{len(nodes)} node(s): {resources}")


def down(setup: Setup) -> None:
    """End the cluster of this machine that belongs to the workspace, and all that runs on it."""
    from toolkit.execution.ray import machine
    from toolkit.execution.ray.connect import need_ray

    need_ray()
    settings, _ = setup.load()
    ended = machine.end(machine.folder_of(settings))
    typer.echo("The cluster has ended." if ended else "No cluster of this machine is running.")


def _end_as(job: Job) -> None:
    """End with an exit code that says how the job ended."""
    if job.status != "SUCCEEDED":
        complain(f"The job {job.id} {job.status.lower()}: {plain(job.message)}")
        raise typer.Exit(FAILED)


def _data(job: Job) -> dict[str, Any]:
    return {
        "job": job.id,
        "status": job.status.lower(),
        "command": job.command,
        "message": job.message,
        "began_s": job.began_s,
        "ended_s": job.ended_s,
    }


def _time(seconds: float | None) -> str:
    return "" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def _took(job: Job) -> str:
    if job.began_s is None:
        return ""
    end = job.ended_s if job.ended_s is not None else datetime.now(UTC).timestamp()
    return clock(max(0.0, end - job.began_s)).partition(".")[0]
