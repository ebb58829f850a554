"""What a run found and what it did not: the end of ``toolkit analyze``."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from toolkit.cli.found import FoundVideo, failures, found
from toolkit.cli.output import clock, plain, print_json, table
from toolkit.cli.setup import Setup, complain
from toolkit.privacy.tombstones import forgotten
from toolkit.records import RunSource, Scene, Statement

if TYPE_CHECKING:
    from pydantic import JsonValue

    from toolkit.config import Settings
    from toolkit.records import Run
    from toolkit.stages.store import Store

__all__ = ["report", "show_failures", "show_video", "show_whole"]

_VIDEOS, _SCENES, _FAILURES = 5, 20, 20  # a screen or two; the rest is one command away


def report(
    setup: Setup, store: Store, run: Run, settings: Settings, *, as_json: bool, quiet: bool
) -> bool:
    """Show a run's end; says whether something failed."""
    failed = failures(store, run)
    out = [one.source_id for one in store.find(RunSource, run_id=run.id, status="skipped")]
    erased = len(forgotten(store, out))
    ways = {way.video_id: way for way in store.find(RunSource, run_id=run.id) if way.video_id}
    if as_json:
        ids: list[JsonValue] = [way for way in ways if way]
        count = store.count(Scene, video_id=list(ways), detector=run.lineage.detector)
        data: dict[str, JsonValue] = {"run": run.id, "videos": ids, "scenes": count}
        print_json({**data, "failures": [*failed], "forgotten": erased})
        return bool(failed)
    some = words = False
    if not quiet:
        for video in islice(found(store, run), _VIDEOS):
            some = some or bool(video.scenes)
            words = words or any(scene.analysis.text for scene in video.scenes)
            show_whole(video)
            show_video(video, most=_SCENES, more=setup.again(f"show {video.video.id[:12]}"))
        if len(ways) > _VIDEOS:
            typer.echo(f"… and {len(ways) - _VIDEOS} more videos: {setup.again(f'show {run.id}')}")
    if failed:
        show_failures(failed, more=setup.again(f"show {run.id}"))
    if erased:
        complain(
            f"Left out, for they were erased on request: {erased} of the sources.",
            f"One may come back with: {setup.again('forget SOURCE --allow')}",
        )
    if not quiet:
        scenes = sum(way.scenes for way in ways.values())
        typer.echo(_reused(scenes, sum(way.reused for way in ways.values())), nl=False)
        typer.echo(plain(f"Results: {settings.workspace} (run {run.id})"))
        _next(setup, run, some=some, words=words)
    return bool(failed)


def show_whole(video: FoundVideo, *, only: str = "") -> None:
    """What was written about a video as a whole, of one kind or of all, with its times.

    First comes what the site says of it, if it was downloaded, then its own tags and categories.
    """
    told = [video.video.info.get(name) for name in ("uploader", "upload_date", "licence")]
    if not only and any(told):
        where = video.video.info.get("webpage_url") or ""
        typer.echo(plain(f"{video.title}: {', '.join(str(one) for one in told if one)} {where}"))
    if not only and video.tags:
        labels = ", ".join(tag.label for tag in video.tags)
        typer.echo(plain(f"{video.title}: tagged as a whole: {labels}"))
    if not only and video.about:
        typer.echo(plain(f"{video.title}: {video.about}"))
    for one in video.syntheses:
        if only not in ("", one.kind):
            continue
        typer.echo(plain(f"{video.title}: {one.name or one.kind}"))
        if one.kind == "chapters":
            rows = [[clock(c.start_s), clock(c.end_s), c.text] for c in one.statements]
            table(["from", "to", "chapter"], rows, right=(0, 1), wide=(2,))
        else:
            table(["said", "in"], [[s.text, _times(s)] for s in one.statements], wide=(0, 1))


def _times(said: Statement) -> str:
    if not said.cited:
        return "not told"
    return ", ".join(f"{clock(start_s)}-{clock(end_s)}" for start_s, end_s in said.spans)


def show_video(video: FoundVideo, *, most: int | None = None, more: str = "") -> None:
    """A table of a video's scenes, the first ``most`` of them."""
    scenes = video.scenes if most is None else video.scenes[:most]
    length = f", {clock(video.video.duration_s)}" if video.video.duration_s else ""
    count = f"{len(video.scenes)} {'scene' if len(video.scenes) == 1 else 'scenes'}"
    cut = ", truncated: shown is what could be read" if video.video.truncated else ""
    rows = [
        [
            one.scene.index,
            clock(one.scene.start_s),
            clock(one.scene.end_s),
            one.words,
            one.analysis.sentiment.label if one.analysis.sentiment else None,
            one.labels,
        ]
        for one in scenes
    ]
    head = ["#", "from", "to", "found", "feeling", "tags"]
    empty = [place for place in (3, 4, 5) if not any(row[place] for row in rows)]
    table(
        [name for place, name in enumerate(head) if place not in empty],
        [[cell for place, cell in enumerate(row) if place not in empty] for row in rows],
        title=f"{video.title}: {count}{length}{cut}",
        right=(0, 1, 2),
        wide=() if 3 in empty else (3,),
    )
    if len(scenes) < len(video.scenes):
        typer.echo(f"… and {len(video.scenes) - len(scenes)} more scenes: {more}\n")


def show_failures(failed: list[dict[str, JsonValue]], *, more: str = "") -> None:
    """A table of what failed, on stderr; what failed alike many times is one row."""
    keys = ("source", "stage", "error", "message", "hint")
    alike = Counter(tuple(str(failure[key]) for key in keys) for failure in failed)
    rows = [
        [_near(source), stage, f"{error}: {message}" + (f" (x {times})" if times > 1 else ""), hint]
        for (source, stage, error, message, hint), times in alike.most_common(_FAILURES)
    ]
    hints = any(row[3] for row in rows)
    table(
        ["source", "stage", "why", "what to do"][: 4 if hints else 3],
        [row[: 4 if hints else 3] for row in rows],
        title=f"{len(failed)} {'failure' if len(failed) == 1 else 'failures'}",
        wide=(2,),
        stderr=True,
    )
    if len(alike) > _FAILURES:
        complain(f"… and {len(alike) - _FAILURES} more: {more}")


def _near(source: str) -> str:
    """A path as it is seen from this folder, if it is below it."""
    path = Path(source)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else source


def _reused(scenes: int, reused: int) -> str:
    if scenes and reused == scenes:
        whole = f"All {scenes} scenes were" if scenes > 1 else "The one scene was"
        return f"{whole} there already: nothing was done twice.\n"
    if reused:
        return f"{reused} of {scenes} scenes were there already and were not done again.\n"
    return ""


def _next(setup: Setup, run: Run, *, some: bool, words: bool) -> None:
    typer.echo("Next:")
    if run.status != "done":
        typer.echo(f"  {setup.again(f'resume {run.id}')}")
    if some:
        typer.echo(f"  {setup.again('show last --evidence')}")
    if words:
        typer.echo(f'  {setup.again("search")} "some words"')
    typer.echo(f"  {setup.again('runs' if some else 'doctor')}")
