"""What every plugin's working object has in common: options, an identity, an end."""

from __future__ import annotations

import hashlib
import inspect
import threading
from collections.abc import Callable
from types import CellType, CodeType, TracebackType
from typing import Any, ClassVar, Self

from pydantic import ConfigDict, JsonValue

from toolkit.config.secrets import Discreet
from toolkit.errors import CancelledError

__all__ = ["Cancel", "Component", "Options", "class_hash", "code_hash"]


class Options(Discreet):
    """Base of a plugin's options: the config section, flags, forms and docs are made from it.

    Every field needs a default and a ``Field(description=...)``. ``neutral`` names the options
    that do not change the output (a device, a number of threads): they stay out of fingerprints.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    neutral: ClassVar[frozenset[str]] = frozenset()

    def identity(self) -> dict[str, JsonValue]:
        """The options that change the output, as JSON."""
        data: dict[str, JsonValue] = self.model_dump(mode="json", exclude=set(self.neutral))
        return data


class Component:
    """A plugin at work. Making one is cheap: models load when they are first needed."""

    def identity(self) -> dict[str, JsonValue]:
        """What changes the output beyond the plugin's version and options.

        A model's revision or the hash of a rule file, for example.
        """
        return {}

    def close(self) -> None:
        """Free what the component holds; it may be called twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Cancel:
    """A request to stop, shared by all threads of a run."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        """Ask everyone to stop."""
        self._event.set()

    @property
    def asked(self) -> bool:
        """Whether everyone is to stop."""
        return self._event.is_set()

    def check(self) -> None:
        """Raise if the run was cancelled.

        Raises:
            CancelledError: The run was cancelled.
        """
        if self.asked:
            raise CancelledError("The run was cancelled.")

    def wait(self, seconds: float) -> bool:
        """Sleep, but no longer than until the run is cancelled; says whether it was."""
        return self._event.wait(seconds)


def code_hash(function: Callable[..., Any]) -> str:
    """Names what a function does: edit a notebook's cell, and only what it feeds runs again.

    Byte code, constants, defaults and closed-over values rather than the source, which a
    notebook does not always have. Globals that it uses count by their names alone.
    """

    def parts(code: CodeType) -> list[str]:
        inner = [c for c in code.co_consts if inspect.iscode(c)]
        plain = [repr(c) for c in code.co_consts if not inspect.iscode(c)]
        return [code.co_code.hex(), *plain, *code.co_names, *(p for c in inner for p in parts(c))]

    closed = [_held(cell) for cell in function.__closure__ or ()]
    text = "\x1f".join([*parts(function.__code__), *closed, repr(function.__defaults__)])
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _held(cell: CellType) -> str:
    try:
        return repr(cell.cell_contents)
    except ValueError:  # what it names is defined below the function
        return ""


def class_hash(kind: type) -> str:
    """Names what a class does, as :func:`code_hash` does for a function: its methods and values.

    What it inherits counts as far as the classes above it were made in the same place, such as
    the same notebook.
    """
    parts: list[str] = []
    for one in kind.__mro__:
        if one.__module__ != kind.__module__:
            continue
        for name, value in vars(one).items():
            inner = getattr(value, "__func__", None) or getattr(value, "fget", None) or value
            if inspect.isfunction(inner):
                parts += [name, code_hash(inner)]
            elif not name.startswith("__") and isinstance(value, str | int | float | tuple):
                parts += [name, repr(value)]
    return hashlib.blake2b("\x1f".join(parts).encode(), digest_size=16).hexdigest()
