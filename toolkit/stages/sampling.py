"""Stream of frames -> the few frames of a scene worth looking at."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from toolkit.config.settings import Sampling
from toolkit.records import Frames, Scene
from toolkit.stages.decode import DecodedFrame

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["VERSION", "Reservoir", "fit"]

VERSION = "1"
"""Change it when other frames are chosen: it is part of the sampler's fingerprint."""


def fit(width: int, height: int, max_pixels: int, multiple: int) -> tuple[int, int]:
    """The size a frame is looked at: never enlarged, sides multiples of ``multiple``.

    >>> fit(1920, 1080, 200_704, 28)
    (588, 336)
    """
    scale = min(1.0, math.sqrt(max_pixels / (width * height)))
    return (
        max(multiple, math.floor(width * scale / multiple) * multiple),
        max(multiple, math.floor(height * scale / multiple) * multiple),
    )


class Reservoir:
    """Keeps a bounded, evenly spaced choice of an open scene's frames.

    Frames are kept at a stride that starts at one and doubles whenever twice the wanted number
    is reached, every other kept frame being dropped. At the scene's end the wanted number is
    picked nearest to the centres of equal bins. A scene longer than ``count`` frames thus has
    between ``count`` and ``2 * count`` of them kept, and a picked frame lies within half a bin
    of its bin's centre. What is kept is the decoder's own frame: a reference, not a copy.
    """

    def __init__(self, count: int, stride: int = 1) -> None:
        self.count = count
        self.stride = stride
        self.kept: list[DecodedFrame] = []
        self._seen = 0

    def add(self, frame: DecodedFrame) -> None:
        """Offer the next frame."""
        if self._seen % self.stride == 0:
            self.kept.append(frame)
            if len(self.kept) > 2 * self.count:
                self.kept = self.kept[::2]
                self.stride *= 2
        self._seen += 1

    def split(self, at_s: float) -> Reservoir:
        """A cut was found at this time, maybe in the past: the frames from it on move over."""
        later = Reservoir(self.count)
        moved = [frame for frame in self.kept if frame.pts_s >= at_s]
        self.kept = [frame for frame in self.kept if frame.pts_s < at_s]
        later.kept = moved
        if len(moved) > 1:
            later.stride = self.stride
            later._seen = (len(moved) - 1) * self.stride + 1
        return later

    def pick(self, start_s: float, end_s: float) -> list[DecodedFrame]:
        """The kept frames nearest to the centres of ``count`` equal bins, each once, in order."""
        if len(self.kept) <= self.count:
            return list(self.kept)
        times = [frame.pts_s for frame in self.kept]
        width = (end_s - start_s) / self.count
        chosen = {
            min(range(len(times)), key=lambda i: abs(times[i] - (start_s + (n + 0.5) * width)))
            for n in range(self.count)
        }
        return [self.kept[i] for i in sorted(chosen)]


def frames_of(
    scene: Scene,
    picked: Sequence[DecodedFrame],
    size: tuple[int, int],
    options: Sampling,
    sampler: str,
) -> Frames:
    """Convert picked frames to the pixels an analyzer looks at.

    Args:
        scene: The scene they are from.
        picked: The frames, in order.
        size: Width and height of the video as shown, in pixels.
        options: How large a frame may be.
        sampler: The sampler's fingerprint.
    """
    import numpy as np

    width, height = fit(*size, options.max_pixels, options.multiple)
    rgb = np.stack([frame.rgb(width, height) for frame in picked])
    pts_s = np.array([frame.pts_s for frame in picked], dtype=np.float64)
    return Frames(scene=scene, sampler=sampler, pts_s=pts_s, rgb=rgb)
