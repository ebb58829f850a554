"""What is kept of people's footage: show it, erase it, let it expire."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolkit.cli.output import plain, print_json, size, table, working
from toolkit.cli.setup import FAILED, Json, Setup, command, complain
from toolkit.errors import ConfigError

if TYPE_CHECKING:
    from toolkit.privacy.forgetting import Erasure

__all__ = ["add_to"]

_SHOWN = 40
Word = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE|VIDEO|LABEL",
        help="A path or link; a video's id or the start of it; or a label, for every video that "
        "has it on itself or on a scene.",
    ),
]
Label = Annotated[bool, typer.Option("--label", help="It is a label and nothing else.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    command(
        app,
        "held",
        example="toolkit held talk.mp4\ntoolkit held talk.mp4 held.zip\ntoolkit held Anna --label",
    )(held)
    command(
        app,
        "forget",
        example="toolkit forget talk.mp4\n"
        "toolkit forget talk.mp4 --yes\n"
        "toolkit forget Anna --label --yes\n"
        "toolkit forget talk.mp4 --allow",
    )(forget)
    command(app, "purge", example="toolkit purge\ntoolkit purge --yes")(purge)


def held(
    setup: Setup,
    word: Word,
    to: Annotated[
        Path | None,
        typer.Argument(metavar="TO", help="Write all of it there: a .zip, or a new folder."),
    ] = None,
    originals: Annotated[
        bool, typer.Option("--originals", help="Put the videos themselves in as well.")
    ] = False,
    label: Label = False,
    as_json: Json = False,
) -> None:
    """Show all that is held about a source, a video or a label, and where; or write it out."""
    from toolkit.execution.erasing import keeper

    if originals and to is None:
        raise ConfigError("--originals goes with a place to write to.")
    settings, plugins = setup.load()
    with keeper(settings, plugins) as kept, working("Looking"):
        found = kept.holdings(kept.subject(word, label=label))
        if to is not None:
            kept.write_out(found, to, originals=originals)
    about = found.about()
    if as_json:
        print_json({**about, "written": str(to) if to else None})
        return
    if to is not None:
        typer.echo(plain(f"Wrote {to}, readable by you alone."))
        return
    rows = [["rows", kind, len(some), ""] for kind, some in found.records.items()]
    rows += [[one.kind, str(one.path), "", size(one.size_bytes)] for one in found.files[:_SHOWN]]
    if len(found.files) > _SHOWN:
        rows.append(["file", f"… and {len(found.files) - _SHOWN} more", "", ""])
    rows += [["copy", url, "", ""] for url in found.copies[:_SHOWN]]
    rows += [["log", str(path), lines, ""] for path, lines in found.logs.items()]
    rows += [["audit", "entries", len(found.entries), ""]]
    table(["", "what", "number", "size"], rows, right=(2, 3), wide=(1,))
    for one in found.provenance:
        said = [str(one[key]) for key in ("requested_by", "requested_at", "licence") if one[key]]
        typer.echo(plain(f"From {one['source']}: {', '.join(said)}"))


def forget(
    setup: Setup,
    word: Word,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; otherwise it is only shown.")] = False,
    files: Annotated[
        bool, typer.Option("--files", help="Delete your own originals outside the workspace, too.")
    ] = False,
    label: Label = False,
    allow: Annotated[
        bool, typer.Option("--allow", help="Let what was erased come back with the next run.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Erase all that is known of a source, a video or a label, and keep it from coming back.

    Rows, files, thumbnails, search, logs, and copies in clouds; then all is searched for what may
    be left. Exit code 1 if something is.
    """
    from toolkit.execution.erasing import keeper, sources_named
    from toolkit.privacy.forgetting import allow as let_back

    if allow and (yes or files):
        raise ConfigError("--allow goes with neither --yes nor --files.")
    settings, plugins = setup.load()
    with keeper(settings, plugins) as kept:
        if allow:
            ids = [word, *(source.id for source in sources_named(word))]
            number = let_back(kept.store, kept.log, ids)
            if as_json:
                print_json({"allowed": number})
            else:
                typer.echo(f"{number} sources and videos may come back.")
            return
        with working("Looking"):
            subject = kept.subject(word, label=label)
            eraser = kept.eraser()
            done = eraser.erase(subject, files=files) if yes else eraser.look(subject, files=files)
    _show(setup, done, as_json=as_json)
    if done.left:
        raise typer.Exit(FAILED)


def _show(setup: Setup, done: Erasure, *, as_json: bool) -> None:
    subject = done.subject
    if as_json:
        print_json(
            {
                "subject": subject.name,
                "taken_for": subject.kind,
                "videos": [*subject.video_ids],
                "done": done.done,
                "traces": [vars(one) for one in done.traces],
                "left": [*done.left],
                "notes": [*done.notes],
            }
        )
        return
    shown = [one for one in done.traces if one.kind != "file"]
    pictures = [one for one in done.traces if one.kind == "file"]
    rows = [
        [one.outcome, one.kind, one.name, one.count, size(one.size_bytes) if one.size_bytes else ""]
        for one in [*shown[:_SHOWN], *pictures[:_SHOWN]]
    ]
    videos = len(subject.video_ids)
    title = f"{subject.name} is a {subject.kind}: {videos} video{'s' * (videos != 1)}"
    table(["", "", "what", "number", "size"], rows, title=title, right=(3, 4), wide=(2,))
    if (more := len(done.traces) - len(rows)) > 0:
        typer.echo(f"… and {more} more.")
    counts = Counter[str](one.outcome for one in done.traces)
    if kept := counts["kept"]:
        typer.echo(f"Kept: {kept} of your own files. --files deletes them as well.")
    if not done.done:
        typer.echo(f"Nothing was erased yet: {setup.again('forget WORD --yes')}")
        return
    for said in done.notes:
        typer.echo(plain(f"Note: {said}"))
    for said in done.left:
        complain(f"Left: {said}")
    if not done.left:
        typer.echo("All of it is gone: rows, files and bytes were looked for and not found.")


def purge(
    setup: Setup,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; otherwise it is only shown.")] = False,
    as_json: Json = False,
) -> None:
    """Remove what is older than [privacy] keep_originals_days and its like say."""
    from toolkit.execution.erasing import keeper

    settings, plugins = setup.load()
    with keeper(settings, plugins) as kept, working("Looking"):
        purger = kept.purger()
        found = purger.purge() if yes else purger.look()
    if as_json:
        rows = [{**vars(o), "oldest": o.oldest.isoformat() if o.oldest else None} for o in found]
        print_json({"done": yes, "expired": rows})
        return
    table(
        ["what", "kept for", "too old", "size", "oldest"],
        [
            [
                one.kind,
                f"{one.days:g} days" if one.days else "ever",
                one.items,
                size(one.size_bytes) if one.size_bytes else "",
                f"{one.oldest:%Y-%m-%d}" if one.oldest else "",
            ]
            for one in found
        ],
        right=(2, 3),
    )
    if any(one.items for one in found) and not yes:
        typer.echo(f"Nothing was removed yet: {setup.again('purge --yes')}")
