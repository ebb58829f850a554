"""Files to a cloud: those of a run, or any others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolkit.cli.output import print_json, size, table, working
from toolkit.cli.setup import FAILED, Json, Setup, command
from toolkit.errors import ConfigError, choices

if TYPE_CHECKING:
    from toolkit.config import Settings
    from toolkit.execution.cargo import Item
    from toolkit.execution.uploads import Upload

__all__ = ["add_to"]

_KINDS = ("originals", "clips", "thumbnails", "exports")
_ORDER = ("failed", "missing", "uploaded", "there")
_SHOWN = 50


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    command(
        app,
        "upload",
        example="toolkit upload last --to s3://bucket/videos\n"
        "toolkit upload last --to gs://bucket/videos --what originals --what clips --dry-run\n"
        "toolkit upload talks/ intro.mp4 --to dropbox://Videos",
    )(upload)


def upload(
    setup: Setup,
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN|FILES...",
            help="A run (its id, the start of it, or 'last'); or files, and folders with all "
            "that is in them.",
        ),
    ],
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="URL",
            help="A folder: s3://bucket/prefix, gs://bucket/prefix, dropbox://folder, file:///…",
        ),
    ],
    what: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND",
            help="Of a run: originals, clips, thumbnails, exports; may be repeated. Otherwise as "
            "[storage] what says.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be uploaded.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Bring a run's files, or any others, to a cloud. What is there already is left as it is.

    An upload that was broken off goes on with the same command. Exit code 1 if a file failed.
    """
    from toolkit.execution.looking import known_store
    from toolkit.execution.uploads import clouds_of, send

    for kind in what or ():
        if kind not in _KINDS:
            raise ConfigError(f"--what {kind} is no kind of file.", hint=choices(kind, _KINDS))
    settings, plugins = setup.load()
    with (
        clouds_of(settings, plugins) as clouds,
        known_store(settings, plugins) as store,
        working(f"Uploading to {to}") as say,
    ):
        clouds.target(to)  # what it refuses is told before anything is cut or written
        items = _items(setup, names, what, settings)
        found = send(
            clouds,
            items,
            to,
            store=store,
            dry_run=dry_run,
            told=lambda done, count, sent: say(f"{done} of {count} files, {size(sent)} sent"),
        )
    _show(found, as_json=as_json)
    if any(one.error for one in found):
        raise typer.Exit(FAILED)


def _items(
    setup: Setup,
    names: list[str],
    what: list[str] | None,
    settings: Settings,
) -> Iterator[Item]:
    from toolkit.execution.cargo import files, of_run
    from toolkit.insight.naming import run_called
    from toolkit.sealing.keys import vault_of

    if any(Path(name).exists() for name in names) or len(names) > 1:
        yield from files(names)
        return
    with setup.store() as store:
        run = run_called(store, names[0])
        kinds = what or list(settings.storage.what)
        place, vault = settings.workspace, vault_of(settings)
        yield from of_run(store, run, kinds, place, vault)  # type: ignore[arg-type]  # checked above


def _show(found: list[Upload], *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "files": [
                    {
                        "kind": one.kind,
                        "path": str(one.path),
                        "url": one.url,
                        "size_bytes": one.size_bytes,
                        "status": one.status,
                        "error": str(one.error) if one.error else None,
                    }
                    for one in found
                ]
            }
        )
        return
    shown = sorted(found, key=lambda one: _ORDER.index(one.status))[:_SHOWN]
    troubles = any(one.error for one in shown)
    rows = [[o.status, size(o.size_bytes), o.url, o.error or ""] for o in shown]
    table(["", "size", "url", "trouble" if troubles else ""], rows, right=(1,), wide=(2, 3))
    counts = Counter[str](one.status for one in found)
    total = size(sum(one.size_bytes for one in found if one.status in ("uploaded", "missing")))
    words = ", ".join(f"{counts[name]} {name}" for name in _ORDER if counts[name]) or "no files"
    typer.echo(f"{words}; {total}")
