"""Settings and plugins as plain data: what a process elsewhere needs to make the same again."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field
from typing import Any

from toolkit.config import RawConfig, Settings
from toolkit.config.secrets import known, remember
from toolkit.execution.ray.shipping import plugin_folder
from toolkit.hooks import local
from toolkit.hooks.manager import PluginManager, discover
from toolkit.hooks.values import by_value
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
        """These settings, and the plugins of this process."""
        options = {
            stage: {name: one.model_dump() for name, one in plugins.items()}
            for stage, plugins in settings.options.items()
        }
        bare = carried(settings).model_copy(update={"options": {}})
        plugins = local.plugins()
        return cls(bare, options, known(), by_value(plugins) if plugins else b"")

    def open(self) -> tuple[Settings, PluginManager]:
        """Make the settings and find the plugins, in this process."""
        for secret in self.secrets:
            remember(secret)
        if self.plugins:
            for plugin in pickle.loads(self.plugins):  # noqa: S301 - from the run's own process
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
