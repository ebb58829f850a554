"""Where scenes begin and end as people said: boundaries moved, added and taken away."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from toolkit.insight.reviews import TOLERANCE_S, times, winners
from toolkit.records import Review, Scene

__all__ = ["bounded"]

_LEAST_S = 0.01  # of a scene; the ids of parts tell moments of a millisecond apart


@dataclass(frozen=True)
class _Stretch:
    start_s: float
    end_s: float
    scene: Scene

    @property
    def length_s(self) -> float:
        return self.end_s - self.start_s


def bounded(scenes: Sequence[Scene], reviews: Iterable[Review]) -> list[Scene]:
    """One detector's scenes of one video, in order, with boundaries moved, split and merged.

    A scene that was split keeps its id in its longest part; the other parts have ids of their own,
    from which :func:`origin` tells the scene. Scenes that were merged become the longest of them,
    with the time of all. A word that no longer fits, because there is no such boundary, is left.
    """
    line = [_Stretch(scene.start_s, scene.end_s, scene) for scene in scenes]
    for review in winners(one for one in reviews if one.target == "boundary"):
        before_s, time_s = times(review)
        if time_s is None:
            continue
        if review.action in ("add", "accept"):
            _split(line, time_s)
        elif review.action == "reject" and (place := _nearest(line, time_s)):
            one, two = line[place - 1 : place + 1]
            longest = max(one, two, key=lambda part: part.length_s)
            line[place - 1 : place + 1] = [_Stretch(one.start_s, two.end_s, longest.scene)]
        elif review.action == "edit" and before_s is not None:
            place = _nearest(line, before_s)
            if place and _has_room(line[place - 1].start_s, time_s, line[place].end_s):
                line[place - 1] = replace(line[place - 1], end_s=time_s)
                line[place] = replace(line[place], start_s=time_s)
    longest_of: dict[str, _Stretch] = {}
    for one in line:
        longest_of[one.scene.id] = max(
            longest_of.get(one.scene.id, one), one, key=lambda part: part.length_s
        )
    shown = []
    for index, one in enumerate(line):
        keeps_id = longest_of[one.scene.id] is one
        id_ = one.scene.id if keeps_id else f"{one.scene.id}@{round(one.start_s * 1000)}"
        place_ = {"id": id_, "index": index, "start_s": one.start_s, "end_s": one.end_s}
        same = all(getattr(one.scene, name) == value for name, value in place_.items())
        shown.append(one.scene if same else one.scene.model_copy(update=place_))
    return shown


def _split(line: list[_Stretch], time_s: float) -> None:
    for place, one in enumerate(line):
        if _has_room(one.start_s, time_s, one.end_s):
            line[place : place + 1] = replace(one, end_s=time_s), replace(one, start_s=time_s)
            return


def _has_room(start_s: float, time_s: float, end_s: float) -> bool:
    """Whether a boundary may be there; nearer to another one there is that boundary already."""
    return start_s + _LEAST_S < time_s < end_s - _LEAST_S


def _nearest(line: Sequence[_Stretch], time_s: float) -> int:
    """The place of the scene that begins nearest to a moment; 0 if none does."""
    places = range(1, len(line))
    place = min(places, key=lambda i: abs(line[i].start_s - time_s), default=0)
    return place if place and abs(line[place].start_s - time_s) <= TOLERANCE_S else 0
