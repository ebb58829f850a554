"""How our code and that of plugins reaches the workers of a cluster.

Packages are sent as they lie on this machine, each with its distribution's metadata, so that
plugins are found there as they are here: by entry points, and in the plugin folder. That works the
same for editable installs, and needs neither pip nor a network on the cluster's machines. Plugins
that were defined in this process travel with the run, by value.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

from toolkit.config import Settings
from toolkit.config.settings import STAGES
from toolkit.errors import PluginError
from toolkit.execution.ray.versions import DISTRIBUTION, needs
from toolkit.hooks.manager import PluginManager
from toolkit.hooks.specs import PROJECT

__all__ = ["plugin_folder", "runtime_env"]

_FOLDER = "toolkit_plugin_folder"


def runtime_env(settings: Settings, plugins: PluginManager, scratch: Path) -> dict[str, Any]:
    """What Ray is to prepare for every worker, as ``[ray] ship`` says.

    Args:
        settings: The settings.
        plugins: The plugins that they allow.
        scratch: An empty folder that stays until Ray has sent all of it.
    """
    if settings.ray.ship == "nothing":
        return {}
    sent = [DISTRIBUTION, *_third_parties(plugins)]
    modules = [
        path for name in sent for path in _parts(importlib.metadata.distribution(name), scratch)
    ]
    if settings.plugins.folder:
        target = scratch / _FOLDER
        target.mkdir()
        for file in sorted(plugin_folder(settings).glob("*.py")):
            shutil.copy(file, target)
        modules.append(target)
    env: dict[str, Any] = {
        "py_modules": [str(path) for path in modules],
        "excludes": ["__pycache__", "*.pyc"],
    }
    if settings.ray.ship == "all":
        env["pip"] = {"packages": _libraries(settings, plugins, sent), "pip_check": False}
    return env


def plugin_folder(settings: Settings) -> Path:
    """The folder of ``[plugins] folder`` in this process: where it was sent to, or its own."""
    for place in sys.path:
        if (sent := Path(place) / _FOLDER).is_dir():
            return sent
    return settings.base / Path(settings.plugins.folder).expanduser()


def _third_parties(plugins: PluginManager) -> list[str]:
    """Distributions with plugins, besides our own."""
    names = {
        entry.dist.name
        for entry in importlib.metadata.entry_points(group=PROJECT)
        if entry.dist and entry.name not in plugins.disabled
    }
    return sorted(names - {DISTRIBUTION})


def _parts(distribution: Distribution, scratch: Path) -> Iterator[Path]:
    """The packages of a distribution, and its metadata."""
    about = scratch / f"{distribution.name.replace('-', '_')}-{distribution.version}.dist-info"
    about.mkdir()
    for name in ("METADATA", "entry_points.txt"):
        if text := distribution.read_text(name):
            (about / name).write_text(text, encoding="utf-8")
    yield about
    names = {entry.module.partition(".")[0] for entry in distribution.entry_points}
    names |= {file.parts[0].removesuffix(".py") for file in distribution.files or () if _code(file)}
    for name in sorted(names):
        spec = importlib.util.find_spec(name)
        if spec and spec.submodule_search_locations:
            yield Path(next(iter(spec.submodule_search_locations)))
        elif spec and spec.origin:
            yield Path(spec.origin)


def _code(file: importlib.metadata.PackagePath) -> bool:
    """Whether a file of a distribution is a module, or in a package, that can be imported."""
    return file.suffix == ".py" and all(
        part.isidentifier() for part in (*file.parts[:-1], file.stem)
    )


def _libraries(settings: Settings, plugins: PluginManager, sent: list[str]) -> list[str]:
    """What pip is to install for the distributions sent and the plugins chosen."""
    extras = set()
    for stage in STAGES:
        for name in settings.chosen(stage):
            try:
                extras.add(plugins.get(stage, name).extra)
            except PluginError:  # such as `none`; or it is told when it is to be made
                continue
    found = set(needs(DISTRIBUTION, *sorted(extras)))
    found |= {line for name in sent[1:] for line in needs(name)}
    return sorted(line for line in found if not line.startswith(("ray", DISTRIBUTION)))
