"""What a run's row says of how it was made: its settings, and the versions of what was used."""

from __future__ import annotations

import importlib.metadata
import platform
from pathlib import Path
from typing import Any

from toolkit.config import RawConfig, Settings
from toolkit.config.secrets import MASK
from toolkit.hooks.manager import PluginManager, configure
from toolkit.records import Run

__all__ = ["recalled", "versions"]


def recalled(
    row: Run, workspace: Path, file: Path | None = None
) -> tuple[Settings, PluginManager, RawConfig]:
    """The settings that a run had; its secrets, which its row does not have, from the config.

    Args:
        row: The run.
        workspace: Where the run was found.
        file: The config file that has the secrets.

    Raises:
        ConfigError: A setting does not fit any more.
    """
    values: dict[str, dict[str, Any]] = {}
    for section, keys in row.settings.items():
        if isinstance(keys, dict):
            values[section] = {k: v for k, v in keys.items() if not _masked(v)}
    values.pop("plugins", None)
    values.setdefault("paths", {})["workspace"] = workspace
    settings, plugins, raw = configure(file, values)
    base = Path(str(row.settings.get("base", settings.base)))
    return settings.model_copy(update={"base": base}), plugins, raw


def _masked(value: object) -> bool:
    return isinstance(value, str) and (MASK in value or set(value) == {"*"})


def versions() -> dict[str, str]:
    """What is installed here of all that results depend on."""
    found = {"python": platform.python_version()}
    for name in ("video-analysis-toolkit", "av", "transformers", "torch", "yt-dlp", "ray"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
