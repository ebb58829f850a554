"""What a process that reads files is told: its tools, once, and then one task after another."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from toolkit.hooks.manager import Made
from toolkit.hooks.specs import Context
from toolkit.hooks.values import by_value
from toolkit.isolation.limits import Allowance
from toolkit.records import Video
from toolkit.stages.component import Component
from toolkit.stages.decode import Decoder
from toolkit.stages.scenes import SceneDetector

__all__ = ["Job", "Pair", "Task", "Tools"]

T = TypeVar("T")


@dataclass(frozen=True)
class Pair:
    """Who reads a file."""

    decoder: Decoder
    detector: SceneDetector


Job = Callable[..., Iterator[T]]
"""A generator function of a module: of a :class:`Pair`, a file, arguments, and a ``Cancel``.

The file is a path or a ``Video``. Arguments and items can be pickled; items hold numbers, texts,
arrays and our records. Where there is no pair, it is None.
"""


@dataclass(frozen=True)
class Tools:
    """A decoder and a detector, as others can make them again.

    Attributes:
        plugins: Their plugins, by value where they are not installed.
        options: The values of their options.
        context: Where they work.
    """

    plugins: bytes
    options: tuple[dict[str, Any], dict[str, Any]]
    context: Context

    @classmethod
    def of(cls, decoder: Made[Decoder], detector: Made[SceneDetector], context: Context) -> Tools:
        """Those of working objects.

        Raises:
            Exception: They cannot be written down.
        """
        both = decoder, detector
        values = decoder.options.model_dump(), detector.options.model_dump()
        return cls(by_value([one.plugin for one in both]), values, context)

    def made(self) -> Pair:
        """The working objects, in this process."""
        made: list[Component] = []
        for plugin, values in zip(pickle.loads(self.plugins), self.options, strict=True):  # noqa: S301 - from the parent
            options = plugin.options.model_validate(values)
            made.append(plugin.factory(options, self.context))
        decoder, detector = made
        assert isinstance(decoder, Decoder)
        assert isinstance(detector, SceneDetector)
        return Pair(decoder, detector)


@dataclass(frozen=True)
class Task:
    """One file, what is to be done with it, on how many cores, and whether that takes tools."""

    job: Job[Any]
    file: Path | Video
    arguments: tuple[Any, ...]
    allowed: Allowance
    cores: int
    log_level: int
    paired: bool

    @property
    def path(self) -> str:
        """The file's path."""
        return self.file.path if isinstance(self.file, Video) else str(self.file)
