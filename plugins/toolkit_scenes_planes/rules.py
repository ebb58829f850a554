"""The rules of PySceneDetect's content and adaptive detectors, on planes.

See https://www.scenedetect.com/docs/latest/api/detectors.html: content cuts where a frame differs
much from the one before, adaptive where it also differs much more than its neighbours do. They
measure in hue, saturation and brightness, we in the planes as they are, which costs no conversion.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from toolkit.records import Cut
from toolkit.stages.scenes import DetectorPass

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from toolkit_scenes_planes import PlanesOptions

__all__ = ["RulesPass"]

_CONTENT, _ADAPTIVE = 17.0, 10.0
"""Least change of a cut, in levels of 256: nearest to their 27 and 15 on the films for tuning."""
_TIMES = 3.0
"""How many times the neighbours' change it must be."""
_WINDOW = 2
"""Neighbours on each side, in frames."""


class RulesPass(DetectorPass):
    """One video, by rules; a cut is given two frames late if neighbours count."""

    def __init__(self, options: PlanesOptions) -> None:
        self._adaptive = options.method == "adaptive"
        self._min_scene_s = options.min_scene_s
        self._window = _WINDOW if self._adaptive else 0
        self._changes: deque[tuple[float, float]] = deque(maxlen=2 * self._window + 1)
        self._before: npt.NDArray[np.uint8] | None = None
        self._last_s: float | None = None

    def push(self, pts_s: float, image: npt.NDArray[np.uint8]) -> list[Cut]:
        import numpy as np

        if self._before is None:
            self._before, self._last_s = image, pts_s
            return []
        step = np.maximum(image, self._before) - np.minimum(image, self._before)
        self._before = image
        self._changes.append((pts_s, float(step.mean(dtype=np.float32))))
        return self._judge()

    def finish(self) -> list[Cut]:
        return []

    def _judge(self) -> list[Cut]:
        if len(self._changes) <= 2 * self._window or self._last_s is None:
            return []
        at_s, change = self._changes[self._window]
        around = sum(other for _, other in self._changes) - change
        if self._adaptive:
            if change < _ADAPTIVE or change * 2 * self._window < _TIMES * around:
                return []
        elif change < _CONTENT:
            return []
        if at_s - self._last_s < self._min_scene_s:
            return []
        self._last_s = at_s
        return [Cut(at_s=at_s, kind="cut", score=change)]
