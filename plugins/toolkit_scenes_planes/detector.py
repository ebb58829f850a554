"""The detector: keeps the last pictures, asks what looks for each kind, settles what is left."""

from __future__ import annotations

from array import array
from collections import deque
from dataclasses import dataclass, replace
from hashlib import blake2b
from math import ceil, exp, log
from typing import TYPE_CHECKING, Literal, TypeAlias

from toolkit.records import Cut
from toolkit.stages.decode import Colours
from toolkit.stages.scenes import DetectorPass, SceneDetector
from toolkit_scenes_planes import PlanesOptions, blends, jumps
from toolkit_scenes_planes.differences import changes
from toolkit_scenes_planes.fades import Fades, blank_near
from toolkit_scenes_planes.judge import judges
from toolkit_scenes_planes.picture import cell_side, pictures
from toolkit_scenes_planes.reach import BATCH, BEHIND, HELD, TOGETHER, held_times, late, stride_of
from toolkit_scenes_planes.reel import Reel
from toolkit_scenes_planes.rules import NEIGHBOURS, RulesPass

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from toolkit.stages.decode import ImageFormat

__all__ = ["PlanesDetector"]

_Blend: TypeAlias = Literal["dissolve", "wipe"]

_LONGEST_S = 2.2
"""Longest blend that is looked for, whatever the frame rate."""
_LASTING = 30
"""Pictures after which even a blend without end is settled."""
_HOPE = -2.5
"""Odds by cheap features below which a stretch is not worth the dear ones."""
_SURE = 4.0
"""Odds of a fade: a picture that turns blank and comes back as another one."""


class PlanesDetector(SceneDetector):
    """See the options; all it needs is numpy."""

    image_format: ImageFormat = "yuv420p"

    def __init__(self, options: PlanesOptions) -> None:
        self.width = options.width
        self._options = options

    def start(self, frame_s: float, *, colours: Colours | None = None) -> DetectorPass:
        return self.resume(frame_s, 0, colours=colours)

    def context(self, frame_s: float) -> int | None:
        least = ceil(self._options.min_scene_s / frame_s)
        if self._options.method == "learned":
            return max(held_times(frame_s), least) + BATCH + stride_of(frame_s)
        return least + NEIGHBOURS + 1

    def resume(
        self, frame_s: float, number: int, *, colours: Colours | None = None
    ) -> DetectorPass:
        if self._options.method == "learned":
            return _Pass(self._options, frame_s, number)
        return RulesPass(self._options, colours or Colours())


@dataclass(frozen=True)
class _Found:
    """A boundary, not settled yet: frames by their number."""

    at: int
    at_s: float
    kind: Literal["cut", "fade", "dissolve", "wipe"]
    odds: float
    first: int
    last: int

    def beats(self, other: _Found) -> bool:
        """Which of two that cannot both be is believed: cuts and fades are told surest."""
        rank = {"cut": 2, "fade": 1}
        return (rank.get(self.kind, 0), self.odds) > (rank.get(other.kind, 0), other.odds)


class _Pass(DetectorPass):
    """One video. Frames have numbers; those of blends count every other frame of fast videos."""

    def __init__(self, options: PlanesOptions, frame_s: float, number: int) -> None:
        self._options = options
        self._least = log(options.threshold / (1 - options.threshold))
        self._stride = stride_of(frame_s)
        self._halves = [
            half
            for half in blends.HALVES
            if 2 * half * frame_s * self._stride <= _LONGEST_S or half == min(blends.HALVES)
        ]
        # Frames are taken in the same batches wherever it begins, and have the same numbers.
        self._passed_over = -number % (BATCH * self._stride)
        self._first = number = number + self._passed_over
        self._all = Reel(jumps.BEFORE + jumps.AFTER + 2 + BATCH, number)
        self._some = Reel(HELD, number // self._stride)
        self._late = late(frame_s)
        self._times: deque[float] = deque(maxlen=held_times(frame_s))
        self._waiting: list[npt.NDArray[np.uint8]] = []
        self._fades = Fades(white=False), Fades(white=True)
        self._cuts: deque[int] = deque(maxlen=64)
        self._blend: list[_Found] = []
        self._found: list[_Found] = []
        self._last = _Found(number, 0.0, "cut", 0.0, number, number)
        self._since = 0.0

    def push(self, pts_s: float, image: npt.NDArray[np.uint8]) -> list[Cut]:
        if self._passed_over:
            self._passed_over -= 1
            return []
        if not self._times:
            self._last = replace(self._last, at_s=pts_s)
        self._times.append(pts_s)
        self._waiting.append(image)
        if len(self._waiting) < BATCH:
            return []
        self._take()
        return self._settle(max(self._all.count - 1 - self._late, self._surest_cut()))

    def finish(self) -> list[Cut]:
        if self._waiting:
            self._take()
        count = self._all.count
        if count == self._first:
            return []  # no frame was looked at
        self._judge_jumps(max(1, count - jumps.AFTER + 1), count)
        self._judge_blends(max(0, self._some.count - BEHIND), self._some.count)
        self._end_blend()
        return self._settle(count)

    def state(self) -> bytes:
        # What is looked for begins at these frames, or later; what ended before meets none of it.
        looked = (self._some.count - BEHIND - max(blends.HALVES) - 1) * self._stride
        open_ = [found.first for found in (*self._blend, *self._found)]
        open_ += [(blank.start - 1) * self._stride for f in self._fades for blank in f.blanks]
        oldest = min([looked, *open_])
        over_s = self._last.at_s + self._options.min_scene_s
        known = oldest >= self._all.count - len(self._times)
        over = known and not self._waiting and max(self._last.at, self._last.last) <= oldest
        over = over and over_s <= self._time(max(0, oldest))
        told = (
            None if over else self._last,
            [cut for cut in self._cuts if cut >= oldest - 2],
            self._blend,
            self._found,
            self._since,
            self._passed_over,
            [fades.state() for fades in self._fades],
        )
        state = blake2b(repr(told).encode())
        state.update(array("d", self._times))
        for part in (self._all.state(), self._some.state(), *(w.tobytes() for w in self._waiting)):
            state.update(part)
        return state.digest()

    def _take(self) -> None:
        """Look at what the waiting frames show, and at what they let be seen of those before."""
        height, width = self._waiting[0].shape
        taken = pictures(self._waiting, cell_side(width, height * 2 // 3))
        self._waiting = []
        start, stride = self._all.count, self._stride
        steps = changes(self._all[start - 1] if start > self._first else None, taken)
        self._all.extend(taken, steps)
        some, since = [], []
        for number, (picture, step) in enumerate(zip(taken, steps, strict=True), start=start):
            self._since += step
            if number % stride == 0:
                some.append(picture)
                since.append(self._since)
                self._since = 0.0
        looked = self._some.count
        self._some.extend(some, since)
        self._judge_jumps(max(1, start - jumps.AFTER + 1), self._all.count - jumps.AFTER + 1)
        if self._options.fades:
            for now in range(looked, self._some.count):
                self._watch_fades(now)
        self._judge_blends(max(0, looked - BEHIND), self._some.count - BEHIND)

    def _judge_jumps(self, start: int, stop: int) -> None:
        for at in range(start, stop):
            if jumps.stands_out(self._all, at):
                odds = judges()["cut"](jumps.features(self._all, at))
                if odds > self._least:
                    self._cuts.append(at)
                    self._add(_Found(at, self._time(at), "cut", odds, at - 1, at))

    def _watch_fades(self, now: int) -> None:
        for fades in self._fades:
            blank = fades.step(self._some, now)
            if blank is None:
                continue
            first, last = (blank.start - 1) * self._stride, (blank.stop + 1) * self._stride
            if not any(first - 2 <= cut <= last + 2 for cut in self._cuts):
                at = blank.middle * self._stride
                self._add(_Found(at, self._time(at), "fade", _SURE, first, last))

    def _judge_blends(self, start: int, stop: int) -> None:
        """Look at the stretches around these pictures, long ones not around every one."""
        kinds = [kind for kind, on in self._kinds() if on]
        for at in range(start, stop):
            for half in self._halves if kinds else ():
                if at % blends.HALVES[half] == 0 and half <= at < self._some.count - half:
                    self._judge_blend(at, half, kinds)
            if self._blend:
                quiet = at * self._stride - max(found.at for found in self._blend)
                lasting = at * self._stride - self._blend[0].at
                if quiet > TOGETHER * self._stride - 1 or lasting > _LASTING * self._stride:
                    self._end_blend()

    def _judge_blend(self, at: int, half: int, kinds: Sequence[_Blend]) -> None:
        first, last = (at - half) * self._stride, (at + half) * self._stride
        if first < next((cut for cut in reversed(self._cuts) if cut <= last), -1):
            return
        seen = blends.glance(self._some, at, half)
        if seen is None:
            return
        if max(judges()[f"{kind}_glance"](seen) for kind in kinds) < _HOPE:
            return
        if blank_near(self._some, at - half, at + half):
            return
        features = blends.look(self._some, at, half, seen)
        for kind in kinds:
            odds = judges()[kind](features)
            if odds > self._least:
                middle = blends.middle(self._some, at, half) * self._stride
                found = _Found(middle, self._time(middle), kind, odds, first, last)
                self._blend.append(found)

    def _kinds(self) -> tuple[tuple[_Blend, bool], ...]:
        return ("dissolve", self._options.dissolves), ("wipe", self._options.wipes)

    def _end_blend(self) -> None:
        """Settle on the surest stretch; where its middle is, all those that overlap it tell."""
        if not self._blend:
            return
        best = max(self._blend, key=lambda found: found.odds)
        votes = [f for f in self._blend if f.first <= best.at <= f.last and f.kind == best.kind]
        weight = sum(found.odds for found in votes)
        at = round(sum(found.at * found.odds for found in votes) / weight)
        self._add(replace(best, at=at, at_s=self._time(at)))
        self._blend = []

    def _add(self, new: _Found) -> None:
        """Note a boundary; of two that are too close or overlap, the surer one stays."""
        if new.at <= self._last.at or self._clash(self._last, new):
            return
        rivals = [old for old in self._found if self._clash(old, new)]
        if all(new.beats(old) for old in rivals):
            self._found = [old for old in self._found if old not in rivals] + [new]

    def _clash(self, a: _Found, b: _Found) -> bool:
        if a.first < b.last and b.first < a.last:
            return True
        return abs(a.at_s - b.at_s) < self._options.min_scene_s

    def _time(self, frame: int) -> float:
        return self._times[max(0, frame - self._all.count + len(self._times))]

    def _surest_cut(self) -> int:
        """The latest cut that need not wait, -1 for none.

        No stretch crosses a cut, and none that is still to be judged ends before this one.
        """
        judged = (self._some.count - BEHIND + min(blends.HALVES)) * self._stride
        if any(fades.undecided for fades in self._fades):
            return -1
        cuts = [found.at for found in self._found if found.kind == "cut" and found.at < judged]
        if cuts and self._blend and self._blend[0].at < max(cuts):
            self._end_blend()
        return max(cuts, default=-1)

    def _settle(self, upto: int) -> list[Cut]:
        """The boundaries up to this frame, which nothing to come can change."""
        ready = sorted((f for f in self._found if f.at <= upto), key=lambda found: found.at)
        self._found = [found for found in self._found if found.at > upto]
        cuts = []
        for found in ready:
            self._last = found
            score = 1 / (1 + exp(-found.odds))
            cuts.append(Cut(at_s=found.at_s, kind=found.kind, score=score))
        return cuts
