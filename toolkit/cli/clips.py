"""Parts of videos as files of their own, and scenes at one look."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from toolkit.cli.files import local_file
from toolkit.cli.output import clock, plain, print_json, table, working
from toolkit.cli.setup import Json, Setup, command
from toolkit.errors import ConfigError, SourceError, StoreError

if TYPE_CHECKING:
    from toolkit.execution.footage import Footage
    from toolkit.media.clip import Clip

__all__ = ["add_to", "seconds"]

_TIME = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d*)?|\.\d+)")

Force = Annotated[bool, typer.Option("--force", help="Replace files that are there.")]
Name = Annotated[
    str,
    typer.Argument(
        metavar="FILE|RUN|VIDEO",
        help="A video file; or a run (its id, the start of it, or 'last') or a video of one.",
    ),
]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    command(
        app,
        "clip",
        example="toolkit clip talk.mp4 --from 12.5 --to 20\n"
        "toolkit clip talk.mp4 --from 1:02:03.5 --to 1:02:10 --exact -o intro.mp4\n"
        "toolkit clip talk.mkv -o talk.mp4\n"
        "toolkit clip talk.mp4 -o talk.wav\n"
        "toolkit clip last --scene 3 --scene 5 -o parts\n"
        "toolkit clip last --tag car -o cars",
    )(clip)
    command(
        app, "sheet", example="toolkit sheet talk.mp4\ntoolkit sheet last --columns 6 -o last.png"
    )(sheet)


def clip(
    setup: Setup,
    name: Name,
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="TIME", help="Seconds, or hours:minutes:seconds."),
    ] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Where it ends.")] = None,
    scene: Annotated[
        list[int] | None,
        typer.Option(min=0, metavar="INDEX", help="A scene instead of times; may be repeated."),
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(metavar="LABEL", help="The scenes with this tag; may be repeated."),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="The file: .mp4 .m4v .mov .mkv .webm .ts; .wav .flac .m4a .mka for its sound; "
            ".webp .gif for a moving picture. With scenes: a folder.",
        ),
    ] = None,
    exact: Annotated[
        bool,
        typer.Option(
            "--exact",
            help="Encode anew, exact to the frame. Otherwise it is copied, from a keyframe on.",
        ),
    ] = False,
    quality: Annotated[
        int, typer.Option(min=0, max=51, help="Of an exact clip: 0 is lossless, 51 the worst.")
    ] = 20,
    fragmented: Annotated[
        bool, typer.Option("--fragmented", help="An mp4 that browsers play while it comes.")
    ] = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Write parts of a video to files of their own: by time, by scene, or by tag."""
    from toolkit.execution.clips import export
    from toolkit.execution.footage import clip_scenes
    from toolkit.isolation.readers import Readers
    from toolkit.redaction.pictures import Blur

    timed = start is not None or end is not None
    by_scene = bool(scene or tag) or not (timed or Path(name).is_file())
    if by_scene and timed:
        raise ConfigError("Choose times (--from, --to) or scenes (--scene, --tag), not both.")
    if by_scene and fragmented:
        raise ConfigError("--fragmented goes with times, not with scenes.")
    start_s, end_s = seconds(start or "0"), seconds(end) if end is not None else None
    if end_s is not None and end_s <= start_s:
        raise ConfigError(f"A clip cannot end at {end}, which is not after its start.")
    with _telling(f"Cutting {name}") as told:
        if by_scene:
            footage = _chosen(_footage(setup, name, told, tags=tag or ()), name, scene)
            settings, _ = setup.load()
            blur = Blur.of(settings.redaction, "exports")
            folder = to or Path("clips")
            found = clip_scenes(
                footage,
                folder,
                Readers(settings),
                exact=exact,
                quality=quality,
                force=force,
                told=told,
                blur=blur,
            )
            _note(setup, "clips", [one.path for one in found], footage)
        else:
            settings, plugins = setup.load()
            made = export(
                local_file(name),
                to,
                start_s,
                end_s,
                settings,
                plugins,
                exact=exact,
                quality=quality,
                fragmented=fragmented,
                force=force,
                told=told,
            )
            found = [made]
    if as_json:
        print_json({"clips": [_data(one) for one in found]})
        return
    rows = [
        [one.path, clock(one.start_s), clock(one.end_s), ", ".join(one.left_out)] for one in found
    ]
    left_out = "left out" if any(one.left_out for one in found) else ""
    table(["clip", "from", "to", left_out], rows, right=(1, 2), wide=(0,))


def sheet(
    setup: Setup,
    name: Name,
    to: Annotated[
        Path, typer.Option("--output", "-o", metavar="OUT", help="A .jpg, .png or .webp file.")
    ] = Path("sheet.jpg"),
    columns: Annotated[
        int, typer.Option(min=0, max=1000, help="Pictures in a row; 0: as many as look well.")
    ] = 0,
    width: Annotated[int, typer.Option(min=16, max=4096, help="Of a picture, in pixels.")] = 320,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Show the scenes of a file, a video or a run at one look. A new file is scanned for them."""
    from toolkit.execution.footage import sheet_of
    from toolkit.isolation.readers import Readers
    from toolkit.media.pictures import check_picture, save_picture
    from toolkit.redaction.pictures import Blur

    check_picture(to, force=force)  # before the long part
    with _telling(f"Looking at {name}") as told:
        footage = _footage(setup, name, told, width=width)
        settings, plugins = setup.load()
        blur = Blur.of(settings.redaction, "exports")
        with Readers.of(settings, plugins) as readers:
            picture = sheet_of(footage, columns=columns, width=width, readers=readers, blur=blur)
    save_picture(picture, to, force=force)
    _note(setup, "sheet", [to], footage)
    count = sum(len(one.scenes) for one in footage)
    if as_json:
        facts = {"width": picture.width, "height": picture.height, "scenes": count}
        print_json({"sheet": str(to), **facts})
    else:
        typer.echo(plain(f"{to}: {count} scenes, {picture.width} x {picture.height} pixels"))


def seconds(text: str) -> float:
    """A time as people write it: ``62.5``, ``1:02.5``, ``0:01:02.5``.

    Raises:
        ConfigError: It is no time.

    >>> seconds("1:02:03.5")
    3723.5
    """
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise ConfigError(
            f"'{text}' is no time.", hint="Write seconds (62.5) or hours:minutes:seconds (1:02.5)."
        )
    hours, minutes, rest = found.groups()
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(rest)


def _footage(
    setup: Setup,
    name: str,
    told: Callable[[float], None],
    *,
    width: int = 320,
    tags: Collection[str] = (),
) -> list[Footage]:
    """The scenes of a run or a video in the store; a file that no run had is scanned now."""
    from toolkit.execution.footage import footage_of, scanned
    from toolkit.insight import results
    from toolkit.insight.naming import run_or_video
    from toolkit.isolation.readers import Readers

    try:
        with setup.store() as store:
            run, video_id = run_or_video(store, name)
            ids: set[str] | None = None
            if tags:
                ids = set()
                scenes = results.scenes_of(store, run, results.videos_of(store, run))
                for part in results.parts_of(scenes):
                    given = results.tags_on(store, run, part).items()
                    ids |= {id_ for id_, of in given if any(tag.label in tags for tag in of)}
            return footage_of(store, run, video_id=video_id, scene_ids=ids)
    except StoreError:
        if tags or not Path(name).is_file():
            raise
    with Readers.of(*setup.load()) as readers:
        return [scanned(local_file(name), readers, width, told)]


def _note(setup: Setup, kind: str, files: list[Path], footage: list[Footage]) -> None:
    """Write down what was made, where there is a workspace that may have the videos."""
    from toolkit.execution.looking import known_store
    from toolkit.privacy.audited import note_export

    settings, plugins = setup.load()
    with known_store(settings, plugins) as store:
        if store:
            note_export(store, kind, files, video_ids=[one.video.id for one in footage])


def _chosen(footage: list[Footage], name: str, scenes: list[int] | None) -> list[Footage]:
    """The scenes with these indices; every video's own, where there are several."""
    if scenes:
        known = {scene.index for one in footage for scene in one.scenes}
        if missing := sorted(set(scenes) - known):
            raise SourceError(
                f"{name} has no scene {', '.join(map(str, missing))}.",
                hint=f"It has {min(known)} to {max(known)}." if known else None,
            )
        footage = [
            dataclasses.replace(one, scenes=[s for s in one.scenes if s.index in scenes])
            for one in footage
        ]
    if not any(one.scenes for one in footage):
        raise SourceError(f"{name} has no such scene.", hint="See: toolkit show")
    return footage


@contextlib.contextmanager
def _telling(text: str) -> Iterator[Callable[[float], None]]:
    """Say on a terminal how far something is."""
    with working(text) as say:
        yield lambda share: say(f"{text}: {share:.0%}")


def _data(one: Clip) -> dict[str, Any]:
    return {
        "path": str(one.path),
        "start_s": one.start_s,
        "end_s": one.end_s,
        "left_out": list(one.left_out),
    }
