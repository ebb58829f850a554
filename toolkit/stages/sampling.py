"""Stream of frames -> the few frames of a scene worth looking at."""

from __future__ import annotations

import copy
import math
from bisect import bisect_left
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from toolkit.config.settings import Sampling
from toolkit.records import Frames, Scene, Video
from toolkit.stages import quality
from toolkit.stages.decode import DecodedFrame, ImageFormat
from toolkit.stages.keeping import Budget, Kept
from toolkit.stages.tones import tone_mapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    import numpy.typing as npt

__all__ = ["LATE", "VERSION", "Reservoir", "fit", "frames_of", "judges", "size_of"]

VERSION = "4"
"""Change it when other frames are chosen: it is part of the sampler's fingerprint."""
LATE = 128
"""Frames after which a cut counts as late: a scene may then begin with a gap."""
_FEWEST = 4
"""A scene is kept as densely as if that many frames were wanted: its parts need one each."""
_BLURRED = 0.5
"""Share of its scene's median sharpness below which a frame counts as blurred."""


def fit(
    width: int, height: int, max_pixels: int, multiple: int, min_pixels: int = 0
) -> tuple[int, int]:
    """The size a frame is looked at: sides are multiples, and pixels within bounds.

    A frame is enlarged only to reach ``min_pixels``. As in the image processor of Qwen2-VL, but
    that sides are rounded down, so that frames are not enlarged by rounding.

    >>> fit(1920, 1080, 200_704, 28)
    (588, 336)
    """
    area = width * height
    scale = min(1.0, math.sqrt(max_pixels / area))
    enlarged = area * scale**2 < min_pixels
    if enlarged:
        scale = math.sqrt(min_pixels / area)

    def side(pixels: int) -> int:
        steps = pixels * scale / multiple
        return max(1, math.ceil(steps) if enlarged else math.floor(steps)) * multiple

    return side(width), side(height)


def size_of(shown: tuple[int, int], options: Sampling) -> tuple[int, int]:
    """The size that frames of a video, shown in this one, are looked at in."""
    return fit(*shown, options.max_pixels, options.multiple, options.min_pixels)


def judges(options: Sampling) -> bool:
    """Whether it takes a look at frames to choose among them."""
    return bool(options.skip) or options.choose == "sharpest"


class Reservoir:
    """Keeps a bounded, evenly spaced choice of an open scene's frames.

    Frames are counted through the whole file. Those are kept whose number is a multiple of a
    stride, which starts at one and doubles whenever more than twice the frames are kept that a
    scene as long as this one now is could get (of a scene of less than ``LATE`` frames, four times
    as many). It is thus always less than a bin, when the scene is divided into as many equal bins
    as frames are wanted; the frame nearest to a bin's centre lies within half a stride of it, so
    **within half a bin**. With ``choose = sharpest`` a picked frame is anywhere in its bin.

    A detector tells of a cut some frames late, and the frames since then are the new scene's. So
    the latest are kept more densely: all out of the last ``frames``, every second out of as many
    before, every fourth out of twice as many before these, and so on, ``LATE`` frames back. Of a
    scene of n frames whose begin was told a frames late and whose end b frames late, the frames
    that are kept are at most max(n + b, 2 a) / ``frames`` frames apart: no more than a bin if both
    were told at once, and no more than two if it lasted at least as long as they took. What is
    told later than ``LATE`` may leave a gap as long as the stride. All of this is in frames: where
    their rate varies, it is as even as they are.

    What is kept is the decoder's own frame: a reference, not a copy, unless a budget is short. It
    is the memory of a scan: at most ``2 * most`` (at first ``4 * frames``) and, in long scenes,
    about ``3 * frames`` more.

    Args:
        options: How many frames, and which.
        longest_s: In seconds, the length above which a scene is split in two; 0: none is. A scene
            that comes near to it is kept as densely as its halves will need it.
        image_format: The format of the small images.
        budget: What frames may take; None: as much as they do.
    """

    def __init__(
        self,
        options: Sampling,
        longest_s: float = 0.0,
        image_format: ImageFormat = "yuv420p",
        budget: Budget | None = None,
    ) -> None:
        self._options = options
        self._longest_s = longest_s
        self._image_format = image_format
        self._budget = budget
        self._judges = judges(options)
        self._ages = _ages(options.frames)
        self._kept: dict[int, Kept] = {}
        self._seen, self._newest_s = 0, 0.0
        self._begin(0.0)

    def _begin(self, at_s: float) -> None:
        self._begin_s = at_s
        self._stride = 1
        self._first = min(self._kept, default=self._seen)
        self._steps: list[tuple[int, int]] = []
        self._even = len(self._kept)
        self._make_room()

    @classmethod
    def holding(
        cls,
        options: Sampling,
        image_format: ImageFormat,
        frames: Iterable[tuple[DecodedFrame, npt.NDArray[np.uint8]]],
    ) -> Reservoir:
        """One that has kept these frames of a scene, each with its small image."""
        reservoir = cls(options, image_format=image_format)
        reservoir._kept = {n: Kept(*pair) for n, pair in enumerate(frames)}
        return reservoir

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def times_s(self) -> list[float]:
        """Times of the frames that are kept."""
        return [kept.frame.pts_s for kept in self._kept.values()]

    def add(self, frame: DecodedFrame, image: npt.NDArray[np.uint8] | None) -> None:
        """Offer the next frame, with the small copy that was made for the detector.

        Without that copy, nothing can be picked by what frames show.
        """
        number = self._seen
        self._seen += 1
        self._newest_s = frame.pts_s
        kept = self._kept[number] = Kept(frame, image if self._judges else None)
        for age, step in self._steps:
            if (number - age) % step:
                self._kept.pop(number - age, None)
        if number % self._stride == 0:
            self._even += 1
            self._make_room()
        if self._budget:
            self._budget.hold(number, kept)

    def _make_room(self) -> None:
        length_s = self._newest_s - self._begin_s
        # One and a half more than now wanted: counts are rounded, and the last frame has a length.
        by_rate = math.ceil(self._options.per_second * length_s + 1.5)
        wanted = max(_FEWEST, min(self._options.most, max(self._options.frames, by_rate)))
        halves = 2 * length_s / self._longest_s if self._longest_s else 1.0
        # Of a short scene, much of what is kept is the next one's, whose begin was not told yet.
        spare = 4 if self._seen - self._first <= LATE else 2
        while self._even > spare * wanted * min(2.0, max(1.0, halves)):
            self._set_stride(self._stride * 2)

    def _set_stride(self, stride: int) -> None:
        self._stride = stride
        self._steps = [(age, min(step or stride, stride)) for age, step in self._ages]
        steps = [(0, 1), *self._steps, (self._seen + 1, 0)]
        for (age, step), (until, _) in pairwise(steps):
            for number in [n for n in self._kept if age < self._seen - n <= until and n % step]:
                del self._kept[number]
        self._even = sum(number % stride == 0 for number in self._kept)

    def split(self, at_s: float) -> Reservoir:
        """A cut was found at this time, maybe in the past: the frames from it on move over."""
        later = copy.copy(self)
        later._kept = {n: kept for n, kept in self._kept.items() if kept.pts_s >= at_s}
        self._kept = {n: kept for n, kept in self._kept.items() if kept.pts_s < at_s}
        later._begin(at_s)
        return later

    def join(self, later: Reservoir) -> None:
        """The scene goes on with what was taken for another one."""
        self._kept |= later._kept
        self._seen, self._newest_s = later._seen, later._newest_s
        self._set_stride(max(self._stride, later._stride))
        self._make_room()

    def pick(self, start_s: float, end_s: float) -> list[Kept]:
        """The frames that stand for the scene, in order; none only if none is kept.

        All others are let go: nothing is kept afterwards. Of equal bins as many as frames are
        wanted each gets the frame nearest to its centre, or its sharpest. Out of those that are
        wanted: a scene that has no other keeps its black and blurred ones.
        """
        wanted = self._wanted()
        count = self._options.count(end_s - start_s)
        if len(wanted) > count:
            wanted = self._stand_ins(wanted, start_s, (end_s - start_s) / count, count)
        if "duplicate" in self._options.skip:
            wanted = self._without_repeats(wanted)
        self._kept.clear()
        for kept in wanted:
            kept.image = None
        return wanted

    def _luma(self, kept: Kept) -> npt.NDArray[np.uint8]:
        assert kept.image is not None  # or nobody would judge
        return quality.luma(kept.image, self._image_format)

    def _wanted(self) -> list[Kept]:
        every = list(self._kept.values())
        good = every
        if "black" in self._options.skip:
            good = [kept for kept in good if not quality.is_black(self._luma(kept))]
        if "blurred" in self._options.skip and good:
            sharp = [quality.sharpness(self._luma(kept)) for kept in good]
            least = _BLURRED * median(sharp)
            good = [kept for kept, value in zip(good, sharp, strict=True) if value >= least]
        return good or every

    def _stand_ins(
        self, wanted: Sequence[Kept], start_s: float, width: float, count: int
    ) -> list[Kept]:
        times = [kept.pts_s for kept in wanted]
        if self._options.choose == "sharpest":
            best: dict[int, tuple[float, int]] = {}
            for place, kept in enumerate(wanted):
                bin_ = min(count - 1, int((times[place] - start_s) / width))
                rank = quality.sharpness(self._luma(kept)), -place
                best[bin_] = max(rank, best.get(bin_, rank))
            return [wanted[-place] for _, place in best.values()]
        chosen = {_nearest(times, start_s + (n + 0.5) * width) for n in range(count)}
        return [wanted[place] for place in sorted(chosen)]

    def _without_repeats(self, chosen: Sequence[Kept]) -> list[Kept]:
        stay = list(chosen[:1])
        for kept in chosen[1:]:
            if not quality.same(self._luma(stay[-1]), self._luma(kept)):
                stay.append(kept)
        return stay


def _nearest(times: Sequence[float], at_s: float) -> int:
    """The place of the time that is nearest, of two or more that ascend.

    Halfway between two it is the earlier one, or two centres of bins could take the same frame;
    floating point must not decide it, hence the rounding.
    """
    after = min(max(1, bisect_left(times, at_s)), len(times) - 1)
    nearer = round(times[after] - at_s, 9) < round(at_s - times[after - 1], 9)
    return after if nearer else after - 1


def _ages(dense: int) -> list[tuple[int, int]]:
    """From which age on only frames with such a multiple as number are kept; 0: the stride's."""
    ages = []
    age, step = dense, 2
    while age < LATE:
        ages.append((age, step))
        age, step = 2 * age, 2 * step
    return [*ages, (LATE, 0)]


def frames_of(
    video: Video,
    scene: Scene,
    picked: Sequence[DecodedFrame],
    size: tuple[int, int],
    options: Sampling,
    sampler: str,
) -> Frames:
    """Convert picked frames to the pixels an analyzer looks at, those of HDR videos tone-mapped.

    Args:
        video: The video they are from.
        scene: The scene they are from.
        picked: The frames, in order.
        size: Width and height of the video as shown, in pixels.
        options: How large a frame may be.
        sampler: The sampler's fingerprint.
    """
    import numpy as np

    width, height = size_of(size, options)
    transfer = video.colour_transfer
    rgb = np.stack([tone_mapped(frame.rgb(width, height), transfer) for frame in picked])
    pts_s = np.array([frame.pts_s for frame in picked], dtype=np.float64)
    return Frames(scene=scene, sampler=sampler, pts_s=pts_s, rgb=rgb)
