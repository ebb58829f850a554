"""Scene detector plugin: the five detectors of PySceneDetect, fed from our frames.

See https://www.scenedetect.com/docs/latest/api/detectors.html for what each looks at.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from toolkit.hooks.specs import Context, SceneDetectorPlugin, hookimpl
from toolkit.stages.component import Options

if TYPE_CHECKING:
    from toolkit.stages.scenes import SceneDetector

__all__ = [
    "AdaptiveOptions",
    "ContentOptions",
    "DetectorOptions",
    "HashOptions",
    "HistogramOptions",
    "ThresholdOptions",
]


class DetectorOptions(Options):
    """What all five have in common."""

    min_scene_s: float = Field(
        default=0.6, ge=0, description="Shortest scene in seconds; cuts that come sooner are not."
    )
    width: int = Field(
        default=256, ge=16, description="Width in pixels of the pictures it looks at."
    )


class _ChangeOptions(DetectorOptions):
    """How the change between two frames is measured, as the mean of weighted parts."""

    hue_weight: float = Field(default=1.0, ge=0, description="Weight of changes in hue.")
    saturation_weight: float = Field(
        default=1.0, ge=0, description="Weight of changes in saturation."
    )
    brightness_weight: float = Field(
        default=1.0, ge=0, description="Weight of changes in brightness."
    )
    edges_weight: float = Field(
        default=0.0, ge=0, description="Weight of changes in outlines; above 0 it costs time."
    )
    luma_only: bool = Field(
        default=False, description="Look at brightness alone, whatever the weights say."
    )
    kernel_size: int | None = Field(
        default=None,
        ge=3,
        description="How far outlines are widened, in pixels, odd; chosen by the width if empty.",
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.kernel_size is not None and self.kernel_size % 2 == 0:
            raise ValueError("kernel_size must be odd")
        weights = (self.hue_weight, self.saturation_weight, self.brightness_weight)
        if not self.luma_only and not sum(weights) + self.edges_weight:
            raise ValueError("one of the weights must be above 0")
        return self


class ContentOptions(_ChangeOptions):
    """Cuts where a frame differs much from the one before."""

    threshold: float = Field(
        default=27.0, ge=0, le=255, description="Change from which on it is a cut, 0 to 255."
    )
    filter_mode: Literal["merge", "suppress"] = Field(
        default="merge",
        description="What becomes of cuts that come too soon: merged into one, or left out.",
    )


class AdaptiveOptions(_ChangeOptions):
    """Cuts where a frame differs much more than its neighbours do, so that motion is no cut."""

    adaptive_threshold: float = Field(
        default=3.0, ge=0, description="How many times the neighbours' change it must be."
    )
    min_content_val: float = Field(
        default=15.0, ge=0, le=255, description="Change below which it is never a cut, 0 to 255."
    )
    window_width: int = Field(default=2, ge=1, description="Neighbours on each side, in frames.")


class ThresholdOptions(DetectorOptions):
    """Fades: the picture goes dark (or bright) and comes back."""

    threshold: int = Field(
        default=12, ge=0, le=255, description="Mean brightness below which it is dark, 0 to 255."
    )
    method: Literal["floor", "ceiling"] = Field(
        default="floor", description="Fades to black (floor) or to white (ceiling)."
    )
    fade_bias: float = Field(
        default=0.0,
        ge=-1,
        le=1,
        description="Where in the dark the cut lies: -1 its start, 0 its middle, 1 its end.",
    )
    min_out_s: float = Field(
        default=0.0, ge=0, description="Shortest dark stretch that counts, in seconds."
    )
    add_final_scene: bool = Field(
        default=False, description="Whether a video that ends in the dark gets a cut there."
    )


class HistogramOptions(DetectorOptions):
    """Cuts where the distribution of brightness changes."""

    threshold: float = Field(
        default=0.20, ge=0, le=1, description="Difference of the histograms that makes a cut."
    )
    bins: int = Field(default=128, ge=2, le=256, description="Steps of brightness.")


class HashOptions(DetectorOptions):
    """Cuts where the perceptual hash changes."""

    threshold: float = Field(
        default=0.35, ge=0, le=1, description="Share of the hash's bits that makes a cut."
    )
    size: int = Field(default=8, ge=2, description="Side of the hash, in bits.")
    lowpass: int = Field(
        default=2, ge=1, description="How much detail is left out: 2 keeps the coarser half."
    )


_ABOUT = (
    ("adaptive", AdaptiveOptions, "hard cuts, with camera motion told apart"),
    ("content", ContentOptions, "hard cuts, by change of colour and brightness"),
    ("hash", HashOptions, "hard cuts, by perceptual hash"),
    ("histogram", HistogramOptions, "hard cuts, by histogram of brightness"),
    ("threshold", ThresholdOptions, "fades to black or white"),
)


@hookimpl
def toolkit_scene_detectors() -> Iterator[SceneDetectorPlugin]:
    """The five detectors."""
    for name, options, summary in _ABOUT:
        yield SceneDetectorPlugin(
            name=name,
            options=options,
            factory=_make,
            summary=f"{summary} (PySceneDetect)",
            extra="pyscenedetect",
            requires=("scenedetect", "cv2"),
        )


def _make(options: DetectorOptions, _: Context) -> SceneDetector:
    from toolkit_scenes_pyscenedetect.detector import PySceneDetector

    return PySceneDetector(options)
