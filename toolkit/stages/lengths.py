"""Boundaries as they are found -> scenes that are neither too short nor too long."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from toolkit.config.settings import Scenes
from toolkit.records import Cut
from toolkit.stages.decode import MOMENT_S
from toolkit.stages.sampling import Reservoir

__all__ = ["Closed", "Lengths"]

_PATIENCE_S = 5.0
"""How much longer than the shortest a scene must last before what came before it is let go."""


class Closed(NamedTuple):
    """A scene: the boundary it begins with, its end in seconds, and what is kept of it."""

    begin: Cut
    end_s: float
    kept: Reservoir


class Lengths:
    """Divides a video at the cuts that a detector finds, and sees to the scenes' lengths.

    *Too short*: the weaker of its two boundaries (that with the lower score, of equal ones the
    earlier) is dropped, so that it joins the scene before or after. For that a scene is held back
    until the next one is surely long enough.

    *Too long*: it is split into equal parts, to the frame. A scene without end must leave all the
    same, so whenever one reaches twice the longest length, its first half leaves. Parts are thus
    at least half as long as may be; all are equal in a scene up to twice as long as may be. A cut
    that the detector tells so late that its part has left is lost: let scenes be longer than that.

    Args:
        options: The shortest and the longest length.
        kept: Keeps the frames of the first scene; those of later ones are split off it.
    """

    def __init__(self, options: Scenes, kept: Reservoir) -> None:
        self._least_s, self._most_s = options.min_scene_s, options.max_scene_s
        self._begin, self.kept = Cut(at_s=0.0), kept
        self._waiting: Closed | None = None
        self._times = array("d")

    def reached(self, pts_s: float) -> Iterable[Closed]:
        """The open scene goes on at least up to the frame with this time; what may leave?"""
        if self._most_s:
            self._times.append(pts_s)
        length_s = pts_s - self._begin.at_s
        too_long = 0 < 2 * self._most_s <= length_s
        if self._waiting and (too_long or length_s > self._least_s + _PATIENCE_S):
            yield from self._let_go()
        if too_long:
            at_s = self._frame_by(self._begin.at_s + self._most_s, self._begin.at_s)
            yield self._close(Cut(at_s=at_s, kind="split"))
            self._forget(at_s)

    def cut(self, cuts: Iterable[Cut]) -> Iterator[Closed]:
        """Take what the detector found; give the scenes that are now closed."""
        for cut in cuts:
            length_s = cut.at_s - self._begin.at_s
            if length_s <= 0:
                continue  # a boundary at the first frame of a scene bounds nothing
            short = length_s < self._least_s - MOMENT_S
            if short and (self._waiting is None or cut.score < self._begin.score):
                continue
            closed = self._close(cut)
            if short:
                self._add_to_waiting(closed)
            else:
                yield from self._let_go()
                self._waiting = closed
            if not self._least_s:
                yield from self._let_go()

    def finish(self, end_s: float) -> Iterator[Closed]:
        """The video has ended: the last scenes."""
        last = Closed(self._begin, end_s, self.kept)
        if self._waiting and end_s - last.begin.at_s < self._least_s - MOMENT_S:
            self._add_to_waiting(last)
        else:
            yield from self._let_go()
            self._waiting = last
        yield from self._let_go()

    def _close(self, cut: Cut) -> Closed:
        closed = Closed(self._begin, cut.at_s, self.kept)
        self._begin, self.kept = cut, closed.kept.split(cut.at_s)
        return closed

    def _add_to_waiting(self, closed: Closed) -> None:
        assert self._waiting is not None  # what it joins
        self._waiting.kept.join(closed.kept)
        self._waiting = self._waiting._replace(end_s=closed.end_s)

    def _let_go(self) -> Iterator[Closed]:
        closed, self._waiting = self._waiting, None
        if closed is None:
            return
        begin, end_s, kept = closed
        length_s = end_s - begin.at_s
        parts = math.ceil((length_s - MOMENT_S) / self._most_s) if self._most_s else 1
        for place in range(1, parts):
            at_s = self._frame_by(closed.begin.at_s + place * length_s / parts, begin.at_s)
            if at_s < end_s:
                later = kept.split(at_s)
                yield Closed(begin, at_s, kept)
                begin, kept = Cut(at_s=at_s, kind="split"), later
        self._forget(end_s)
        yield Closed(begin, end_s, kept)

    def _frame_by(self, time_s: float, after_s: float) -> float:
        """The time of the last frame up to here; where there is none, of the next after that."""
        first = bisect_right(self._times, after_s)
        place = max(first, bisect_right(self._times, time_s + MOMENT_S) - 1)
        return self._times[place] if place < len(self._times) else math.inf

    def _forget(self, before_s: float) -> None:
        del self._times[: bisect_left(self._times, before_s)]
