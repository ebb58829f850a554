"""Scene detector plugin: cuts, dissolves, fades and wipes in the planes that a decoder gives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from toolkit.hooks.specs import Context, SceneDetectorPlugin, hookimpl
from toolkit.stages.component import Options

if TYPE_CHECKING:
    from toolkit.stages.scenes import SceneDetector

__all__ = ["PlanesOptions"]


class PlanesOptions(Options):
    """What counts as a boundary."""

    method: Literal["learned", "adaptive", "content"] = Field(
        default="learned",
        description="How cuts are told: learned from many signs, or from the change between frames"
        " by the rules of PySceneDetect's adaptive or content detector, hard cuts only.",
    )
    threshold: float = Field(
        default=0.5,
        gt=0,
        lt=1,
        description="Probability from which on the learned method believes in a boundary.",
    )
    dissolves: bool = Field(default=True, description="Whether to find dissolves.")
    fades: bool = Field(default=True, description="Whether to find fades through black or white.")
    wipes: bool = Field(default=True, description="Whether to find wipes.")
    min_scene_s: float = Field(
        default=0.4,
        ge=0,
        description="Shortest scene in seconds; of boundaries closer, one stays. 0.6 if nothing is"
        " said and the method is one of PySceneDetect's, as it is there.",
    )
    width: int = Field(
        default=128,
        ge=32,
        description="Width in pixels of the pictures it looks at. 256 if nothing is said and the"
        " method is one of PySceneDetect's, as it is there.",
    )

    @model_validator(mode="before")
    @classmethod
    def _as_the_rules_are(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("method", "learned") != "learned":
            return {"min_scene_s": 0.6, "width": 256, **given}
        return given


@hookimpl
def toolkit_scene_detectors() -> Iterator[SceneDetectorPlugin]:
    """The detector."""
    yield SceneDetectorPlugin(
        name="planes",
        options=PlanesOptions,
        factory=_make,
        version="3",
        summary="cuts, dissolves, fades and wipes; shake, flashes and pans told apart",
        extra="planes",
        requires=("numpy",),
    )


def _make(options: PlanesOptions, _: Context) -> SceneDetector:
    from toolkit_scenes_planes.detector import PlanesDetector

    return PlanesDetector(options)
