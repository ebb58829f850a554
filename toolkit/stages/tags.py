"""Analysis -> tags."""

from __future__ import annotations

import inspect
from abc import abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

from pydantic import JsonValue

from toolkit.errors import TagError
from toolkit.records import Analysis, Scene, Tag, Video
from toolkit.stages.component import Component, code_hash

__all__ = ["FunctionTagger", "TagFunction", "Tagger", "merge"]

TagFunction = Callable[..., Iterable[Tag] | Tag | None]
"""``def f(scene, analysis)`` or ``def f(scene, analysis, video)``: yields or returns tags.

A third parameter that has a default and another name is the function's own.
"""


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
        third = [*inspect.signature(function).parameters.values()][2:3]
        self._takes_video = any(p.name == "video" or p.default is p.empty for p in third)

    def tag(self, scene: Scene, analysis: Analysis, video: Video) -> Iterable[Tag]:
        """What the function yields or returns; nothing counts as no tags."""
        arguments: tuple[Any, ...] = (
            (scene, analysis, video)
            if self._takes_video
            else (
                scene,
                analysis,
            )
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
        return {"code": code_hash(self.function)}


def merge(tags: Iterable[Tag]) -> list[Tag]:
    """One tag a label: the one with the highest score, every reason kept."""
    best: dict[str, Tag] = {}
    for tag in tags:
        other = best.get(tag.label)
        if other is None:
            best[tag.label] = tag
            continue
        high, low = (tag, other) if tag.score > other.score else (other, tag)
        reasons = "; ".join(why for why in dict.fromkeys([high.why, low.why]) if why)
        best[tag.label] = high.model_copy(update={"why": reasons})
    return list(best.values())
