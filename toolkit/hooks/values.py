"""Plugins by value: what another process needs to have those that were defined in this one."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from toolkit.hooks.specs import Plugin

__all__ = ["by_value"]


def by_value(plugins: Sequence[Plugin]) -> bytes:
    """The plugins, and whatever of their code is in no package that is installed.

    ``pickle.loads`` reads them.

    Raises:
        Exception: One of them holds what cannot be written down, such as a lock.
    """
    import cloudpickle

    modules = [module for module in list(sys.modules.values()) if _stray(module)]
    for module in modules:
        cloudpickle.register_pickle_by_value(module)
    try:
        return bytes(cloudpickle.dumps(list(plugins)))
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
