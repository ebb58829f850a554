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

    def state(self) -> bytes:
        """All that the cuts to come depend on, but for the frames to come.

        Two readings of a video that are in the same state after the same frame find the same from
        there on: this is how readings of its parts are joined, so nothing may be left out. What
        cannot matter any more should be, or readings that began at different places never meet.
        """
        raise NotImplementedError("a reading that can begin in the middle of a video tells it")


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

    def context(self, frame_s: float) -> int | None:
        """How many frames a reading that began in the middle of a video needs, as a rule.

        After so many it is as a rule in the state of one that began at the start. A detector of
        which that is not known says None: it has to see every video from its start to its end.

        Args:
            frame_s: How long frames usually last, in seconds.
        """
        return None

    def resume(
        self, frame_s: float, number: int, *, colours: Colours | None = None
    ) -> DetectorPass:
        """Begin in the middle of a video, which ``context`` says can be done.

        Args:
            frame_s: As for ``start``.
            number: How many frames come before the first that is pushed.
            colours: As for ``start``.
        """
        raise NotImplementedError("a detector with a context can begin in the middle of a video")
