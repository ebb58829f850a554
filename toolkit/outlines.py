"""Scenes from what one pass would have seen, first without frames, then with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from toolkit.config import Settings
from toolkit.errors import DecodeError
from toolkit.readings import Joined, look_of
from toolkit.records import Video
from toolkit.scan import Found, small_size
from toolkit.stages.component import Cancel
from toolkit.stages.decode import MOMENT_S, DecodedFrame, Decoder, ImageFormat, frames_shown
from toolkit.stages.lengths import Closed, Lengths
from toolkit.stages.sampling import Reservoir, judges
from toolkit.stages.scenes import SceneDetector
from toolkit.watchdog import Beat, watched

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["Outline", "filled", "outlines", "pieces"]


@dataclass(frozen=True)
class Outline:
    """A scene, and the frames that are to be read for it.

    Attributes:
        index: Its place in the video.
        start_s: As of a scene, like ``end_s``, ``kind`` and ``score``.
        times_s: When these frames are shown.
        looks: What they look like.
        choose: Whether some of them are picked, by what they show; otherwise all are.
        entry_s: Where decoding began that led to them.
    """

    index: int
    start_s: float
    end_s: float
    kind: Literal["start", "cut", "fade", "dissolve", "wipe", "split"]
    score: float
    times_s: tuple[float, ...]
    looks: tuple[int, ...]
    choose: bool
    entry_s: float


def outlines(joined: Joined, settings: Settings) -> Iterator[Outline]:
    """The scenes that :class:`~toolkit.scan.Scan` would find, each with the frames it would keep.

    The very rules are followed, with moments in the place of frames.
    """
    sampling = settings.sampling
    kept = Reservoir(sampling, settings.scenes.max_scene_s)
    for index, (begin, end_s, chosen) in enumerate(_closed(joined, settings, kept)):
        choose = judges(sampling) and len(chosen) > 0
        times_s = chosen.times_s
        if not choose:
            times_s = [frame.pts_s for frame in chosen.pick(begin.at_s, end_s)]
        seen = [joined.look_at(at_s) for at_s in times_s or [(begin.at_s + end_s) / 2]]
        yield Outline(
            index=index,
            start_s=begin.at_s,
            end_s=end_s,
            kind=begin.kind if index else "start",
            score=begin.score,
            times_s=tuple(time_s for time_s, _ in seen),
            looks=tuple(look for _, look in seen),
            choose=choose,
            entry_s=joined.entry_before(begin.at_s),
        )


def _closed(joined: Joined, settings: Settings, kept: Reservoir) -> Iterator[Closed]:
    scenes = Lengths(settings.scenes, kept)
    told = joined.told
    for number, time_s in enumerate(joined.times_s):
        scenes.kept.add(_Moment(time_s), None)
        yield from scenes.reached(time_s)
        if number in told:
            yield from scenes.cut(told[number])
    yield from scenes.cut(joined.ending.cuts)
    yield from scenes.finish(joined.ending.end_s)


class _Moment:
    """In the place of a frame, see :class:`~toolkit.stages.decode.DecodedFrame`."""

    __slots__ = ("pts_s",)
    key_frame = False

    def __init__(self, pts_s: float) -> None:
        self.pts_s = pts_s

    def small(self, width: int, height: int, image_format: ImageFormat) -> npt.NDArray[np.uint8]:
        raise NotImplementedError("a moment shows nothing")

    def rgb(self, width: int, height: int) -> npt.NDArray[np.uint8]:
        raise NotImplementedError("a moment shows nothing")


def pieces(scenes: Sequence[Outline], seconds: float) -> list[list[Outline]]:
    """The scenes in groups of about so many seconds, for :func:`filled`, side by side."""
    groups: list[list[Outline]] = []
    for scene in scenes:
        if not groups or scene.end_s - groups[-1][0].start_s > seconds:
            groups.append([])
        groups[-1].append(scene)
    return groups


def filled(
    decoder: Decoder,
    detector: SceneDetector,
    video: Video,
    scenes: Sequence[Outline],
    settings: Settings,
    cancel: Cancel,
) -> Iterator[tuple[Found, tuple[int, int]]]:
    """Some scenes in order, with the frames picked from them, and the size they are shown in.

    A frame that does not look as it did (its keyframe is damaged, and it was mended out of what
    came before) is read again the way it was read before, from the start of a chunk on.

    Raises:
        DecodeError: The file cannot be read, or has other frames than it had.
        CancelledError: ``cancel`` was set.
    """
    path = Path(video.path)
    small = (*small_size(video, detector.width), detector.image_format)

    def same(scene: Outline, series: Iterator[DecodedFrame], beat: Beat) -> Found | None:
        pairs = []
        for time_s, look in zip(scene.times_s, scene.looks, strict=True):
            beat()
            cancel.check()
            frame = next(series, None)
            if frame is None or abs(frame.pts_s - time_s) > MOMENT_S:
                return None
            image = frame.small(*small)
            if look_of(image) != look:
                return None
            pairs.append((frame, image))
        picked: list[DecodedFrame] = [frame for frame, _ in pairs]
        if scene.choose:
            kept = Reservoir.holding(settings.sampling, detector.image_format, pairs)
            picked = list(kept.pick(scene.start_s, scene.end_s))
        return Found(scene.index, scene.start_s, scene.end_s, scene.kind, scene.score, picked)

    def read(beat: Beat) -> Iterator[tuple[Found, tuple[int, int]]]:
        left = list(scenes)
        with decoder.frames_at(path, _times(left)) as series:
            while left and (found := same(left[0], series, beat)):
                yield found, (series.width, series.height)
                del left[0], found
        if not left:
            return
        with decoder.open_at(path, left[0].entry_s) as stream:
            shown = frames_shown(_beating(stream, beat, cancel), _times(left))
            for scene in left:
                found = same(scene, shown, beat)
                if found is None:
                    raise DecodeError(
                        f"'{path}' has other frames than it had.",
                        hint="The file changed, or its disk fails: analyze it again.",
                        path=str(path),
                    )
                yield found, (stream.width, stream.height)

    # A decoder tells nothing while it reads what lies between two frames.
    times_s = _times(scenes)
    between_s = max((later - earlier for earlier, later in pairwise(times_s)), default=0.0)
    return watched(read, f"Reading '{path}'", settings.decode.stall_s + between_s, cancel)


def _times(scenes: Sequence[Outline]) -> list[float]:
    return [time_s for scene in scenes for time_s in scene.times_s]


def _beating(frames: Iterator[DecodedFrame], beat: Beat, cancel: Cancel) -> Iterator[DecodedFrame]:
    for frame in frames:
        beat()
        cancel.check()
        yield frame
