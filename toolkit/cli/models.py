"""The models that plugins use: which there are, fetching and checking them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from toolkit.cli.output import print_json, size, table, working
from toolkit.cli.plugins import lenient
from toolkit.cli.setup import FAILED, Json, Setup, command
from toolkit.errors import ConfigError, ModelError, choices

if TYPE_CHECKING:
    from toolkit.config import Settings
    from toolkit.hooks.manager import PluginManager
    from toolkit.stages.models import ModelInfo, Models

__all__ = ["Shelf", "add_to", "shelves"]

Name = Annotated[
    str, typer.Argument(metavar="[MODEL]", help="A hub id or a folder; without, the chosen one.")
]
Revision = Annotated[str, typer.Option("--revision", help="Commit, tag or branch of a hub id.")]


@dataclass(frozen=True)
class Shelf:
    """The models of one plugin, and whether the plugin is chosen."""

    plugin: str
    chosen: bool
    models: Models


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    group = typer.Typer(
        name="models",
        help="Models: what they take and whether they are here; fetch them, check them.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    command(group, "list", example="toolkit models list --json")(list_models)
    command(group, "pull", example="toolkit models pull Qwen/Qwen2-VL-7B-Instruct")(pull)
    command(group, "check", example="toolkit models check")(check)
    app.add_typer(group)


def shelves(settings: Settings | None, plugins: PluginManager) -> Iterator[Shelf]:
    """The models of every plugin that uses any; without settings, under its default options."""
    from pathlib import Path

    from toolkit.hooks.specs import Context

    here = Path()
    context = Context(settings.workspace, settings.base) if settings else Context(here, here)
    for plugin, _ in plugins.plugins():
        if plugin.models is None:
            continue
        options = settings.options.get(plugin.stage, {}).get(plugin.name) if settings else None
        chosen = bool(settings and plugin.name in settings.chosen(plugin.stage))
        yield Shelf(plugin.name, chosen, plugin.models(options or plugin.options(), context))


def list_models(setup: Setup, as_json: Json = False) -> None:
    """List the models that plugins can use: size, memory they need, licence, whether here.

    Nothing is fetched or asked of a network.
    """
    rows = [(shelf, info) for shelf in _shelves(setup) for info in shelf.models.known()]
    if as_json:
        models = [
            {"plugin": shelf.plugin, **info.model_dump(mode="json")}
            | {"chosen": info.chosen and shelf.chosen}
            for shelf, info in rows
        ]
        print_json({"models": models})
        return
    several = len({shelf.plugin for shelf, _ in rows}) > 1
    table(
        ["model", "", "size", "memory", "licence", *["plugin"] * several],
        [
            [
                info.name,
                ", ".join(_state(shelf, info)),
                size(info.size_bytes) if info.size_bytes else "",
                size(info.memory_bytes) if info.memory_bytes else "",
                info.licence,
                *[shelf.plugin] * several,
            ]
            for shelf, info in rows
        ],
        right=(2, 3),
        whole=(4,),
    )


def _state(shelf: Shelf, info: ModelInfo) -> Iterator[str]:
    if shelf.chosen and info.chosen:
        yield "chosen"
    if info.here != "no":
        yield "here" if info.here == "yes" else "partly here"


def pull(setup: Setup, model: Name = "", revision: Revision = "", as_json: Json = False) -> None:
    """Fetch a model, so that no run has to wait for it; what is here is not fetched again."""
    from toolkit.stages.component import Cancel

    shelf, name = _find(setup, model)
    cancel = Cancel()
    with working(f"Fetching {name}") as say, ThreadPoolExecutor(1) as thread:

        def progress(done: int, total: int | None) -> None:
            say(f"Fetching {name}: {size(done)} of {size(total or done)}")

        fetched = thread.submit(shelf.models.pull, name, revision, progress, cancel)
        try:
            info = fetched.result()
        except KeyboardInterrupt:
            cancel.set()  # else the thread would go on to the file's end
            raise
    if as_json:
        print_json({"plugin": shelf.plugin, **info.model_dump(mode="json")})
    else:
        typer.echo(f"{info.name}, {size(info.size_bytes)}, is at {info.place}")


def check(setup: Setup, model: Name = "", revision: Revision = "", as_json: Json = False) -> None:
    """Check a model's files: sizes, hashes, headers, architecture; no code or pickles in it.

    Exit code 1 if it cannot be used.
    """
    shelf, name = _find(setup, model)
    with working(f"Reading {name}"):
        found = shelf.models.check(name, revision)
    if as_json:
        print_json({"model": name, "checks": [each.model_dump(mode="json") for each in found]})
    else:
        table(
            ["", "file", "what is wrong"],
            [["wrong" if each.wrong else "ok", each.what, each.wrong] for each in found],
            wide=(2,),
        )
    if any(each.wrong for each in found):
        raise typer.Exit(FAILED)


def _shelves(setup: Setup) -> list[Shelf]:
    settings, plugins, error = lenient(setup)
    if error:
        raise error
    return list(shelves(settings, plugins))


def _find(setup: Setup, model: str) -> tuple[Shelf, str]:
    """Who uses this model; without a name, the first one that the config chooses."""
    there = _shelves(setup)
    known: dict[str, Shelf] = {}
    for shelf in sorted(there, key=lambda shelf: not shelf.chosen):
        for info in shelf.models.known():
            known.setdefault(info.name, shelf)
            if not model and info.chosen:
                return shelf, info.name
    if not known:
        raise ModelError("No plugin here uses a model that could be fetched.")
    # Any hub id or folder may be named: it goes to the chosen plugin.
    if model in known or "/" in model:
        return known.get(model, next(iter(known.values()))), model
    raise ConfigError(f"There is no model '{model}'.", hint=choices(model, known))
