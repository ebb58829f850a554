"""Settings and plugins as plain data: what a process elsewhere needs to make the same again."""

from __future__ import annotations

import sys
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from toolkit.config import RawConfig, Settings
from toolkit.config.secrets import known, remember
from toolkit.errors import MissingExtraError
from toolkit.execution.ray.shipping import plugin_folder
from toolkit.hooks import local
from toolkit.hooks.manager import PluginManager, discover
from toolkit.hooks.specs import Plugin
from toolkit.sealing.keys import carried

__all__ = ["Parcel"]


@dataclass(frozen=True, repr=False)
class Parcel:
    """What is sent to every process of a run. Its repr shows nothing, for it has the secrets.

    Attributes:
        settings: All settings but the plugins' options.
        options: Stage -> plugin -> option -> value.
        secrets: What these processes must not show.
        plugins: The plugins defined in the sender's process, by value (cloudpickle).
    """

    settings: Settings
    options: dict[str, dict[str, dict[str, Any]]]
    secrets: frozenset[str] = field(default_factory=frozenset)
    plugins: bytes = b""

    @classmethod
    def of(cls, settings: Settings) -> Parcel:
        """These settings, and the plugins of this process.

        Raises:
            MissingExtraError: There are some, and Ray is not installed.
        """
        options = {
            stage: {name: one.model_dump() for name, one in plugins.items()}
            for stage, plugins in settings.options.items()
        }
        bare = carried(settings).model_copy(update={"options": {}})
        return cls(bare, options, known(), _by_value(local.plugins()))

    def open(self) -> tuple[Settings, PluginManager]:
        """Make the settings and find the plugins, in this process."""
        for secret in self.secrets:
            remember(secret)
        if self.plugins:
            from ray import cloudpickle

            for plugin in cloudpickle.loads(self.plugins):
                local.register(plugin)
        raw = RawConfig(base=self.settings.base)
        if self.settings.plugins.folder:
            raw.put("plugins", "folder", str(plugin_folder(self.settings)), "")
        raw.put("plugins", "disabled", self.settings.plugins.disabled, "")
        manager = discover(raw)
        options = {
            stage: {
                name: models[name].model_validate(values)
                for name, values in self.options.get(stage, {}).items()
                if name in models  # this machine may have fewer plugins, and need no more
            }
            for stage, models in manager.option_models().items()
        }
        return self.settings.model_copy(update={"options": options}), manager


def _by_value(plugins: list[Plugin]) -> bytes:
    """The plugins, and whatever of their code is in no package that is installed."""
    if not plugins:
        return b""
    try:
        from ray import cloudpickle
    except ImportError as error:
        raise MissingExtraError(plugins[0].name, "ray", cause=error) from error

    modules = [module for module in list(sys.modules.values()) if _stray(module)]
    for module in modules:
        cloudpickle.register_pickle_by_value(module)
    try:
        return bytes(cloudpickle.dumps(plugins))
    finally:
        for module in modules:
            cloudpickle.unregister_pickle_by_value(module)


def _stray(module: ModuleType) -> bool:
    """Whether a module is a file that lies about: not this program, the library or a package."""
    file, name = getattr(module, "__file__", None), getattr(module, "__name__", "__main__")
    if not file or name == "__main__" or name.startswith("toolkit"):
        return False
    installed = {sysconfig.get_path(key) for key in ("purelib", "platlib", "stdlib")}
    return name in sys.modules and not any(map(Path(file).is_relative_to, installed))
