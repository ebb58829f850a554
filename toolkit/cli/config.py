"""The config: show it, check it, begin one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolkit.cli.output import plain, print_json, table
from toolkit.cli.setup import Json, Setup, command
from toolkit.errors import ConfigError

if TYPE_CHECKING:
    from pydantic import JsonValue

    from toolkit.config import RawConfig, Settings

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    group = typer.Typer(
        name="config",
        help="Settings: show them, check them, begin a config.ini.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    command(group, "show", example="toolkit config show --set scenes.plugin=content")(show)
    command(group, "check", example="toolkit config check --config studio.ini")(check)
    command(group, "init", example="toolkit config init")(init)
    app.add_typer(group)


def show(
    setup: Setup,
    changed: Annotated[
        bool, typer.Option("--changed", help="Only what differs from the defaults.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show every setting, with where it comes from. Secrets are masked."""
    from toolkit.config import resolve
    from toolkit.hooks.manager import discover

    raw = setup.read()
    settings = resolve(raw, discover(raw).option_models())
    rows = [
        (section, key, value, where)
        for section, values in settings.shown().items()
        for key, value in values.items()
        for where in [_where(raw, settings, section, key)]
        if where or not changed
    ]
    if as_json:
        sections: dict[str, JsonValue] = {}
        for section, key, value, where in rows:
            of_section = sections.setdefault(section, {})
            assert isinstance(of_section, dict)
            of_section[key] = {"value": value, "from": where or "default"}
        print_json({"file": str(raw.file) if raw.file else None, "sections": sections})
        return
    typer.echo(plain(f"Config file: {raw.file or 'none'}"))
    table(
        ["setting", "value", "from"],
        [[f"{section}.{key}", _text(value), where] for section, key, value, where in rows],
        wide=(1,),
    )


def check(setup: Setup) -> None:
    """Check the config: every key, every value, and that the chosen plugins are there."""
    from toolkit.config.settings import STAGES

    settings, plugins = setup.load()
    for stage in STAGES:
        for name in settings.chosen(stage):
            plugins.get(stage, name)
    typer.echo(plain(f"{setup.file or 'No config file; the defaults'}: all is well."))


def init(
    setup: Setup,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The file to write.", show_default=True)
    ] = Path("config.ini"),
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
) -> None:
    """Write a config file with every key, its default and its meaning, all commented out."""
    from toolkit.cli.plugins import lenient
    from toolkit.config.example import example
    from toolkit.stages.private import opened

    _, plugins, _ = lenient(setup)
    text = example(plugins.option_models())
    try:
        with opened(file, "w" if force else "x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise ConfigError(
            f"{file} is there already.", hint="Name another file, or use --force."
        ) from None
    except OSError as error:
        raise ConfigError(f"{file} cannot be written: {error.strerror}.") from error
    _note(setup, file)
    typer.echo(plain(f"Wrote {file}: uncomment what you change."))


def _note(setup: Setup, file: Path) -> None:
    """Write down that a config was written, where there is a workspace."""
    from toolkit.config.settings import Paths
    from toolkit.privacy.audit import AuditLog, config_written

    raw = setup.raw or setup.read()
    workspace = raw.base / raw.section(Paths, "paths").workspace.expanduser()
    if workspace.is_dir():
        AuditLog(workspace).add("config", **config_written(file))


def _where(raw: RawConfig, settings: Settings, section: str, key: str) -> str:
    """Where a setting comes from; "" for a default."""
    origin = raw.values.get(section, {}).get(key)
    stage, _, plugin = section.partition(".")
    if origin is None and plugin and plugin in settings.chosen(stage):
        origin = raw.values.get(stage, {}).get(key)
    return origin.where if origin else ""


def _text(value: JsonValue) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "\n".join(map(_text, value))
    return "" if value is None else str(value)
