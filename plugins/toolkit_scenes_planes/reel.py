"""The last pictures of a video, by their number."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolkit_scenes_planes.picture import Picture

__all__ = ["Reel"]


class Reel:
    """A bounded memory of pictures. Asked for one that it does not hold, it gives the nearest.

    Args:
        held: How many pictures it holds.
        first: The number of the first.

    Attributes:
        count: The last picture has this number less one.
    """

    def __init__(self, held: int, first: int = 0) -> None:
        self._held = held
        self._pictures: list[Picture] = []
        self._changes: list[float] = []
        self._first = self.count = first

    def state(self) -> bytes:
        """Everything it holds, as a digest."""
        state = blake2b(repr((self._first, self.count, self._changes)).encode())
        for picture in self._pictures:
            state.update(picture.digest)
        return state.digest()

    def extend(self, pictures: Sequence[Picture], changes: Sequence[float]) -> None:
        """Take the next pictures, and how much each differs from the one before."""
        gone = max(0, len(self._pictures) + len(pictures) - self._held)
        self._pictures = [*self._pictures[gone:], *pictures]
        self._changes = [*self._changes[gone:], *changes]
        self._first += gone
        self.count += len(pictures)

    def __getitem__(self, number: int) -> Picture:
        place = number - self._first
        last = len(self._pictures) - 1
        return self._pictures[0 if place < 0 else last if place > last else place]

    def changes(self, start: int, stop: int) -> list[float]:
        """How much these pictures differ from those before, in levels of 256.

        Where there is none, the change of the nearest.
        """
        first, last = self._first, self.count
        before, after = min(max(first - start, 0), stop - start), max(0, stop - max(last, start))
        held = self._changes[max(start - first, 0) : max(stop - first, 0)]
        return [self._changes[0]] * before + held + [self._changes[-1]] * after

    def change(self, number: int) -> float:
        """How much this picture differs from the one before, in levels of 256."""
        return self.changes(number, number + 1)[0]
