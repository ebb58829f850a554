"""What every scene detector must do. Subclass it in a test module and give the plugin.

    class TestMyDetector(SceneDetectorSuite):
        @pytest.fixture
        def plugin(self):
            return next(iter(my_package.toolkit_scene_detectors()))

Set `finds` to the kinds of boundaries that it claims to find.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

import pytest

from toolkit.hooks.specs import Context, SceneDetectorPlugin
from toolkit.records import Cut
from toolkit.stages.component import Options
from toolkit.stages.scenes import DetectorPass, SceneDetector
from toolkit.testing.plugins import PluginSuite

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Images = Sequence[npt.NDArray[np.uint8]]

__all__ = ["SceneDetectorSuite"]

_SHOT = 50
_FRAME_S = 0.04


class SceneDetectorSuite(PluginSuite):
    """The contract of :class:`toolkit.stages.scenes.SceneDetector`, as tests."""

    made = "detector"
    finds: ClassVar[frozenset[str]] = frozenset({"cut"})
    """Out of "cut" and "fade": what the detector finds."""
    kind: ClassVar[str] = "cut"
    """What it calls a hard cut, or a fade if it finds fades only."""
    begins: ClassVar[tuple[int, ...]] = (1, 7, 16, 45, 50, 51, 92, 99, 100, 101, 103, 133)
    """Frames at which readings begin that have to fall in step."""

    @pytest.fixture
    def detector(
        self, plugin: SceneDetectorPlugin, options: Options, context: Context
    ) -> Iterator[SceneDetector]:
        """The detector under test."""
        with plugin.factory(options, context) as detector:
            assert isinstance(detector, SceneDetector)
            yield detector

    def watch(
        self, detector: SceneDetector, images: Images, times_s: Sequence[float] | None = None
    ) -> list[Cut]:
        """The cuts it finds in these RGB images; checks what holds for every reading."""
        times = list(times_s or [index * _FRAME_S for index in range(len(images))])
        reading = detector.start(_FRAME_S)
        cuts: list[Cut] = []
        for index, (time_s, image) in enumerate(zip(times, images, strict=True)):
            new = list(reading.push(time_s, convert(image, detector)))
            assert all(cut.at_s in times[: index + 1] for cut in new), "a time of no frame yet"
            cuts += new
        cuts += reading.finish()
        at = [cut.at_s for cut in cuts]
        assert set(at) <= set(times)
        assert at == sorted(set(at))
        return cuts

    def test_shots_joined_by_cuts(self, detector: SceneDetector) -> None:
        """Every hard cut, at the first frame of the new shot, and nothing else."""
        if "cut" not in self.finds:
            pytest.skip("finds no hard cuts")
        images = film(["cut", "cut", "cut"], detector.width)
        cuts = self.watch(detector, images)
        expected_s = [index * _SHOT * _FRAME_S for index in (1, 2, 3)]
        assert [cut.at_s for cut in cuts] == pytest.approx(expected_s)
        assert {cut.kind for cut in cuts} == {self.kind}

    def test_shots_joined_by_fades(self, detector: SceneDetector) -> None:
        """Every fade through black, somewhere inside of it."""
        if "fade" not in self.finds:
            pytest.skip("finds no fades")
        cuts = self.watch(detector, film(["fade", "fade"], detector.width))
        expected_s = [_SHOT * _FRAME_S, 2 * _SHOT * _FRAME_S]
        assert [cut.at_s for cut in cuts] == pytest.approx(expected_s, abs=12 * _FRAME_S)
        assert {cut.kind for cut in cuts} == {"fade"}

    def test_uneven_frames_keep_their_times(self, detector: SceneDetector) -> None:
        """A cut's time is the pts of its frame, however long the frames before it were shown."""
        joint = "cut" if "cut" in self.finds else "fade"
        images = film([joint, joint], detector.width)
        rng = random.Random(3)
        times_s = [0.0]
        while len(times_s) < len(images):
            times_s.append(times_s[-1] + rng.uniform(0.02, 0.12))
        even = self.watch(detector, images)
        uneven = self.watch(detector, images, times_s)
        places = [round(cut.at_s / _FRAME_S) for cut in even]
        slack = 0 if joint == "cut" else 4  # the middle of a fade is a matter of time
        assert len(uneven) == len(even) == 2
        for cut, place in zip(uneven, places, strict=True):
            assert abs(times_s.index(cut.at_s) - place) <= slack

    def test_one_shot_has_no_boundary(self, detector: SceneDetector) -> None:
        """A camera that moves is no cut."""
        assert self.watch(detector, film([], detector.width)) == []

    def test_a_still_has_no_boundary(self, detector: SceneDetector) -> None:
        """A presentation may stand for a minute."""
        assert self.watch(detector, [film([], detector.width)[0]] * 100) == []

    def test_hardly_anything(self, detector: SceneDetector) -> None:
        """No frame, and one frame."""
        assert self.watch(detector, []) == []
        assert self.watch(detector, film([], detector.width)[:1]) == []

    def test_a_reading_that_begins_in_the_middle_falls_in_step(
        self, detector: SceneDetector
    ) -> None:
        """After its context it is in the state of one that began at the start, wherever it began.

        From a frame on at which two readings are in the same state, they find the same.
        """
        context = detector.context(_FRAME_S)
        if context is None:
            pytest.skip("has to see all of a video")
        joints = ["cut", "fade", "cut"] * (2 + context // (3 * _SHOT))
        images = [convert(image, detector) for image in film(joints, detector.width)]
        whole = _followed(detector.start(_FRAME_S), images, 0)
        for number in self.begins:
            if number + context >= len(images):
                continue
            late = _followed(detector.resume(_FRAME_S, number), images, number)
            same = [n for n in range(number, len(images)) if late[n][0] == whole[n][0]]
            assert same, number
            in_step = range(same[0], len(images))
            assert all(late[n][1] == whole[n][1] for n in in_step[1:])
            assert late[len(images)] == whole[len(images)]
            assert same == list(in_step), number
            # A fade that was under way, or changes that are merged, make it later.
            assert same[0] <= number + context + 2 * _SHOT

    def test_readings_do_not_meet(self, detector: SceneDetector) -> None:
        """Two videos at once give what each gives alone."""
        joint = "cut" if "cut" in self.finds else "fade"
        first, second = (
            film([joint], detector.width, seed=1),
            film([joint, joint], detector.width, seed=2),
        )
        alone = self.watch(detector, first), self.watch(detector, second)
        readings = detector.start(_FRAME_S), detector.start(_FRAME_S)
        found: tuple[list[Cut], list[Cut]] = ([], [])
        for index in range(len(second)):
            for images, reading, cuts in zip((first, second), readings, found, strict=True):
                if index < len(images):
                    image = convert(images[index], detector)
                    cuts.extend(reading.push(index * _FRAME_S, image))
        for reading, cuts in zip(readings, found, strict=True):
            cuts.extend(reading.finish())
        assert found == alone

    def test_identity_is_json(self, detector: SceneDetector) -> None:
        """It becomes part of a fingerprint."""
        assert json.loads(json.dumps(detector.identity())) == detector.identity()


def _followed(
    reading: DetectorPass, images: Images, number: int
) -> dict[int, tuple[bytes, list[Cut]]]:
    """By frame: the state after it, and the cuts that were told with it; at last the final ones."""
    seen = {}
    for n in range(number, len(images)):
        cuts = list(reading.push(n * _FRAME_S, images[n]))
        seen[n] = reading.state(), cuts
    seen[len(images)] = b"", list(reading.finish())
    return seen


def film(joints: Iterable[str], width: int = 256, seed: int = 0) -> Images:
    """RGB frames of shots of two seconds, dark and bright in turn, joined like this."""
    import numpy as np

    rng = np.random.default_rng(seed)
    height = round(width * 9 / 16 / 2) * 2
    images: list[npt.NDArray[np.uint8]] = []
    fading = False
    for number, joint in enumerate([*joints, ""]):
        low = 130 if number % 2 else 40
        patches = rng.integers(low, low + 80, (height // 16 + 1, width // 16 + 1, 3))
        view = patches.astype(np.uint8).repeat(16, 0).repeat(16, 1)[:height, :width]
        shot = np.stack([np.roll(view, step // 2, axis=1) for step in range(_SHOT)])  # a slow pan
        if fading:
            ramp(shot[:10], 0.0, 1.0)
        fading = joint == "fade"
        if fading:
            ramp(shot[-10:], 1.0, 0.0)
        images += list(shot)
    return images


def ramp(shot: npt.NDArray[np.uint8], start: float, end: float) -> None:
    """Dim the frames step by step, in place."""
    import numpy as np

    factors = np.linspace(start, end, len(shot))
    shot[:] = (shot * factors[:, None, None, None]).astype(np.uint8)


def convert(image: npt.NDArray[np.uint8], detector: SceneDetector) -> npt.NDArray[np.uint8]:
    """An RGB image in the format that the detector wants."""
    import av
    import numpy as np

    if detector.image_format == "bgr24":
        return np.ascontiguousarray(image[:, :, ::-1])
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
    return np.asarray(frame.to_ndarray(format=detector.image_format), dtype=np.uint8)
