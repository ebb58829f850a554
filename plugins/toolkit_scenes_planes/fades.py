"""Fades: the picture turns black or white, and another one comes out of it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from toolkit_scenes_planes.differences import mixture, unlike

if TYPE_CHECKING:
    from toolkit_scenes_planes.picture import Picture
    from toolkit_scenes_planes.reel import Reel

__all__ = ["Blank", "Fades", "blank_near"]

_MEMORY = 40
"""Pictures before that tell how far from black the shot was, and how much contrast it had."""
_LOW = 0.25
"""Share of that below which the picture counts as fading."""
_BLANK = 1.5
"""Levels from black, and contrast, below which the picture is blank."""
_NEAR = 0.2
"""Share of the shot's below which it is nearly so, at the turn of a fade."""
_MOMENT = 4
"""Pictures that such a turn lasts at most."""
_STAYS = 8
"""Pictures of one level that are a shot by themselves, if there is something to be seen."""
_LEAST = 2.0
"""How far from black a shot must be for a fade to be told, in levels of 256."""
_STEEP = 0.35
"""Share of the way that goes in one step in a flash, but not in a fade."""
_RAMP = 20
"""Most pictures of a fade that are looked at beside a stretch."""
_WAIT = 4
"""Pictures after the blank ones until the new shot can be seen."""
_SAME = 0.3
"""What motion leaves unexplained, below which two pictures show the same."""
_RECOLOURED = 0.08, 0.25
"""Difference of histograms below which they do, and above which they do not."""
_BARE = 0.5
"""Levels this close are one."""
_DEEP = 12
"""Blank pictures from which on it is a fade though the same shot comes back."""


class Blank:
    """A stretch of pictures near black or white; the middle of the barest is the boundary.

    Args:
        start: Number of its first picture.
        usual: How far from black or white the shot before was.
        contrast: How much contrast it had.
        before: A picture of it.
    """

    def __init__(self, start: int, usual: float, contrast: float, before: Picture) -> None:
        self.start = start
        self.stop = start
        self.usual = usual
        self.before = before
        self.least = usual
        self._contrast = contrast
        self._bare = contrast
        self._first = self._last = start

    def add(self, number: int, level: float, contrast: float) -> None:
        """Take its next picture."""
        if level < self.least:
            if level < self.least - _BARE:
                self._first = number
            self.least, self._bare = level, contrast
        if level < 1.2 * self.least + _BARE:
            self._last = number

    def state(self) -> tuple[object, ...]:
        """Everything it knows."""
        numbers = (self.start, self.stop, self._first, self._last)
        levels = (self.usual, self.least, self._contrast, self._bare)
        return (*numbers, *levels, self.before.digest)

    @property
    def middle(self) -> int:
        """Where the shots meet; a long stretch of black belongs to what comes before."""
        return max((self._first + self._last) // 2, self._last - 20)

    @property
    def length(self) -> int:
        """Pictures from the first of the barest to the last."""
        return self._last - self._first + 1

    @property
    def blank(self) -> bool:
        """Whether it turns black or white, or nearly so for a moment: then it was on its way."""
        if self.least < _BLANK and self._bare < _BLANK:
            return True
        near = self.least < _NEAR * self.usual and self._bare < _NEAR * self._contrast
        return near and self.length <= _MOMENT


class Fades:
    """Watches for pictures that turn black, or white, and come back."""

    def __init__(self, *, white: bool) -> None:
        self._white = white
        self._open: Blank | None = None
        self._levels: deque[float] = deque([0.0], maxlen=_MEMORY)
        self._contrasts: deque[float] = deque([0.0], maxlen=_MEMORY)
        self._left: deque[Blank] = deque()

    @property
    def undecided(self) -> bool:
        """Whether there may be a fade in the pictures it has seen."""
        return self._open is not None or bool(self._left)

    @property
    def blanks(self) -> list[Blank]:
        """The stretches that may still turn out to be fades."""
        return [*self._left, *([self._open] if self._open else [])]

    def state(self) -> tuple[object, ...]:
        """Everything that what it finds depends on."""
        blanks = [blank.state() for blank in self.blanks]
        return blanks, self._open is None, list(self._levels), list(self._contrasts)

    def step(self, reel: Reel, now: int) -> Blank | None:
        """Look at the next picture; gives a fade that has ended."""
        picture = reel[now]
        level = picture.to_white if self._white else picture.to_black
        blank = self._open
        if blank is not None:
            blank.add(now, level, picture.contrast)
            if level > 3 * blank.least + 2:
                blank.stop, self._open = now, None
                if blank.blank:
                    self._left.append(blank)
            elif self._stays(level) and picture.contrast > _BLANK:
                self._open = None  # a dark shot
                self._levels.clear()
                self._contrasts.clear()
        else:
            usual = max(self._levels)
            if usual >= _LEAST and level < _LOW * usual:
                self._open = Blank(now, usual, max(self._contrasts), reel[now - 3])
                self._open.add(now, level, picture.contrast)
        self._levels.append(level)
        self._contrasts.append(picture.contrast)
        if self._left and now >= self._left[0].stop + _WAIT:
            blank = self._left.popleft()
            if blank.length >= _DEEP or not _returns(blank, reel, now):
                return blank
        return None

    def _stays(self, level: float) -> bool:
        """Whether the level has been the same for a while."""
        last = list(self._levels)[-_STAYS:]
        return len(last) == _STAYS and max(last) - min(last) < 0.05 * level + 0.2


def _returns(blank: Blank, reel: Reel, now: int) -> bool:
    """Whether what comes after shows the same as what was before: a flash."""
    after = [reel[i] for i in range(now - _WAIT + 1, now + 1)]
    colours = min(mixture(blank.before, picture) for picture in after)
    if colours < _RECOLOURED[0]:
        return True
    moved = min(float(unlike(blank.before, picture).mean()) for picture in after)
    return colours < _RECOLOURED[1] and moved < _SAME


def blank_near(reel: Reel, start: int, end: int) -> bool:
    """Whether the picture turns blank on the way, or comes out of it, or goes into it.

    Then a mixture with it is no dissolve.
    """
    pictures = [reel[i] for i in range(start, end + 1)]
    enough = max(_NEAR * max(pictures[0].contrast, pictures[-1].contrast), _BLANK)
    for white in (False, True):
        levels = [picture.to_white if white else picture.to_black for picture in pictures]
        most = max(levels[0], levels[-1])
        if any(
            level < _LOW * most and picture.contrast < enough
            for level, picture in zip(levels, pictures, strict=True)
        ):
            return True
        for edge, step, level in ((start, -1, levels[0]), (end, 1, levels[-1])):
            before = level
            for i in range(1, _RAMP + 1):
                picture = reel[edge + step * i]
                following = picture.to_white if white else picture.to_black
                if following >= before or following < before - _STEEP * most:
                    break  # not a ramp, or a flash
                if following < _LOW * most and picture.contrast < enough:
                    return True
                before = following
    return False
