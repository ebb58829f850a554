"""How many frames the detector looks at and keeps."""

from __future__ import annotations

from toolkit_scenes_planes import blends

__all__ = ["BATCH", "BEHIND", "HELD", "TOGETHER", "held_times", "late", "stride_of"]

_USUAL_S = 0.04
"""Length of a frame at which blends are looked at, about; of faster videos, every other frame."""
BEHIND = max(blends.HALVES) + blends.MARGIN
"""Pictures after the middle of a blend that must be there to judge it."""
TOGETHER = 10
"""Stretches whose middles are this close show the same blend."""
BATCH = 32
"""Frames taken in one go: one by one, each would find the processor's caches full of the decoder's
work, and numpy would cost more in calls than in numbers."""
HELD = BEHIND + max(blends.HALVES) + blends.MARGIN + 2 + BATCH
"""Pictures that are kept to look for blends in."""


def stride_of(frame_s: float) -> int:
    """How many frames of a video make one at which blends are looked at."""
    return max(1, round(_USUAL_S / frame_s))


def late(frame_s: float) -> int:
    """How many frames after it a boundary is settled at the latest, but for fades."""
    return (BEHIND + TOGETHER) * stride_of(frame_s)


def held_times(frame_s: float) -> int:
    """How many frames' times are kept."""
    return late(frame_s) + 8 * HELD * stride_of(frame_s)
