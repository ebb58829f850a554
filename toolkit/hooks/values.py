"""Plugins by value: what another process needs to have those that were defined in this one."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Sequence
from types import ModuleType

from toolkit.hooks.specs import Plugin

__all__ = ["by_value"]

_INSTALLED = ("purelib", "platlib", "stdlib")
"""Where Python keeps what is installed; there may be thousands of modules to compare with it."""


def by_value(plugins: Sequence[Plugin]) -> bytes:
    """The plugins, and whatever of their code is in no package that is installed.

    ``pickle.loads`` reads them.

    Raises:
        Exception: One of them holds what cannot be written down, such as a lock.
    """
    import cloudpickle

    installed = tuple(f"{sysconfig.get_path(key)}{os.sep}" for key in _INSTALLED)
    modules = [one for one in list(sys.modules.values()) if _stray(one, installed)]
    for module in modules:
        cloudpickle.register_pickle_by_value(module)
    try:
        return bytes(cloudpickle.dumps(list(plugins)))
    finally:
        for module in modules:
            cloudpickle.unregister_pickle_by_value(module)


def _stray(module: ModuleType, installed: tuple[str, ...]) -> bool:
    """Whether a module is a file that lies about: not this program, the library or a package."""
    file, name = getattr(module, "__file__", None), getattr(module, "__name__", "__main__")
    if not file or name == "__main__" or name.startswith("toolkit"):
        return False
    return name in sys.modules and not file.startswith(installed)
