"""PySceneDetect's detectors behind our contract."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from math import ceil
from typing import TYPE_CHECKING, Any, Literal

from toolkit.records import Cut
from toolkit.stages.decode import Colours
from toolkit.stages.scenes import DetectorPass, SceneDetector
from toolkit_scenes_pyscenedetect import (
    AdaptiveOptions,
    ContentOptions,
    DetectorOptions,
    HashOptions,
    HistogramOptions,
    ThresholdOptions,
)

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from scenedetect.common import FrameTimecode  # type: ignore[import-untyped]

__all__ = ["PySceneDetector"]

_TICKS_PER_S = 1_000_000
"""PySceneDetect compares times as whole ticks: microseconds tell all frames apart."""
_KEPT = 64
"""Most frames kept to measure a cut that is confirmed late; 7 MiB at the usual size."""


class PySceneDetector(SceneDetector):
    """Makes a detector of PySceneDetect for each video, with its own parameters."""

    def __init__(self, options: DetectorOptions) -> None:
        # Imported here so that a missing library shows when the detector is made.
        import scenedetect  # type: ignore[import-untyped]  # noqa: F401

        self.width = options.width
        self._options = options

    def start(self, frame_s: float, *, colours: Colours | None = None) -> DetectorPass:
        return _Pass(self._options, frame_s)


class _Pass(DetectorPass):
    """Hands frames to the detector with their true times, and its cuts back as times of frames."""

    def __init__(self, options: DetectorOptions, frame_s: float) -> None:
        self._make, self._metric, self._neighbours = _recipe(options)
        self._detector = self._make()
        self._kind: Literal["cut", "fade"] = "cut" if self._metric else "fade"
        # Of the histograms PySceneDetect gives the likeness, and takes the difference as threshold.
        self._inverse = isinstance(options, HistogramOptions)
        self._rate = 1.0 / frame_s
        late = min(self._detector.event_buffer_length, ceil(options.min_scene_s / frame_s))
        kept = min(_KEPT, late + 2 * self._neighbours + 2) if self._metric else 0
        self._recent: deque[tuple[FrameTimecode, npt.NDArray[np.uint8]]] = deque(maxlen=kept)
        self._pts_s = array("d")  # eight bytes a frame: a fade may have begun an hour ago
        self._last_cut_s = 0.0

    def push(self, pts_s: float, image: npt.NDArray[np.uint8]) -> list[Cut]:
        time = self._timecode(pts_s)
        self._pts_s.append(pts_s)
        self._recent.append((time, image))
        return self._cuts(self._detector.process_frame(time, image))

    def finish(self) -> list[Cut]:
        if not self._pts_s:
            return []
        return self._cuts(self._detector.post_process(self._timecode(self._pts_s[-1])))

    def _timecode(self, pts_s: float) -> FrameTimecode:
        from scenedetect.common import FrameTimecode, Timecode

        return FrameTimecode(
            Timecode(round(pts_s * _TICKS_PER_S), Fraction(1, _TICKS_PER_S)), self._rate
        )

    def _cuts(self, times: list[FrameTimecode]) -> list[Cut]:
        return [
            Cut(at_s=at_s, kind=self._kind, score=self._score(at_s))
            for at_s in map(self._nearest, times)
            if self._advance(at_s)
        ]

    def _nearest(self, time: FrameTimecode) -> float:
        """The time of the frame meant: fades are given by a frame number at the usual rate."""
        right = bisect_left(self._pts_s, time.seconds)
        around = self._pts_s[max(0, right - 1) : right + 1]
        return min(around, key=lambda pts_s: abs(pts_s - time.seconds))

    def _advance(self, at_s: float) -> bool:
        """Whether the cut ends a scene: one at the video's first frame does not."""
        later = at_s > max(self._last_cut_s, self._pts_s[0])
        if later:
            self._last_cut_s = at_s
        return later

    def _score(self, at_s: float) -> float:
        """What the detector measured at the cut; 0 where its frames are gone.

        Measured again, by a fresh detector on the few frames around the cut: letting the one at
        work keep its measurements makes it draw outlines for every frame, which takes three times
        as long as all the rest, and never forget any.
        """
        from scenedetect import StatsManager

        times = [time.seconds for time, _ in self._recent]
        place = bisect_left(times, at_s - 0.5 / _TICKS_PER_S)
        if not self._metric or place in {0, len(times)}:
            return 0.0
        replica = self._make()
        replica.stats_manager = StatsManager()
        around = list(self._recent)[
            max(0, place - self._neighbours - 1) : place + self._neighbours + 1
        ]
        for time, image in around:
            replica.process_frame(time, image)
        at = self._recent[place][0]
        if not replica.stats_manager.metrics_exist(at, [self._metric]):
            return 0.0
        score = float(replica.stats_manager.get_metrics(at, [self._metric])[0])
        return 1 - score if self._inverse else score


def _recipe(options: DetectorOptions) -> tuple[Callable[[], Any], str, int]:
    """How to make the detector, the metric it judges by, and the neighbours it looks at."""
    import scenedetect
    from scenedetect.detector import FlashFilter  # type: ignore[import-untyped]

    neighbours = 0
    parameters: dict[str, Any] = {}
    if isinstance(options, ContentOptions | AdaptiveOptions):
        parameters["weights"] = scenedetect.ContentDetector.Components(
            delta_hue=options.hue_weight,
            delta_sat=options.saturation_weight,
            delta_lum=options.brightness_weight,
            delta_edges=options.edges_weight,
        )
        parameters["luma_only"] = options.luma_only
        parameters["kernel_size"] = options.kernel_size
    match options:
        case ContentOptions():
            kind = scenedetect.ContentDetector
            parameters["threshold"] = options.threshold
            parameters["filter_mode"] = FlashFilter.Mode[options.filter_mode.upper()]
        case AdaptiveOptions():
            kind = scenedetect.AdaptiveDetector
            parameters["adaptive_threshold"] = options.adaptive_threshold
            parameters["min_content_val"] = options.min_content_val
            parameters["window_width"] = neighbours = options.window_width
        case ThresholdOptions():
            kind = scenedetect.ThresholdDetector
            parameters["threshold"] = options.threshold
            parameters["method"] = kind.Method[options.method.upper()]
            parameters["fade_bias"] = options.fade_bias
            parameters["add_final_scene"] = options.add_final_scene
            parameters["min_out_length"] = float(options.min_out_s)
        case HistogramOptions():
            kind = scenedetect.HistogramDetector
            parameters |= {"threshold": options.threshold, "bins": options.bins}
        case HashOptions():
            kind = scenedetect.HashDetector
            parameters |= {"threshold": options.threshold, "size": options.size}
            parameters["lowpass"] = options.lowpass
        case _:
            raise TypeError(f"There is no detector for {type(options).__name__}.")
    # A float is taken for seconds, a whole number for frames.
    make = partial(kind, min_scene_len=float(options.min_scene_s), **parameters)
    if isinstance(options, ThresholdOptions):
        return make, "", 0  # the brightness in the middle of a fade says nothing
    metrics = make().get_metrics()
    return make, metrics[-1 if isinstance(options, AdaptiveOptions) else 0], neighbours
