"""Files looked at alone: their scene boundaries, their metadata. No store, no model."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolkit.cli.output import clock, print_json, size, table, working
from toolkit.cli.setup import Json, Setup, command, complain
from toolkit.errors import ConfigError, SourceError

if TYPE_CHECKING:
    from toolkit.isolation.readers import Readers
    from toolkit.records import Scene, Video

__all__ = ["add_to", "local_file"]

File = Annotated[str, typer.Argument(metavar="FILE", help="A video file.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    command(
        app,
        "scenes",
        example="toolkit scenes talk.mp4\ntoolkit scenes talk.mp4 --edl > talk.edl",
    )(scenes)
    command(app, "probe", example="toolkit probe talk.mp4 --json")(probe)


def scenes(
    setup: Setup,
    file: File,
    detector: Annotated[
        str | None, typer.Option(metavar="NAME", help="Instead of that of the config.")
    ] = None,
    as_json: Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="A row a scene.")] = False,
    as_edl: Annotated[bool, typer.Option("--edl", help="An edit list (CMX 3600).")] = False,
    as_otio: Annotated[
        bool, typer.Option("--otio", help="An OpenTimelineIO timeline (extra 'otio').")
    ] = False,
) -> None:
    """Find the scene boundaries of a file. Nothing is stored, no model is needed."""
    if as_json + as_csv + as_edl + as_otio > 1:
        raise ConfigError("Choose one of --json, --csv, --edl and --otio.")
    if detector:
        setup.put("scenes", "plugin", detector)
    from toolkit.isolation.readers import Readers

    with Readers.of(*setup.load()) as readers:
        video, found = _scan(local_file(file), readers)
    if as_json:
        from toolkit.cli.found import scene_data

        data = [scene_data(scene) for scene in found]
        print_json({"video": video.model_dump(mode="json"), "scenes": [*data]})
    elif as_csv:
        typer.echo(_csv(found), nl=False)
    elif as_edl or as_otio:
        from toolkit.exchange import edits

        typer.echo((edits.edl if as_edl else edits.otio)(video, found), nl=False)
    else:
        rows = [
            [
                scene.index,
                clock(scene.start_s),
                clock(scene.end_s),
                clock(scene.duration_s),
                scene.kind,
                f"{scene.score:.1f}",
            ]
            for scene in found
        ]
        head = ["#", "from", "to", "length", "begins with", "score"]
        table(head, rows, title=Path(video.path).name, right=(0, 1, 2, 3, 5))


def probe(setup: Setup, file: File, as_json: Json = False) -> None:
    """Show a file's metadata."""
    from toolkit.isolation.readers import Readers

    with Readers.of(*setup.load()) as readers:
        video = _probe(local_file(file), readers)
    if as_json:
        print_json(video.model_dump(mode="json"))
        return
    facts = {
        "file": f"{video.path}, {size(video.size_bytes)}, {video.container}",
        "id": video.id,
        "duration": clock(video.duration_s) if video.duration_s is not None else "unknown",
        "picture": _picture(video),
        "frames": _frames(video),
        "codec": " ".join(filter(None, (video.codec, video.profile, video.pixel_format))),
        "colour": ", ".join(
            filter(
                None,
                (
                    video.hdr,
                    video.colour_space,
                    video.colour_primaries,
                    video.colour_transfer,
                    video.colour_range,
                ),
            )
        ),
        "bit rate": f"{video.bit_rate_bps / 1000:,.0f} kbit/s" if video.bit_rate_bps else "",
        "sound": "; ".join(
            f"{one.codec} {one.channels} channels, {one.sample_rate_hz} Hz {one.language}".strip()
            for one in video.audio
        ),
        "subtitles": "; ".join(f"{one.codec} {one.language}".strip() for one in video.subtitles),
        "chapters": "; ".join(f"{clock(one.start_s)} {one.title}" for one in video.chapters),
        **{f"tag {name}": value for name, value in video.tags.items()},
    }
    table(["", ""], [[name, value] for name, value in facts.items() if value], wide=(1,))


def _picture(video: Video) -> str:
    parts = [f"{video.width} x {video.height}"]
    if video.rotation:
        parts.append(f"shown turned by {video.rotation} degrees")
    if video.sample_aspect_ratio != 1:
        parts.append(f"pixels {video.sample_aspect_ratio:.3f} wide")
    return ", ".join(parts)


def _frames(video: Video) -> str:
    rate = video.frame_rate or video.nominal_frame_rate
    parts = [f"{rate:.3f} a second" if rate else "", "variable" * video.variable_frame_rate]
    return ", ".join(filter(None, [*parts, f"{video.frame_count or ''}"]))


def local_file(word: str) -> Path:
    """The one local file that a word leads to.

    Raises:
        SourceError: It leads to none, to several, or to a link.
    """
    from toolkit.records import Source
    from toolkit.sources import expand

    found = list(expand([word]))
    first = found[0]
    if not isinstance(first, Source):
        raise first[1]
    if first.kind == "link":
        raise SourceError(
            f"{word} is a link; this command reads files.",
            hint="toolkit analyze fetches links.",
        )
    if len(found) > 1:
        raise SourceError(f"{word} leads to {len(found)} files; this command reads one.")
    return Path(first.uri)


def _probe(path: Path, readers: Readers) -> Video:
    from toolkit.acquire import probed
    from toolkit.cache import content_id
    from toolkit.stages.component import Cancel

    [video] = readers.do(probed, path, readers.settings.decode.stall_s, cancel=Cancel())
    try:
        return video.model_copy(update={"id": content_id(path), "path": str(path)})
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}.") from error


def _scan(path: Path, readers: Readers) -> tuple[Video, list[Scene]]:
    from toolkit.records import Scene
    from toolkit.scan import Ended, scan_file
    from toolkit.stages.component import Cancel

    video = _probe(path, readers)
    found: list[Scene] = []
    name = readers.settings.scenes.plugin
    ended = Ended(0, None, False)
    with working(f"Looking for scenes in {path.name}") as say:
        options = readers.settings, None, False
        for told in readers.do(scan_file, video, *options, cancel=Cancel()):
            if isinstance(told, Ended):
                ended = told
                continue
            one, _ = told
            place = {"start_s": one.start_s, "end_s": one.end_s, "kind": one.kind}
            found.append(Scene.of(video.id, name, one.index, score=one.score, **place))
            say(f"{len(found)} scenes in {path.name} up to {clock(one.end_s)}")
    if ended.truncated:
        complain(f"{path.name} is truncated: these are the scenes of what could be read.")
    return video.model_copy(update=asdict(ended)), found


def _csv(found: list[Scene]) -> str:
    from toolkit.cli.found import scene_data

    text = io.StringIO()
    rows = [scene_data(scene) for scene in found]
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
