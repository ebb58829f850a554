"""What whole videos are about, and what the vocabulary lacks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolkit.cli.output import clock, plain, print_json, table
from toolkit.cli.results import RunOrVideo
from toolkit.cli.setup import Json, Setup, command
from toolkit.errors import ConfigError
from toolkit.insight.naming import run_called, run_or_video

if TYPE_CHECKING:
    from toolkit.records import Label, Vocabulary

__all__ = ["add_to"]

_MOST = 12  # scenes in a cell


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    command(
        app, "categories", example="toolkit categories last\ntoolkit categories film.mp4 --json"
    )(categories)
    command(app, "suggestions", example="toolkit suggestions last --limit 50")(suggestions)
    command(app, "vocabulary", example="toolkit vocabulary labels.toml")(vocabulary)


def categories(
    setup: Setup,
    name: RunOrVideo,
    as_json: Json = False,
) -> None:
    """Show what videos are about: scene tags weighed by time, and the scenes behind them."""
    from toolkit.insight.categories import categories as frame

    with setup.store() as store:
        run, video_id = run_or_video(store, name)
        rows = frame(store, run).to_dicts()
    rows = [row for row in rows if video_id in (None, row["video_id"])]
    if as_json:
        print_json({"run": run.id, "categories": rows})
        return
    if not rows:
        typer.echo("No scene has a tag.")
    for id_, title in {row["video_id"]: row["title"] for row in rows}.items():
        own = [row for row in rows if row["video_id"] == id_]
        table(
            ["category", "share", "time", "tags", "scenes"],
            [
                [
                    "  " * row["level"] + row["category"] + (" *" if row["reviewed"] else ""),
                    f"{row['share']:.1%}",
                    clock(row["seconds"]),
                    ", ".join(one["label"] for one in row["labels"]),
                    _numbers(row["scenes"]),
                ]
                for row in own
            ],
            title=f"{title}: categories",
            right=(1, 2),
            wide=(3, 4),
        )
    if any(row["reviewed"] for row in rows):
        typer.echo("* people's word is in it")


def _numbers(scenes: list[int]) -> str:
    more = f" and {len(scenes) - _MOST} more" if len(scenes) > _MOST else ""
    return ", ".join(map(str, scenes[:_MOST])) + more


def suggestions(
    setup: Setup,
    run: Annotated[str, typer.Argument(metavar="RUN", help="Its id, the start of it, or 'last'.")],
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Most tags.")] = 30,
    as_json: Json = False,
) -> None:
    """Show the tags that analyzers proposed and the vocabulary lacks; [analysis] tags asks."""
    from toolkit.insight.categories import suggestions as frame

    with setup.store() as store:
        row = run_called(store, run)
        rows = frame(store, row).head(limit).to_dicts()
    if as_json:
        print_json({"run": row.id, "suggestions": rows})
    elif not rows:
        typer.echo("There are none. Ask for them with [analysis] tags = yes.")
    else:
        table(
            ["tag", "scenes", "videos", "share of the time"],
            [[one["tag"], one["scenes"], one["videos"], f"{one['share']:.1%}"] for one in rows],
            right=(1, 2, 3),
        )


def vocabulary(
    setup: Setup,
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="A file (TOML); otherwise that of [tags] vocabulary."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check a vocabulary file, and show its labels as a tree."""
    from toolkit.vocabulary import load_vocabulary

    if file is None:
        settings, _ = setup.load()
        if not settings.tags.vocabulary:
            raise ConfigError(
                "There is no vocabulary.", hint="Name a file, or set [tags] vocabulary."
            )
        file = settings.base / Path(settings.tags.vocabulary).expanduser()
    found = load_vocabulary(file)
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    table(
        ["label", "asked about as", "threshold", "excludes", "synonyms"],
        [
            [
                "  " * (len([*found.above(one.name)]) - 1) + one.name,
                one.phrasing or "not asked about",
                f"{one.threshold:g}" if one.phrasing else None,
                one.exclusive or None,
                ", ".join(one.synonyms) or None,
            ]
            for one in _tree(found)
        ],
        title=plain(f"{file}: {len(found.labels)} labels"),
        right=(2,),
        wide=(1, 4),
    )


def _tree(found: Vocabulary) -> list[Label]:
    """The labels, each followed by those below it."""
    order = {label.name: place for place, label in enumerate(found.labels)}
    ways = {
        label.name: [order[one.name] for one in found.above(label.name)][::-1]
        for label in found.labels
    }
    return sorted(found.labels, key=lambda label: ways[label.name])
