"""Find plugins, collect what they bring, and make the working objects.

Plugins come by entry points (group ``toolkit``), from a folder of files named in the config, or
as objects registered in a notebook. All three end in :meth:`PluginManager.register`.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, TypeVar, cast

import pluggy
from pydantic import BaseModel

from toolkit import cache
from toolkit.config import RawConfig, Settings, read, redact, resolve
from toolkit.config.settings import Plugins
from toolkit.errors import MissingExtraError, PluginError, ToolkitError, choices
from toolkit.hooks import local
from toolkit.hooks.embedding import embeddings
from toolkit.hooks.specs import KINDS, LIFECYCLE, PROJECT, Context, HookSpecs, Plugin
from toolkit.records import Vocabulary
from toolkit.redaction import discreet
from toolkit.sealing import at_rest
from toolkit.stages.component import Component, Options

__all__ = ["Broken", "Made", "PluginManager", "configure", "discover", "load_file"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Broken:
    """A plugin that could not be used, and why."""

    provider: str
    reason: str


C = TypeVar("C", bound=Component)


@dataclass(frozen=True)
class Made(Generic[C]):
    """A plugin at work: its record, its options and the object that does it."""

    plugin: Plugin
    options: Options
    component: C

    @property
    def fingerprint(self) -> str:
        """Names all of it that may change results, see :func:`toolkit.cache.fingerprint`."""
        one = self.plugin
        return cache.fingerprint(one.stage, one.name, one.version, self.options, self.component)


class PluginManager:
    """Knows every plugin. Broken ones are listed with their reason and never stop the rest."""

    def __init__(self, disabled: Iterable[str] = ()) -> None:
        self.disabled = frozenset(disabled)
        self.broken: list[Broken] = []
        self._plugins: dict[tuple[str, str], tuple[Plugin, str]] = {}
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(HookSpecs)

    @property
    def hook(self) -> Any:
        """The hooks, for calling the lifecycle ones."""
        return self._manager.hook

    def load_entry_points(self) -> None:
        """Load every installed distribution's plugins, but for the disabled ones."""
        for entry in importlib.metadata.entry_points(group=PROJECT):
            if entry.name not in self.disabled:
                self._load(f"{entry.value} (entry point {entry.name})", entry.load)

    def load_folder(self, folder: Path) -> None:
        """Load every ``.py`` file of a folder as a plugin.

        Raises:
            PluginError: There is no such folder.
        """
        if not folder.is_dir():
            raise PluginError(
                f"The plugin folder {folder} does not exist.",
                hint="Make it, or change [plugins] folder.",
            )
        for file in sorted(folder.glob("*.py")):
            if file.stem not in self.disabled:
                self._load(str(file), lambda file=file: load_file(file))  # type: ignore[misc]  # mypy infers no lambda with a default

    def _load(self, provider: str, load: Callable[[], Any]) -> None:
        try:
            self.register(load(), provider)
        except Exception as error:  # noqa: BLE001 - a plugin is someone else's code
            self._report(provider, error)

    def _report(self, provider: str, error: BaseException) -> None:
        reason = redact(f"{type(error).__name__}: {error}")
        self.broken.append(Broken(provider, reason))
        log.warning("The plugin %s is broken and is left out: %s", provider, reason)

    def register(self, module: Any, provider: str) -> None:
        """Take in a module or object that has hooks.

        Raises:
            PluginError: A hook is misspelt or has wrong arguments, it brings something that is
                no plugin record, or a name that is already taken.
        """
        self._check_spelling(module, provider)
        try:
            self._manager.register(module, provider)
            found = [
                plugin
                for kind in KINDS
                for plugin in self._collect(module, kind)
                if plugin.name not in self.disabled
            ]
        except pluggy.PluginValidationError as error:
            raise PluginError(f"{provider}: {error}") from error
        except Exception:
            self._manager.unregister(module)
            raise
        for plugin in found:
            self.add(plugin, provider)

    def _collect(self, module: Any, kind: type[Plugin]) -> Iterable[Plugin]:
        implementation = getattr(module, kind.hook, None)
        if implementation and not hasattr(implementation, f"{PROJECT}_impl"):
            raise PluginError(f"{kind.hook} is not marked.", hint="Put @hookimpl above it.")
        for plugin in implementation() if implementation else ():
            if not isinstance(plugin, kind):
                raise PluginError(
                    f"{kind.hook} gave {plugin!r}.", hint=f"It must give {kind.__name__} records."
                )
            yield plugin

    def _check_spelling(self, module: Any, provider: str) -> None:
        known = [name for name in vars(HookSpecs) if name.startswith(f"{PROJECT}_")]
        for name in dir(module):
            if hasattr(getattr(module, name, None), f"{PROJECT}_impl") and name not in known:
                raise PluginError(
                    f"{provider}: there is no hook '{name}'.", hint=choices(name, known)
                )

    def add(self, plugin: Plugin, provider: str, *, replace: bool = False) -> None:
        """Take in one plugin record. A notebook cell that runs again replaces its own.

        Raises:
            PluginError: The name is taken by another provider.
        """
        key = (plugin.stage, plugin.name)
        if key in self._plugins and not replace:
            other = self._plugins[key][1]
            raise PluginError(
                f"Two plugins of the stage '{plugin.stage}' are named '{plugin.name}': "
                f"from {other} and from {provider}.",
                hint="The first one is used. Rename one, or name its entry point in "
                "[plugins] disabled.",
            )
        self._plugins[key] = (plugin, provider)

    def plugins(self, stage: str | None = None) -> list[tuple[Plugin, str]]:
        """Every plugin with its provider, by stage and name."""
        return [v for k, v in sorted(self._plugins.items()) if stage in (None, k[0])]

    def listeners(self) -> list[tuple[Any, str]]:
        """Every plugin that is told what happens in a run, with its provider."""
        named = [(found, name) for name, found in self._manager.list_name_plugin() if found]
        return [
            (found, name)
            for found, name in named
            if any(hasattr(getattr(found, hook, None), f"{PROJECT}_impl") for hook in LIFECYCLE)
        ]

    def get(self, stage: str, name: str) -> Plugin:
        """One plugin.

        Raises:
            PluginError: There is none of this name.
        """
        if (stage, name) in self._plugins:
            return self._plugins[stage, name][0]
        names = [n for s, n in self._plugins if s == stage]
        broken = "".join(f" {b.provider} is broken: {b.reason}." for b in self.broken)
        raise PluginError(
            f"There is no plugin '{name}' for the stage '{stage}'.",
            hint=choices(name, names) + broken,
            stage=stage,
            plugin=name,
        )

    def option_models(self) -> dict[str, dict[str, type[BaseModel]]]:
        """Stage -> plugin -> the model of its options."""
        models: dict[str, dict[str, type[BaseModel]]] = {}
        for (stage, name), (plugin, _) in self._plugins.items():
            models.setdefault(stage, {})[name] = plugin.options
        return models

    def make(
        self,
        kind: type[C],
        stage: str,
        name: str,
        settings: Settings,
        vocabulary: Vocabulary | None = None,
    ) -> Made[C]:
        """A plugin's working object, of the kind that its stage's contract names.

        Raises:
            MissingExtraError: Its libraries are not installed; the hint has the command.
            PluginError: There is no such plugin, or it failed to start.
            EncryptionError: What it keeps is encrypted, and the key is missing or does not fit.
        """
        plugin = self.get(stage, name)
        options = settings.options.get(stage, {}).get(name, plugin.options())
        assert isinstance(options, Options)
        try:
            labels = vocabulary or Vocabulary()
            context = Context(
                settings.workspace,
                settings.base,
                vocabulary=labels,
                embeddings=lambda: embeddings(self, settings),
            )
            component = plugin.factory(options, context)
        except ToolkitError:
            raise
        except ImportError as error:
            missing = isinstance(error, ModuleNotFoundError) and (error.name or "")
            if plugin.extra and missing and not missing.startswith(PROJECT):
                raise MissingExtraError(name, plugin.extra, cause=error) from error
            raise PluginError(f"The plugin '{name}' cannot be imported: {error}") from error
        except Exception as error:
            raise PluginError(
                f"The plugin '{name}' failed to start: {type(error).__name__}: {error}"
            ) from error
        if not isinstance(component, kind):
            raise PluginError(f"The plugin '{name}' made no {kind.__name__}.")
        return Made(plugin, options, cast(C, discreet(at_rest(component, settings), settings)))


def load_file(file: Path) -> ModuleType:
    """The module of a plugin file.

    Raises:
        ImportError: It is no Python file.
    """
    spec = importlib.util.spec_from_file_location(f"toolkit_plugin_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def discover(raw: RawConfig) -> PluginManager:
    """Load every plugin that the config allows.

    Raises:
        ConfigError: A setting of ``[plugins]`` does not fit.
        PluginError: The plugin folder does not exist.
    """
    wanted: Plugins = raw.section(Plugins, "plugins")
    manager = PluginManager(wanted.disabled)
    manager.load_entry_points()
    if wanted.folder:
        manager.load_folder(raw.base / Path(wanted.folder).expanduser())
    for plugin in local.plugins():
        manager.add(plugin, "this process", replace=True)
    return manager


def configure(
    file: str | os.PathLike[str] | None = None,
    arguments: Mapping[str, Mapping[str, Any]] | None = None,
) -> tuple[Settings, PluginManager, RawConfig]:
    """Read the config, load the plugins that it allows, and check it against them.

    Raises:
        ConfigError: A setting does not fit.
        PluginError: The plugin folder does not exist.
    """
    raw = read(file, arguments)
    manager = discover(raw)
    return resolve(raw, manager.option_models()), manager, raw
