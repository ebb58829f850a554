"""A scene on its way through the stages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from toolkit.crew import Crew
from toolkit.errors import ToolkitError
from toolkit.records import Answer, Ask, Completion, Frames, Record, Scene, Video

__all__ = ["Trouble", "Work", "pending", "scanned", "wrapped"]


@dataclass(frozen=True)
class Trouble:
    """A stage failed on a scene."""

    stage: str
    error: ToolkitError


@dataclass
class Work:
    """A scene on its way from the scan to the store.

    ``missing`` maps an analyzer's place to what it has still to answer. ``frames`` is there as
    long as somebody has to look at them, and is the only large thing. ``new`` is to be saved with
    the scene, ``closing`` once all of the video's scenes are saved.
    """

    video: Video
    scene: Scene
    frames: Frames | None = None
    answers: list[Answer] = field(default_factory=list)
    missing: dict[int, list[Ask]] = field(default_factory=dict)
    new: list[Record] = field(default_factory=list)
    closing: list[Record] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    tagged: bool = False

    @property
    def reused(self) -> bool:
        """Whether nothing had to be done."""
        return not self.new and not self.troubles


def pending(crew: Crew, video: Video, scenes: Sequence[Scene]) -> list[Work]:
    """These scenes of a video as work: what the store has of them, and what is missing."""
    ids = [scene.id for scene in scenes]
    asked = crew.asked
    answers: dict[str, list[Answer]] = {}
    for answer in crew.store.find(Answer, scene_id=ids) if asked else ():
        if (answer.analyzer, answer.ask) in asked:
            answers.setdefault(answer.scene_id, []).append(answer)
    keys = [job.key for job in crew.taggers]
    done = {
        (c.item_id, c.key) for c in crew.store.find(Completion, stage="tags", key=keys, item_id=ids)
    }
    works = []
    for scene in scenes:
        have = answers.get(scene.id, [])
        known = {(answer.analyzer, answer.ask) for answer in have}
        missing = {
            place: [ask for ask in job.asks if (job.key, ask.key) not in known]
            for place, job in enumerate(crew.analyzers)
        }
        works.append(
            Work(
                video,
                scene,
                answers=have,
                missing={place: asks for place, asks in missing.items() if asks},
                tagged=all((scene.id, key) in done for key in keys),
            )
        )
    return works


def scanned(crew: Crew, video: Video) -> bool:
    """Whether all scenes of the video are in the store."""
    done = Completion.of(video.id, "scan", crew.detector_key)
    return crew.store.count(Completion, id=done.id) > 0


def wrapped(kind: type[ToolkitError], what: str, error: Exception) -> ToolkitError:
    """What a plugin raised, as an error of this kind unless it is one of ours."""
    if isinstance(error, ToolkitError):
        return error
    ours = kind(f"{what} failed: {type(error).__name__}: {error}")
    ours.__cause__ = error
    return ours
