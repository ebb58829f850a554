"""Stands before the package of this name, which JupyterLab brings, in Ray's processes.

Ray imports jsonschema, and that this package if it is there, for a check that hardly anybody asks
for. Importing it builds a parser: three quarters of the time that ``import ray`` takes, in each of
a cluster's twenty processes. Here that waits until somebody asks.
"""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path
from typing import Any

__all__ = ["is_valid_syntax"]

_here = Path(__file__).resolve().parent
_spec = PathFinder.find_spec(
    "rfc3987_syntax", [place for place in sys.path if Path(place).resolve() != _here]
)
if _spec is None or _spec.loader is None:
    raise ImportError("rfc3987_syntax is not installed", name="rfc3987_syntax")


def _real() -> Any:
    assert _spec
    assert _spec.loader
    module = sys.modules[__name__] = module_from_spec(_spec)
    _spec.loader.exec_module(module)
    return module


def is_valid_syntax(term: str, value: str) -> Any:
    """What the package says."""
    return _real().is_valid_syntax(term, value)


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return getattr(_real(), name)
