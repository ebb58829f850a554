"""A long file scanned in parts, anywhere and in any order, with the very result of one pass.

A detector is read as an automaton: what it will find follows from its state and the frames to
come. Each part is read from a keyframe on, some context early, by a reading that begins there;
at every mark (each so manyth frame of the file) the state is noted, together with a digest of the
frames since the last mark. Where the readings of two neighbours are in the same state at a mark
of their overlap, all that follows is the same: there, and only there, they are joined. So a seam
is proven, not hoped for; one that does not hold is bridged by another reading around it, from
further back, and a file that resists is scanned as a whole.

What comes out is when each frame is shown and what the detector told after which frame: little,
and all that the lengths of scenes and the choice of their frames depend on. Both are worked out
from it (:mod:`toolkit.outlines`), and the frames are read in a second pass, again in parts.

:class:`toolkit.piecework.Piecework` has all that an engine calls.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

from toolkit.config import Settings
from toolkit.readings import GRID, Chunk, Joined, Reading, join, seam_of
from toolkit.records import Video
from toolkit.stages.component import Cancel
from toolkit.stages.decode import Decoder, Entries
from toolkit.stages.scenes import SceneDetector
from toolkit.watchdog import watched

__all__ = ["Chunking", "plan"]

_WIDER = 4
"""How many times the context a bridge reaches, and how many times as far the next one does."""


def plan(
    decoder: Decoder, detector: SceneDetector, video: Video, settings: Settings, cancel: Cancel
) -> Chunking | None:
    """How to read a file in parts; None if it is to be scanned as a whole.

    That is if it is short, or if its decoder or detector cannot begin in the middle. The packets of
    a long file are read for it, which takes about as long as hashing it.

    Raises:
        DecodeError: The file cannot be read.
        CancelledError: ``cancel`` was set.
    """
    chunk_s = settings.execution.chunk_s
    long = chunk_s and (video.duration_s or 0.0) > 1.5 * chunk_s
    if not long or detector.context(1 / (video.frame_rate or 25.0)) is None:
        return None
    path = Path(video.path)
    # It may take as long as it likes: nothing is told of packets.
    [entries] = watched(
        lambda _: iter((decoder.entries(path),)), f"Reading '{path}'", math.inf, cancel
    )
    context = detector.context(entries.frame_s) if entries else None
    if entries is None or context is None:
        return None
    chunking = Chunking(entries, context, _begins(entries, chunk_s))
    return chunking if len(chunking.wanted()) > 1 else None


def _begins(entries: Entries, chunk_s: float) -> list[int]:
    """The first frame, and the keyframes after equal parts of the file."""
    times_s, keys = entries.times_s, entries.keys
    parts = max(1, round(times_s[-1] / chunk_s))
    by_s = (part * times_s[-1] / parts for part in range(1, parts))
    places = {bisect_left(keys, at_s, key=lambda key: times_s[key]) for at_s in by_s}
    return sorted({0, *(keys[place] for place in places if place < len(keys))})


@dataclass
class Chunking:
    """Which chunks to read, and what becomes of them.

    As long as chunks are ``wanted``, read them in any order, ``take`` the readings, and look
    again: usually there is one round. It is small, and can be pickled between the rounds.

    Args:
        entries: Where decoding can begin.
        context: How many frames the detector needs before it is in step.
        begins: The frames that chunks begin with: the first one, and some of the entries.

    Attributes:
        joined: What was seen of the whole file, once nothing is wanted any more; None if it has to
            be scanned as a whole.
    """

    entries: Entries
    context: int
    begins: Sequence[int]
    joined: Joined | None = None
    _readings: dict[float, Reading] = field(default_factory=dict)
    _bridges: dict[float, Reading] = field(default_factory=dict)
    _wanted: dict[Chunk, float | None] = field(default_factory=dict)
    _rounds: Counter[float] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        times_s = self.entries.times_s
        # Whoever begins too near the end would not be in step before it.
        begins = [begin for begin in self.begins if not begin or self._after(begin) < math.inf]
        stops_s = [*(self._after(begin) for begin in begins[1:]), math.inf]
        for begin, stop_s in zip(begins, stops_s, strict=True):
            self._wanted[Chunk(begin, times_s[begin], stop_s)] = None

    def wanted(self) -> list[Chunk]:
        """The chunks to be read now."""
        return list(self._wanted)

    def take(self, reading: Reading) -> None:
        """A chunk was read."""
        bridged_s = self._wanted.pop(reading.chunk)
        if bridged_s is None:
            self._readings[reading.chunk.enter_s] = reading
        else:
            self._bridges[bridged_s] = reading
        if not self._wanted:
            self._join()

    def _after(self, number: int) -> float:
        """Where to stop so that whoever begins with this frame is in step a few marks before."""
        place = number + self.context + 3 * GRID
        times_s = self.entries.times_s
        return times_s[place] if place < len(times_s) else math.inf

    def _join(self) -> None:
        readings = [reading for _, reading in sorted(self._readings.items())]
        if readings[-1].ending is None or not self._number(readings):
            return
        chain, seams, holds = readings[:1], [-1], True
        for left, right in pairwise(readings):
            bridge = self._bridges.get(right.chunk.enter_s)
            parts = [bridge, right] if bridge else [right]
            for part in parts:
                seam = seam_of(chain[-1], part, seams[-1])
                if seam is None:
                    holds = holds and self._bridge(left, right)
                    break
                seams.append(seam)
                chain.append(part)
            else:
                continue
            chain.append(right)
            seams.append(seams[-1])
        if not holds:
            self._wanted.clear()
        elif not self._wanted:
            self.joined = join(chain, seams)

    def _number(self, chain: Sequence[Reading]) -> bool:
        """Whether all know how many frames come before them; those that do not are read again.

        The file's packets tell it, but some give no frame.
        """
        shift = 0
        for left, right in pairwise(chain):
            common = (left.number_at(time_s) for time_s in right.times_s)
            pair = next(((n, place) for place, n in enumerate(common) if n is not None), None)
            if pair is None:
                self._wanted.clear()
                return False
            shift += pair[0] - pair[1] - right.chunk.number
            if shift:
                self._again(replace(right.chunk, number=right.chunk.number + shift))
        if any(rounds > 1 for rounds in self._rounds.values()):
            self._wanted.clear()
            return False
        return not self._wanted

    def _again(self, chunk: Chunk) -> None:
        self._rounds[chunk.enter_s] += 1
        self._wanted[chunk] = None

    def _bridge(self, left: Reading, right: Reading) -> bool:
        """Have the file read around a seam that does not hold, further around it each time."""
        seam_s, times_s = right.chunk.enter_s, self.entries.times_s
        before = self._bridges.get(seam_s)
        usual_s = (self.context + 3 * GRID) * right.frame_s
        reach_s = _WIDER * (seam_s - before.chunk.enter_s if before else usual_s)
        place = bisect_right(self.entries.keys, seam_s - reach_s, key=lambda key: times_s[key])
        enter_s = times_s[self.entries.keys[place - 1]] if place else 0.0
        number = left.number_at(enter_s)
        if number is None or enter_s <= left.chunk.enter_s:
            return False
        self._wanted[Chunk(number, enter_s, seam_s + reach_s + usual_s)] = seam_s
        return True
