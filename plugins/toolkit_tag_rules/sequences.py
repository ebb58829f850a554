"""Scenes that follow each other."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from toolkit.records import Scene
from toolkit_tag_rules.subject import WholeSubject

__all__ = ["Pattern"]

_CLOSE_S = 1e-6


@dataclass(frozen=True)
class Pattern:
    """Labels that scenes have one after the other.

    Attributes:
        labels: The labels in order; other scenes may lie between.
        within_s: Most seconds from the first scene's start to the last one's end.
        gap_s: Most seconds from one scene's end to the start of the next one named.
    """

    labels: tuple[str, ...]
    within_s: float = math.inf
    gap_s: float = math.inf

    def hold(self, subject: WholeSubject) -> str | None:
        """How the scenes follow each other, in words, or None where they do not."""
        found = self.find([subject.having(label) for label in self.labels])
        if found is None:
            return None
        steps = (f"'{a}' ({s.index})" for a, s in zip(self.labels, found, strict=True))
        return f"sequence {', '.join(steps)}"

    def find(self, having: Sequence[Sequence[Scene]]) -> list[Scene] | None:
        """The scenes of the first such sequence to come to its end.

        Args:
            having: For each label the scenes that have it, in order.
        """
        # Of all ways to a scene the one that starts last counts: it alone may be short enough.
        ways: list[tuple[Scene, ...]] = [(scene,) for scene in having[0]]
        for scenes in having[1:]:
            ways = self._onward(ways, scenes)
        fits = (way for way in ways if way[-1].end_s - way[0].start_s <= self.within_s + _CLOSE_S)
        found = next(fits, None)
        return None if found is None else [*found]

    def _onward(
        self, ways: Sequence[tuple[Scene, ...]], scenes: Sequence[Scene]
    ) -> list[tuple[Scene, ...]]:
        """The ways, each one scene longer; sorted by their last scenes, as they were."""
        ends_s = [way[-1].end_s for way in ways]
        longer = []
        for scene in scenes:
            last = bisect_right(ends_s, scene.start_s + _CLOSE_S)
            # Without a gap to keep, the way that was last to come here is also the last to start.
            first = max(0, last - 1)
            if self.gap_s < math.inf:
                first = bisect_left(ends_s, scene.start_s - self.gap_s - _CLOSE_S)
            if near := ways[first:last]:
                longer.append(
                    (*max(near, key=lambda way: (way[0].start_s, way[-1].start_s)), scene)
                )
        return longer
