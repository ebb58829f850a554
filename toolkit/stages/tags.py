"""Analysis -> tags."""

from __future__ import annotations

import hashlib
import inspect
from abc import abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

from pydantic import JsonValue

from toolkit.errors import TagError
from toolkit.records import Analysis, Scene, Tag, Video
from toolkit.stages.component import Component

__all__ = ["FunctionTagger", "TagFunction", "Tagger"]

TagFunction = Callable[..., Iterable[Tag] | Tag | None]
"""``def f(scene, analysis)`` or ``def f(scene, analysis, video)``: yields or returns tags."""


class Tagger(Component):
    """Draws labels from what is known about a scene. Called from several threads."""

    @abstractmethod
    def tag(self, scene: Scene, analysis: Analysis, video: Video) -> Iterable[Tag]:
        """The scene's tags: label, score and why; the pipeline fills in the rest.

        Raises:
            TagError: The tagger could not do its work.
        """


class FunctionTagger(Tagger):
    """A plain function as a tagger: the plugin that fits in a notebook cell."""

    def __init__(self, function: TagFunction) -> None:
        self.function = function
        self._takes_video = len(inspect.signature(function).parameters) > 2

    def tag(self, scene: Scene, analysis: Analysis, video: Video) -> Iterable[Tag]:
        arguments: tuple[Any, ...] = (scene, analysis, video) if self._takes_video else (
            scene,
            analysis,
        )
        found = self.function(*arguments)
        if found is None:
            return []
        tags = [found] if isinstance(found, Tag) else list(found)
        for tag in tags:
            if not isinstance(tag, Tag):
                raise TagError(
                    f"The tagger '{self.function.__name__}' gave {tag!r}, which is not a Tag.",
                    hint="Yield tk.Tag('label', score=0.9, why='...').",
                )
        return tags

    def identity(self) -> dict[str, JsonValue]:
        """The function's code: edit the cell, and only tagging runs again.

        Byte code and constants rather than the source, which a notebook does not always have.
        Values that the function closes over are part of it.
        """
        return {"code": _code_hash(self.function)}


def _code_hash(function: Callable[..., Any]) -> str:
    code = function.__code__
    closed = [repr(cell.cell_contents) for cell in function.__closure__ or ()]
    constants = [repr(c) if not inspect.iscode(c) else c.co_code.hex() for c in code.co_consts]
    parts = [code.co_code.hex(), *constants, *code.co_names, *closed, repr(function.__defaults__)]
    return hashlib.blake2b("\x1f".join(parts).encode(), digest_size=16).hexdigest()
