"""Scenes on their way from a scan, several in one message: each costs both ends a millisecond."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolkit.execution.ray.packing import packed
from toolkit.execution.ray.shifts import Clock, Shift
from toolkit.records import Frames, Scene
from toolkit.work import Work

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["BUNDLE_BYTES", "Bundle", "Bundler", "Held", "Lot", "Picked", "frames_in"]

BUNDLE_BYTES = 10_000_000
"""Most bytes of frames in a bundle of several scenes."""
_SCENES = 16
_WAIT_S = 0.3  # how old a bundle gets until the next scene closes it

Picked = tuple[str, "npt.NDArray[Any]", "npt.NDArray[Any]"]
"""Frames without their scene, which is in the bundle: sampler, times, pixels."""


@dataclass(frozen=True)
class Bundle:
    """What a scan says in one message. Frames are in the next, as a list of :data:`Picked`.

    Attributes:
        works: Scenes without frames, each with its thumbnail where that has to travel.
        framed: Which of them have frames, in the order in which these follow.
        frames_bytes: Bytes of all frames.
        shift: When the worker made it.
    """

    works: Sequence[tuple[Work, bytes | None]]
    framed: Sequence[int]
    frames_bytes: int
    shift: Shift


class Bundler:
    """Puts a worker's scenes into bundles, scan after scan.

    A scene that nobody has to look at waits for others for a moment. One with frames waits if
    analyzers are behind: there are as many in a bundle as the scan could have made while the one
    before waited to be taken. So the first goes alone, and so do all that an analyzer waits for.
    Analyzers take several bundles at a time and then none: one that did not wait halves the next.

    Args:
        clock: Of the worker, at work.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._most = 1
        self._empty()

    def begin(self) -> None:
        """A scan begins."""
        self._clock.begin()
        self._empty()

    def _empty(self) -> None:
        self._works: list[tuple[Work, bytes | None]] = []
        self._framed: list[int] = []
        self._frames: list[Picked] = []
        self._bytes = self._last_bytes = 0
        self._since_s = time.monotonic()

    def add(self, work: Work, thumbnail: bytes | None) -> Iterator[Any]:
        """A scene more, and the messages that there are to send before the next one."""
        frames, work.frames = work.frames, None
        if frames is not None:
            size = int(frames.rgb.nbytes)
            if self._frames and self._bytes + size > BUNDLE_BYTES:
                yield from self.rest()
            self._framed.append(len(self._works))
            self._frames.append((frames.sampler, frames.pts_s, frames.rgb))
            self._bytes += size
            self._last_bytes = size
        del frames  # while the next scene is read
        self._works.append((work, thumbnail))
        if self._is_full:
            yield from self.rest()

    @property
    def _is_full(self) -> bool:
        if time.monotonic() - self._since_s > _WAIT_S:
            return True
        return bool(self._frames) and (
            len(self._frames) >= self._most or self._bytes + self._last_bytes > BUNDLE_BYTES
        )

    def rest(self) -> Iterator[Any]:
        """The messages with all that was not sent yet."""
        if not self._works:
            return
        shift, frames = self._clock.end(), self._frames
        bundle = Bundle(self._works, self._framed, self._bytes, shift)
        scenes, made_s = len(frames), shift.end_s - self._since_s
        self._empty()
        yield packed(bundle)
        if frames:
            yield frames
            waited_s = time.monotonic() - shift.end_s
            meanwhile = int(scenes * waited_s / max(made_s, 1e-6))
            self._most = max(1, self._most // 2, min(_SCENES, meanwhile))
        self.begin()


class Lot:
    """The frames of a bundle, which are one thing in the object store.

    Args:
        reference: Of the list of :data:`Picked`.
        size_bytes: Bytes of all frames.
        scenes: How many scenes they are of.
        node: Where they lie.

    Attributes:
        counted: Whether room is taken for them.
    """

    def __init__(
        self, reference: Any, size_bytes: int = 0, scenes: int = 1, node: str = ""
    ) -> None:
        self.reference = reference
        self.size_bytes = size_bytes
        self.left = scenes
        self.node = node
        self.counted = False


@dataclass(frozen=True)
class Held:
    """A scene's frames, where they are: stands for them in a process that does not read them."""

    lot: Lot
    place: int


def frames_in(lots: Sequence[Sequence[Picked]], where: tuple[int, int], scene: Scene) -> Frames:
    """A scene's frames: in which lot, and where in it."""
    return Frames(scene, *lots[where[0]][where[1]])
