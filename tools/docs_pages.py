"""What the documentation says of every command and every setting, made as the site is built.

A hook of mkdocs: a line ``<!-- made: commands -->`` on a page becomes the text of that name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer
from pydantic import BaseModel, SecretStr
from pydantic_core import PydanticUndefined

from toolkit.cli.app import app
from toolkit.cli.setup import _SHARED
from toolkit.config.example import as_text
from toolkit.config.section import Section
from toolkit.config.settings import Settings
from toolkit.hooks.manager import PluginManager

MARK = re.compile(r"^<!-- made: (\w+) -->$", re.MULTILINE)


def commands() -> str:
    """Every command with its options."""
    shared = {one.name for one in _SHARED}
    lines: list[str] = []
    for words, command in walk(typer.main.get_command(app), ["toolkit"]):
        lines += [f"## {' '.join(words)}", "", (command.help or "").replace("\f", ""), ""]
        own = [one for one in command.params if one.name not in shared and one.name != "help"]
        if own:
            lines += ["| | means | default |", "| --- | --- | --- |"]
        for one in own:
            option = one.param_type_name == "option"
            name = ", ".join(one.opts) if option else one.metavar or one.name.upper()
            bare = one.default in (None, False, "") or callable(one.default)
            default = "" if bare else one.default
            lines.append(f"| `{name}` | {cell(getattr(one, 'help', '') or '')} | {cell(default)} |")
        lines.append("")
    return "\n".join(lines)


def walk(command: Any, words: list[str]) -> Iterator[tuple[list[str], Any]]:
    """A command and all below it, with the words that people type."""
    if len(words) > 1:
        yield words, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from walk(inner, [*words, name])


def settings() -> str:
    """Every section and key of the core and of the plugins that are installed."""
    plugins = PluginManager()
    plugins.load_entry_points()
    models = plugins.option_models()
    lines: list[str] = []
    for name, info in Settings.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, Section):
            lines += section(name, info.annotation)
            for plugin, model in sorted(models.get(name, {}).items()):
                if model.model_fields:
                    lines += section(f"{name}.{plugin}", model)
    return "\n".join(lines)


def section(name: str, model: type[BaseModel]) -> list[str]:
    """A section's keys as a table."""
    said = (model.__doc__ or "").strip().split("\n\n", maxsplit=1)[0].replace("\n", " ")
    lines = [f"## [{name}]", "", said, "", "| key | default | means |", "| --- | --- | --- |"]
    for key, info in model.model_fields.items():
        default = info.get_default(call_default_factory=True)
        hidden = default is PydanticUndefined or isinstance(default, SecretStr)
        value = "" if hidden else as_text(default)
        lines.append(f"| `{key}` | {cell(value)} | {cell(info.description or '')} |")
    return [*lines, ""]


def cell(value: object) -> str:
    """Text as it may stand in a table."""
    text = " ".join(str(value).split()).replace("|", "\\|")
    return re.sub(r"([\[\]<>*_`])", r"\\\1", text)


MADE = {"commands": commands, "settings": settings}


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Called by mkdocs for each page."""
    return MARK.sub(lambda found: MADE[found[1]](), markdown)
