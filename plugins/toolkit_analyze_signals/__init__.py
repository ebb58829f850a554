"""Analyzer plugin: what can be measured in a scene's frames without a model.

docs/signals.md says what each signal means, its unit and its range.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from toolkit.hooks.specs import AnalyzerPlugin, Context, hookimpl
from toolkit.stages.component import Options

if TYPE_CHECKING:
    from toolkit_analyze_signals.analyzer import SignalsAnalyzer

__all__ = ["SignalsOptions"]


class SignalsOptions(Options):
    """Measures frames; needs no model. These are the thresholds of its yes-or-no signals."""

    # The model's path is not what changes the output; its content is, see SignalsAnalyzer.identity.
    neutral: ClassVar[frozenset[str]] = frozenset({"face_model"})

    black_level: float = Field(
        0.1, ge=0, le=1, description="Brightness (0 to 1) up to which a pixel counts as black."
    )
    black_share: float = Field(
        0.98,
        ge=0,
        le=1,
        description="Share of black pixels from which a frame counts as black.",
    )
    colour_tolerance: float = Field(
        0.06,
        ge=0,
        le=1,
        description="How far (0 to 1) pixels of a single-colour frame may be from its colour.",
    )
    frozen_share: float = Field(
        0.0005,
        ge=0,
        le=1,
        description="Share of changed pixels up to which two frames count as the same.",
    )
    face_model: str = Field(
        "",
        description="Path of a YuNet model (.onnx) that finds faces; empty: do not look for faces.",
    )
    face_score: float = Field(
        0.8, ge=0, le=1, description="The face detector's score from which a face counts."
    )


def make(options: SignalsOptions, context: Context) -> SignalsAnalyzer:
    """The analyzer."""
    from toolkit_analyze_signals.analyzer import SignalsAnalyzer

    return SignalsAnalyzer(options, context)


@hookimpl
def toolkit_analyzers() -> Iterable[AnalyzerPlugin]:
    """Bring the signals analyzer."""
    yield AnalyzerPlugin(
        name="signals",
        options=SignalsOptions,
        factory=make,
        version="1",
        summary="measures brightness, colours, sharpness, motion and more; needs no model",
        extra="signals",
        requires=("cv2",),
    )
