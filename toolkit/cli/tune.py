"""Learning from reviews: thresholds, what to look at next, examples for a prompt."""

from __future__ import annotations

from contextlib import ExitStack, closing
from pathlib import Path
from typing import Annotated, Literal

import typer

from toolkit.cli.output import clock, plain, print_json, table
from toolkit.cli.results import RunOrVideo
from toolkit.cli.setup import Json, Setup, command
from toolkit.insight.naming import run_called, run_or_video

__all__ = ["add_to", "examples_", "next_"]


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    command(
        app,
        "tune",
        example="toolkit tune last\n"
        "toolkit tune last --vocabulary labels.toml --write\n"
        "toolkit tune last --scorer similarity",
    )(tune)


def tune(
    setup: Setup,
    run: Annotated[str, typer.Argument(metavar="RUN", help="Its id, the start of it, or 'last'.")],
    vocabulary: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The vocabulary; otherwise that of [tags] vocabulary."),
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Put the new values into the file; otherwise show them.")
    ] = False,
    least: Annotated[
        int, typer.Option(min=4, help="Fewest reviews of a label that anything is made of.")
    ] = 20,
    scorer: Annotated[
        Literal["probability", "similarity"],
        typer.Option(
            help="Whose thresholds: of the model's probabilities, or of the similarity of "
            "descriptions and labels.",
        ),
    ] = "probability",
    as_json: Json = False,
) -> None:
    """Learn thresholds, calibrations and words from reviews; shows what it would change."""
    from toolkit.hooks.embedding import embeddings
    from toolkit.insight.tuning.tuning import tuned, vocabulary_of

    with setup.store() as store:
        found = run_called(store, run)
        path = vocabulary or vocabulary_of(found, setup.raw.base if setup.raw else Path.cwd())
        with ExitStack() as stack:
            compared = None
            if scorer == "similarity":
                settings, plugins = setup.load()
                compared = stack.enter_context(closing(embeddings(plugins, settings)))
            made = tuned(store, found, path, least=least, embeddings=compared)
    if write and made.changed:
        made.write()
    if as_json:
        print_json({**made.data(), "written": write and bool(made.changed)})
        return
    for one in made.tables():
        typer.echo(plain(one.title))
        table(one.head, one.rows, right=range(one.left, len(one.head)))
    typer.echo(plain(_end(made.changed, path, written=write)))


def _end(changed: int, path: Path, *, written: bool) -> str:
    if not changed:
        return "Nothing to change."
    labels = "1 label" if changed == 1 else f"{changed} labels"
    if written:
        return f"{path}: {labels} changed. Run again: only tagging is done anew."
    return f"{labels} would change in {path}; --write changes them."


def examples_(
    setup: Setup,
    name: RunOrVideo,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write.")],
    most: Annotated[int, typer.Option("--most", min=1, help="Most scenes.")] = 4,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write what people said of the best reviewed scenes, as examples for an analyzer's prompt."""
    from toolkit.insight import examples

    with setup.store() as store:
        run, _ = run_or_video(store, name)
        examples.write(store, run, file, most=most, force=force)
    tokens = len(file.read_text(encoding="utf-8")) // 4
    typer.echo(plain(f"{file}: about {tokens} tokens more for each scene. To use it, set"))
    typer.echo(plain(f"examples = {file}"))
    typer.echo("in the analyzer's section, such as [analysis.qwen2vl].")


def next_(
    setup: Setup,
    name: RunOrVideo,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Most scenes to list.")] = 20,
    as_json: Json = False,
) -> None:
    """List the scenes most worth a look: what is disputed first, then what is least sure."""
    from toolkit.insight.queue import queue

    with setup.store() as store:
        run, video_id = run_or_video(store, name)
        found = queue(store, run)
    rows = [row for row in found.to_dicts() if video_id in (None, row["video_id"])][:limit]
    if as_json:
        print_json({"scenes": rows})
        return
    if not rows:
        typer.echo("Nothing is in doubt.")
        return
    table(
        ["video", "#", "from", "doubt", "because"],
        [
            [row["title"], row["index"], clock(row["start_s"]), f"{row['doubt']:.2f}", row["why"]]
            for row in rows
        ],
        right=(1, 2, 3),
        wide=(4,),
    )
