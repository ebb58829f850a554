"""What rules look at: a scene's texts and fields, or those of a whole video."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydantic import JsonValue

from toolkit.records import Analysis, Scene, Tag, Video
from toolkit.stages.tags import TaggedScene

__all__ = ["PLACES", "Subject", "WholeSubject"]

DESCRIPTION, ANSWERS, INFO = PLACES = ("description", "answers", "info")

MAX_CHARS = 20_000
"""Only so much of a text is searched: a regular expression may be slow on a long one."""
_MOST = 10  # scenes that a reason names


class Subject:
    """A scene with its analysis and its video, as rules see it."""

    def __init__(self, scene: Scene, analysis: Analysis, video: Video) -> None:
        self._scene = scene
        self._analysis = analysis
        self._video = video

    def texts(self, places: Sequence[str]) -> Iterator[tuple[str, str]]:
        """The texts found in these places that are not empty, each with what to call it."""
        yield from _said(self._analysis, places)
        yield from _told(self._video, places)

    def value(self, group: str, name: str) -> JsonValue:
        """The value of a field, None where there is none."""
        found: object = None
        if group == "video":
            found = getattr(self._video, name, None)
        elif group == "info":
            found = _info(self._video).get(name)
        elif group == "scene":
            found = getattr(self._scene, name, None)
        elif group == "signals":
            found = self._analysis.signals.get(name)
        elif group == "labels":
            found = self._analysis.labels.get(name)
        elif group == "answers":
            found = self._analysis.values.get(name)
        elif self._analysis.sentiment is not None:
            found = getattr(self._analysis.sentiment, name or "label")
        return _plain(found)

    def scenes_with(self, label: str) -> str:
        """Nothing: one scene has no others in it."""
        return ""


class WholeSubject:
    """A video with all of its scenes, as rules of whole videos see it."""

    def __init__(self, video: Video, scenes: Sequence[TaggedScene]) -> None:
        self._video = video
        self._scenes = scenes
        self._with: dict[str, list[Scene]] = {}
        for one in scenes:
            for label in {_folded(tag) for tag in one.tags}:
                self._with.setdefault(label, []).append(one.scene)

    def texts(self, places: Sequence[str]) -> Iterator[tuple[str, str]]:
        """The texts of all scenes found in these places, and those about the video."""
        for one in self._scenes:
            for name, text in _said(one.analysis, places):
                yield f"{name} of scene {one.scene.index}", text
        yield from _told(self._video, places)

    def value(self, group: str, name: str) -> JsonValue:
        """The value of a field, None where there is none."""
        if group == "video":
            return _plain(getattr(self._video, name, None))
        if group == "info":
            return _plain(_info(self._video).get(name))
        having = self.having(name)
        if group == "count":
            return len(having)
        if group == "seconds":
            return sum(scene.duration_s for scene in having)
        lengths = [one.scene.duration_s for one in self._scenes]
        if group == "share":
            return sum(scene.duration_s for scene in having) / sum(lengths) if lengths else None
        if name == "count":
            return len(lengths)
        if not lengths:
            return None
        if name == "mean_s":
            return sum(lengths) / len(lengths)
        return max(lengths) if name == "longest_s" else min(lengths)

    def having(self, label: str) -> list[Scene]:
        """The scenes with this tag, in order."""
        return self._with.get(label.strip().casefold(), [])

    def scenes_with(self, label: str) -> str:
        """Which scenes have this tag, in words."""
        having = self.having(label)
        if not having:
            return ""
        more = f" and {len(having) - _MOST} more" if len(having) > _MOST else ""
        numbers = ", ".join(str(scene.index) for scene in having[:_MOST])
        return f" (scene{'s' if len(having) > 1 else ''} {numbers}{more})"


def _said(analysis: Analysis, places: Sequence[str]) -> Iterator[tuple[str, str]]:
    if DESCRIPTION in places and analysis.description:
        yield "description", analysis.description[:MAX_CHARS]
    for question, answer in analysis.questions.items():
        if answer and (ANSWERS in places or question in places):
            yield f"answer to '{question}'", answer[:MAX_CHARS]


def _told(video: Video, places: Sequence[str]) -> Iterator[tuple[str, str]]:
    for name, value in _info(video).items() if INFO in places else ():
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and text:
                yield f"info.{name}", text[:MAX_CHARS]


def _info(video: Video) -> dict[str, JsonValue]:
    """What the file says of itself, and over it what its site said."""
    return {**video.tags, **video.info}


def _plain(found: object) -> JsonValue:
    if isinstance(found, list):
        return [item for item in found if isinstance(item, str)]
    return found if isinstance(found, str | int | float) else None


def _folded(tag: Tag) -> str:
    return tag.label.strip().casefold()
