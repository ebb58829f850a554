"""``config.ini.example``: every key with its default and its meaning, made from the models."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic_core import PydanticUndefined

from toolkit.config.reading import OptionModels
from toolkit.config.settings import Section, Settings

__all__ = ["example"]

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
        lines += _section(name, info.annotation, info.annotation.__doc__ or "")
        for plugin, model in sorted(models.get(name, {}).items()):
            if model.model_fields:
                lines += _section(f"{name}.{plugin}", model, model.__doc__ or "")
    return "\n".join(lines).rstrip() + "\n"


def _section(name: str, model: type[BaseModel], doc: str) -> Iterator[str]:
    yield f"[{name}]"
    yield from _comment(doc.strip().split("\n\n")[0])
    for key, info in model.model_fields.items():
        yield ""
        yield from _comment(info.description or "")
        default = info.get_default(call_default_factory=True)
        value = "" if default is PydanticUndefined else _text(default)
        yield f"# {key} = {value}".rstrip()
    yield "\n"


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(" ".join(text.split()), _WIDTH)]


def _text(value: Any) -> str:
    if value is None or isinstance(value, SecretStr):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, (tuple, list, set, frozenset)):
        return ", ".join(map(_text, value))
    return value.as_posix() if isinstance(value, Path) else str(value)
