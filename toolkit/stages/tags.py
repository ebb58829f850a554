"""Analysis -> tags."""

from __future__ import annotations

import inspect
from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from toolkit.errors import TagError
from toolkit.records import Analysis, Scene, Tag, Video, Vocabulary
from toolkit.stages.component import Component, code_hash

__all__ = [
    "FunctionTagger",
    "TagFunction",
    "TaggedScene",
    "Tagger",
    "apart",
    "merge",
    "named",
]

TagFunction = Callable[..., Iterable[Tag] | Tag | None]
"""``def f(scene, analysis)`` or ``def f(scene, analysis, video)``: yields or returns tags.

A third parameter that has a default and another name is the function's own.
"""


@dataclass(frozen=True)
class TaggedScene:
    """A scene with what was said of it and the tags of all taggers, merged, best first."""

    scene: Scene
    analysis: Analysis
    tags: Sequence[Tag]


class Tagger(Component):
    """Draws labels from what is known about a scene. Called from several threads."""

    reads_labels = False
    """Whether it reads the probabilities of the vocabulary's labels: then these are asked for."""
    looks_ahead = False
    """Whether it does better with many scenes at once, see :meth:`prepare`."""
    tags_videos = False
    """Whether it tags whole videos, too, see :meth:`tag_video`."""

    @abstractmethod
    def tag(self, scene: Scene, analysis: Analysis, video: Video) -> Iterable[Tag]:
        """The scene's tags: label, score and why; the pipeline fills in the rest.

        Raises:
            TagError: The tagger could not do its work.
        """

    def prepare(self, analyses: Sequence[Analysis]) -> None:
        """Called, if :attr:`looks_ahead`, with the scenes that :meth:`tag` is called for next.

        What it raises is nobody's failure: the calls that follow have to tell.
        """

    def tag_video(self, video: Video, scenes: Sequence[TaggedScene]) -> Iterable[Tag]:
        """The whole video's tags, from all of its scenes in order.

        Called once all of them have their tags, if :attr:`tags_videos`.

        Raises:
            TagError: The tagger could not do its work.
        """
        return ()


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
    """One tag a label: the one with the highest score, every reason and tagger kept."""
    best: dict[str, Tag] = {}
    for tag in tags:
        other = best.get(tag.label)
        if other is None:
            best[tag.label] = tag
            continue
        high, low = (tag, other) if tag.score > other.score else (other, tag)
        reasons = "; ".join(why for why in dict.fromkeys([high.why, low.why]) if why)
        who = [*high.tagger.split(", "), *low.tagger.split(", ")]
        taggers = ", ".join(dict.fromkeys(filter(None, who)))
        best[tag.label] = high.model_copy(update={"why": reasons, "tagger": taggers})
    return list(best.values())


def named(tags: Iterable[Tag], vocabulary: Vocabulary) -> list[Tag]:
    """The tags merged, with the vocabulary's names in the place of synonyms; best first."""
    found = merge(_named(tag, vocabulary) for tag in tags)
    return sorted(found, key=lambda tag: (-tag.score, tag.label))


def _named(tag: Tag, vocabulary: Vocabulary) -> Tag:
    label = vocabulary.find(tag.label)
    if label is None or label.name == tag.label:
        return tag
    why = f"{tag.why}, called '{tag.label}'" if tag.why else f"called '{tag.label}'"
    return tag.model_copy(update={"label": label.name, "why": why})


def apart(tags: Iterable[Tag], vocabulary: Vocabulary, sure: Collection[str] = ()) -> list[Tag]:
    """Of tags that exclude each other the first alone.

    Args:
        tags: In the order in which they count, as :func:`named` gives them.
        vocabulary: Says which exclude each other.
        sure: Labels that stay whatever else is there, and whose groups have no others.
    """
    tags = list(tags)
    groups = {tag.label: label.exclusive for tag in tags if (label := vocabulary.find(tag.label))}
    taken = {groups[label] for label in sure if groups.get(label)}
    kept = []
    for tag in tags:
        group = groups.get(tag.label)
        if group and tag.label not in sure:
            if group in taken:
                continue
            taken.add(group)
        kept.append(tag)
    return kept
