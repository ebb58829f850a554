"""The libraries of the extra ``notebook``, imported when they are first used."""

from __future__ import annotations

import importlib
from typing import Any

from toolkit.errors import MissingExtraError

__all__ = ["ipywidgets"]


def ipywidgets() -> Any:
    """The module ``ipywidgets``.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        return importlib.import_module("ipywidgets")
    except ImportError as error:
        raise MissingExtraError("panel", "notebook", cause=error) from error
