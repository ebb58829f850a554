"""Stream of frames -> scene boundaries."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING

from toolkit.records import Cut
from toolkit.stages.component import Component
from toolkit.stages.decode import Colours, ImageFormat

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["DetectorPass", "SceneDetector"]


class DetectorPass:
    """One reading of one video. Belongs to one thread."""

    @abstractmethod
    def push(self, pts_s: float, image: npt.NDArray[np.uint8]) -> Iterable[Cut]:
        """Take the next frame; give the cuts that are now certain.

        A cut may lie in the past (it is confirmed frames later), but never before one already
        given, and ``at_s`` is the pts of a frame that was pushed.
        """

    @abstractmethod
    def finish(self) -> Iterable[Cut]:
        """The last cuts, when there are no more frames."""


class SceneDetector(Component):
    """Finds scene boundaries in small frames, as they come."""

    image_format: ImageFormat = "bgr24"
    width: int = 256
    """Width of the frames it wants, in pixels; their height keeps the aspect ratio, even."""

    @abstractmethod
    def start(self, frame_s: float, *, colours: Colours | None = None) -> DetectorPass:
        """Begin a video.

        Args:
            frame_s: How long its frames usually last, in seconds.
            colours: What the numbers in yuv420p planes stand for; None: what is usual.
        """
