"""How a person names a store: a plugin, a file, a link."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toolkit.config.secrets import remember
from toolkit.errors import ConfigError, SourceError
from toolkit.hooks.manager import PluginManager
from toolkit.hooks.specs import StorePlugin

__all__ = ["holds_password", "located"]

_SCHEME = re.compile(r"([a-z][a-z\d+.-]*)://", re.IGNORECASE)
_PASSWORD = re.compile(r"://[^@/]*?:(?P<password>[^@]+)@")
_VARIABLE = re.compile(r"\$\{(\w+)\}")


def located(
    word: str, plugins: PluginManager, *, existing: bool = False
) -> dict[str, dict[str, Any]]:
    """The settings that choose the store which a person names.

    A word is the name of a store plugin, whose options are those of the config
    (``mongodb``); a file (``results.db``, ``sqlite:results.db``); or a link (``mongodb://…``).
    ``${VARIABLE}`` stands for the value of a variable, which is a secret.

    Args:
        word: What the person typed.
        plugins: The plugins that are there.
        existing: Whether the file of a store must be there.

    Raises:
        ConfigError: It names no store, or the environment has no such variable.
        SourceError: There is no such file.
    """
    stores = {p.name: p for p, _ in plugins.plugins("store") if isinstance(p, StorePlugin)}
    name, place = _parted(word, stores)
    values: dict[str, Any] = {"plugin": name}
    plugin = stores[name]
    if place:
        place = _VARIABLE.sub(_value, place)
        if plugin.suffixes:  # it is a file, and starts in this folder, not in that of the config
            path = Path(place).expanduser().absolute()
            if existing and not path.is_file():
                raise SourceError(f"There is no file '{path}'.", path=str(path))
            place = str(path)
        values[name] = {plugin.place: place}
    return {"store": values}


def holds_password(word: str) -> bool:
    """Whether there is a password in the word itself, where other people can read it."""
    found = _PASSWORD.search(word)
    return found is not None and bool(_VARIABLE.sub("", found["password"]))


def _parted(word: str, stores: Mapping[str, StorePlugin]) -> tuple[str, str]:
    """The plugin that is meant, and the place that it gets."""
    if word in stores:
        return word, ""
    scheme = _SCHEME.match(word)
    for plugin in stores.values():
        if scheme is not None and scheme[1].lower() in plugin.schemes:
            return plugin.name, word
        if not scheme and word.lower().endswith(plugin.suffixes or ("\0",)):
            return plugin.name, word.removeprefix(f"{plugin.name}:")
    name, colon, place = word.partition(":")
    if colon and place and not scheme and name in stores and stores[name].place:
        return name, place
    ways = [*stores]
    for plugin in stores.values():
        ways += [f"…{suffix}" for suffix in plugin.suffixes]
        ways += [f"{scheme}://…" for scheme in plugin.schemes]
    shown = _PASSWORD.sub("://***@", word)
    raise ConfigError(f"'{shown}' names no store.", hint=f"A store is one of {', '.join(ways)}.")


def _value(match: re.Match[str]) -> str:
    try:
        value = os.environ[match[1]]
    except KeyError:
        raise ConfigError(
            f"The environment has no variable {match[1]}.",
            hint=f"Set it with: export {match[1]}=...",
        ) from None
    remember(value)
    return value
