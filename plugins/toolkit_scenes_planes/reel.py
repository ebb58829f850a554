"""The last pictures of a video, by their number."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toolkit_scenes_planes.picture import Picture

__all__ = ["Reel"]


class Reel:
    """A bounded memory of pictures. Asked for one that it does not hold, it gives the nearest.

    Attributes:
        count: How many pictures were added; the last one has this number less one.
    """

    def __init__(self, held: int) -> None:
        self._pictures: deque[Picture] = deque(maxlen=held)
        self._changes: deque[float] = deque(maxlen=held)
        self.count = 0

    def add(self, picture: Picture, change: float) -> None:
        """Take the next picture, and how much it differs from the one before."""
        self._pictures.append(picture)
        self._changes.append(change)
        self.count += 1

    def __getitem__(self, number: int) -> Picture:
        return self._pictures[self._place(number)]

    def change(self, number: int) -> float:
        """How much this picture differs from the one before, in levels of 256."""
        return self._changes[self._place(number)]

    def _place(self, number: int) -> int:
        held = len(self._pictures)
        return min(max(number - self.count + held, 0), held - 1)
