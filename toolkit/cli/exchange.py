"""Results to files and back, and whole stores to other places."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolkit.cli.output import print_json, size, table, working
from toolkit.cli.setup import Json, Setup, command
from toolkit.errors import ConfigError

if TYPE_CHECKING:
    from toolkit.exchange.copying import Told

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    command(
        app,
        "export",
        example="toolkit export last results.jsonl.gz\n"
        "toolkit export last scenes.csv\n"
        "toolkit export last answers.parquet --what answers\n"
        "toolkit export talk.mp4 talk.vtt\n"
        "toolkit export last edits --format otio\n"
        "toolkit export all everything.jsonl.gz",
    )(export)
    command(app, "import", example="toolkit import results.jsonl.gz --workspace elsewhere")(import_)
    group = typer.Typer(
        name="store",
        help="Stores: copy one into another.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    command(
        group,
        "copy",
        example="toolkit store copy sqlite mongodb\n"
        "toolkit store copy results.db other.db\n"
        "toolkit store copy results.db 'mongodb://me:${PASSWORD}@db.example.org/archive'",
    )(copy)
    app.add_typer(group)


def export(
    setup: Setup,
    name: Annotated[
        str,
        typer.Argument(
            metavar="RUN|VIDEO|all",
            help="A run (its id, the start of it, or 'last'), a video (its id, the start of it, "
            "its path or link), or 'all' that the store holds.",
        ),
    ],
    to: Annotated[
        Path,
        typer.Argument(
            metavar="FILE|FOLDER",
            help="Every record: .jsonl .jsonl.gz. Views: .parquet .csv .vtt .edl .otio, and .json "
            "for FiftyOne. A folder that is there: a file a video.",
        ),
    ],
    what: Annotated[
        str | None,
        typer.Option(
            "--what",
            metavar="NAME",
            help="Of .parquet and .csv: scenes (the default), answers, tags, videos, chapters, "
            "statements, failures, reviews. Of .vtt: chapters (the default), scenes.",
        ),
    ] = None,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="NAME",
            help="Instead of that of the suffix: jsonl, jsonl.gz, parquet, csv, vtt, edl, otio, "
            "fiftyone.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
    as_json: Json = False,
) -> None:
    """Write results to a file: all records, to be imported again, or a view of them."""
    from toolkit.exchange.export import export as write
    from toolkit.insight.naming import run_or_video

    with setup.store() as store, working(f"Writing {to.name}"):
        run, video_id = (None, None) if name == "all" else run_or_video(store, name)
        files = write(store, run, to, video_id=video_id, what=what, form=form, force=force)
    if as_json:
        print_json({"files": [str(file) for file in files]})
        return
    for file in files:
        typer.echo(f"{file} ({size(file.stat().st_size)})")


def import_(
    setup: Setup,
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A .jsonl or .jsonl.gz that toolkit export wrote."),
    ],
    as_json: Json = False,
) -> None:
    """Save the records of a file into the store; those that are there are replaced."""
    from toolkit.exchange.copying import import_records
    from toolkit.execution.looking import open_store

    settings, plugins = setup.load()
    with open_store(settings, plugins) as store, working(f"Reading {file.name}") as say:
        counts = import_records(store, file, _telling(say))
    if as_json:
        print_json({"records": counts})
    else:
        table(["records", "number"], [*counts.items()], right=(1,))


def copy(
    setup: Setup,
    source: Annotated[
        str,
        typer.Argument(
            metavar="FROM",
            help="A store plugin, with the options of the config (sqlite, mongodb); a file "
            "(results.db); or a link (mongodb://host/database). ${NAME} stands for a variable.",
        ),
    ],
    target: Annotated[str, typer.Argument(metavar="TO", help="The same.")],
    as_json: Json = False,
) -> None:
    """Copy all that a store holds into another. Begun again, it goes on where it was."""
    from toolkit.exchange.copying import copy_store
    from toolkit.exchange.places import holds_password
    from toolkit.execution.exchange import open_named

    for word in (source, target):
        if holds_password(word):
            raise ConfigError(
                "A password in a command can be read by others on this machine.",
                hint="Put it into a variable, and write '${NAME}' in its place, in single quotes; "
                "or set it in the config's [store.…] section.",
            )
    setup.load()
    with (
        open_named(source, setup.config, setup.arguments, existing=True) as one,
        open_named(target, setup.config, setup.arguments) as other,
        working("Copying") as say,
    ):
        copied = copy_store(one, other, _telling(say))
    if as_json:
        print_json({"copied": [vars(row) for row in copied]})
        return
    table(
        ["records", "in FROM", "written", "in TO now"],
        [[row.kind, row.found, row.written, row.there] for row in copied],
        right=(1, 2, 3),
    )


def _telling(say: Callable[[str], None]) -> Told:
    return lambda kind, done, total: say(f"{kind}: {done:,} of {total:,}")
