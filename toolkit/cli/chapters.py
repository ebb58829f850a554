"""Chapters: those that a run made of its videos."""

from __future__ import annotations

import typer

from toolkit.cli.output import print_json
from toolkit.cli.results import RunOrVideo
from toolkit.cli.setup import Json, Setup, command
from toolkit.insight.naming import run_or_video

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    command(app, "chapters", example="toolkit chapters last\ntoolkit chapters film.mp4 --json")(
        chapters
    )


def chapters(
    setup: Setup,
    name: RunOrVideo,
    as_json: Json = False,
) -> None:
    """Show the chapters of a video, or of a run's videos; [analysis] chapters makes them."""
    from toolkit.cli.found import found
    from toolkit.cli.report import show_whole

    with setup.store() as store:
        run, video_id = run_or_video(store, name)
        videos = list(found(store, run, video_id))
    kept = [v for v in videos if any(one.kind == "chapters" for one in v.syntheses)]
    if as_json:
        print_json({"run": run.id, "videos": [video.chapters() for video in videos]})
    elif not kept:
        typer.echo("There are no chapters. Make some with: toolkit analyze --chapters")
    else:
        for video in kept:
            show_whole(video, only="chapters")
