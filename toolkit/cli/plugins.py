"""What plugins there are."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import typer

from toolkit.cli import kit
from toolkit.cli.output import print_json, table
from toolkit.cli.setup import Json, Setup, command, complain
from toolkit.errors import ConfigError

if TYPE_CHECKING:
    from toolkit.config import Settings
    from toolkit.hooks.manager import PluginManager
    from toolkit.hooks.specs import Plugin

__all__ = ["add_to", "install", "lenient", "missing"]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    group = typer.Typer(
        name="plugins",
        help="Plugins: list them, begin one of your own, check whether one does what it must.",
        rich_markup_mode=None,
    )
    command(group, "", example="toolkit plugins --json")(plugins)
    command(group, "new", example="toolkit plugins new sports --kind tagger")(kit.new)
    command(
        group,
        "check",
        example="toolkit plugins check rules\ntoolkit plugins check my_plugins/sports.py\n"
        "toolkit plugins check mongodb --place 'mongodb://localhost/{}'",
    )(kit.check)
    app.add_typer(group)


def plugins(setup: Setup, as_json: Json = False) -> None:
    """List the plugins: those that can be used, those that miss a library, and broken ones."""
    settings, manager, error = lenient(setup)
    if error:
        complain(f"The config does not hold, so nothing is chosen: {error}")
    rows = [
        (plugin, provider, missing(plugin), settings and plugin.name in settings.chosen(stage))
        for plugin, provider in manager.plugins()
        for stage in [plugin.stage]
    ]
    if as_json:
        print_json(
            {
                "plugins": [
                    {
                        "stage": plugin.stage,
                        "name": plugin.name,
                        "summary": plugin.summary,
                        "version": plugin.version,
                        "provider": provider,
                        "extra": plugin.extra,
                        "available": not lacks,
                        "missing": [*lacks],
                        "chosen": bool(chosen),
                    }
                    for plugin, provider, lacks, chosen in rows
                ],
                "listeners": [provider for _, provider in manager.listeners()],
                "broken": [{"provider": b.provider, "reason": b.reason} for b in manager.broken],
            }
        )
        return
    table(
        ["stage", "name", "", "summary"],
        [
            [
                plugin.stage,
                plugin.name,
                "missing" if lacks else "chosen" if chosen else "",
                f"{plugin.summary} ({install(plugin)})" if lacks else plugin.summary,
            ]
            for plugin, _, lacks, chosen in rows
        ]
        + [["run", provider, "chosen", "listens"] for _, provider in manager.listeners()],
        wide=(3,),
    )
    if manager.broken:
        table(
            ["broken", "why"],
            [[one.provider, one.reason] for one in manager.broken],
            wide=(1,),
        )


def lenient(setup: Setup) -> tuple[Settings | None, PluginManager, ConfigError | None]:
    """Settings and plugins, as far as they go: these commands are asked when something is wrong.

    Raises:
        ConfigError: The config file cannot be read at all.
    """
    from toolkit.config import resolve
    from toolkit.hooks.manager import discover

    raw = setup.read()
    manager = discover(raw)
    try:
        return resolve(raw, manager.option_models()), manager, None
    except ConfigError as error:
        return None, manager, error


def missing(plugin: Plugin) -> list[str]:
    """The modules that a plugin needs and that are not installed; none of them is imported."""
    return [name for name in plugin.requires if importlib.util.find_spec(name) is None]


def install(plugin: Plugin) -> str:
    """The command that brings what a plugin misses."""
    if plugin.extra:
        return f"pip install 'video-analysis-toolkit[{plugin.extra}]'"
    return f"needs {', '.join(missing(plugin))}"
