"""What rules look at: a scene's texts and fields."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydantic import JsonValue

from toolkit.records import Analysis, Scene, Video

__all__ = ["ANSWERS", "DESCRIPTION", "Subject"]

DESCRIPTION, ANSWERS = "description", "answers"

MAX_CHARS = 20_000
"""Only so much of a text is searched: a regular expression may be slow on a long one."""


class Subject:
    """A scene with its analysis and its video, as rules see it."""

    def __init__(self, scene: Scene, analysis: Analysis, video: Video) -> None:
        self._scene = scene
        self._analysis = analysis
        self._video = video

    def texts(self, places: Sequence[str]) -> Iterator[tuple[str, str]]:
        """The texts found in these places that are not empty, each with what to call it."""
        if DESCRIPTION in places and self._analysis.description:
            yield "description", self._analysis.description[:MAX_CHARS]
        for question, answer in self._analysis.questions.items():
            if answer and (ANSWERS in places or question in places):
                yield f"answer to '{question}'", answer[:MAX_CHARS]

    def value(self, group: str, name: str) -> JsonValue:
        """The value of a field, None where there is none."""
        found: object = None
        if group == "video":
            found = getattr(self._video, name, None)
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
        if isinstance(found, list):
            return [item for item in found if isinstance(item, str)]
        return found if isinstance(found, str | int | float) else None
