"""``config.ini.example``: every key with its default and its meaning, made from the models."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic_core import PydanticUndefined

from toolkit.config.reading import OptionModels
from toolkit.config.section import Section
from toolkit.config.settings import Settings

__all__ = ["as_text", "example"]

HEADER = """\
# Settings of the video analysis toolkit: every key with its default and its meaning.
# Copy this file to config.ini and uncomment what you change.
#
# Defaults < this file < environment (TOOLKIT_ANALYSIS__MODEL=...) < flags and arguments.
# ${VAR} is read from the environment: keep secrets there. A key in a stage's section goes to
# every chosen plugin of that stage that has it; a section [stage.plugin] to that plugin alone.
"""
_WIDTH = 96


def example(models: OptionModels) -> str:
    """The example file for the core and these plugins."""
    lines = [HEADER]
    for name, info in Settings.model_fields.items():
        if not (isinstance(info.annotation, type) and issubclass(info.annotation, Section)):
            continue
        plugins = sorted(models.get(name, {}).items())
        lines += _section(name, info.annotation, [plugin for plugin, _ in plugins])
        for plugin, model in plugins:
            if model.model_fields:
                lines += _section(f"{name}.{plugin}", model)
    return "\n".join(lines).rstrip() + "\n"


def _section(name: str, model: type[BaseModel], plugins: Sequence[str] = ()) -> Iterator[str]:
    yield f"[{name}]"
    yield from _comment((model.__doc__ or "").strip().split("\n\n")[0])
    for key, info in model.model_fields.items():
        yield ""
        literal = get_origin(info.annotation) is Literal
        allowed = plugins if key == "plugin" else get_args(info.annotation) if literal else ()
        known = f" One of: {', '.join(map(str, allowed))}." if allowed else ""
        yield from _comment(f"{info.description or ''}{known}")
        default = info.get_default(call_default_factory=True)
        value = "" if default is PydanticUndefined else as_text(default)
        yield f"# {key} = {value}".rstrip()
    yield "\n"


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(" ".join(text.replace("``", "").split()), _WIDTH)]


def as_text(value: Any) -> str:
    """A value as people write it in the file."""
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return value.get_secret_value()  # a default is no secret
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, (tuple, list, set, frozenset)):
        return ", ".join(map(as_text, value))
    return value.as_posix() if isinstance(value, Path) else str(value)
