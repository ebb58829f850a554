"""A scene on its way through the stages."""

from __future__ import annotations

from dataclasses import dataclass, field

from toolkit.errors import ToolkitError
from toolkit.records import Answer, Ask, Frames, Record, Scene, Video

__all__ = ["Trouble", "Work", "wrapped"]


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


def wrapped(kind: type[ToolkitError], what: str, error: Exception) -> ToolkitError:
    """What a plugin raised, as an error of this kind unless it is one of ours."""
    if isinstance(error, ToolkitError):
        return error
    ours = kind(f"{what} failed: {type(error).__name__}: {error}")
    ours.__cause__ = error
    return ours
