from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import pytest
from pydantic import ValidationError

from toolkit.records import Cut
from toolkit.stages.scenes import SceneDetector
from toolkit.testing.clips import write_clip
from toolkit.testing.detectors import SceneDetectorSuite, film
from toolkit_decode_pyav import PyAVOptions
from toolkit_decode_pyav.decoder import PyAVDecoder
from toolkit_scenes_pyscenedetect import (
    AdaptiveOptions,
    ContentOptions,
    DetectorOptions,
    HashOptions,
    HistogramOptions,
    ThresholdOptions,
    toolkit_scene_detectors,
)
from toolkit_scenes_pyscenedetect.detector import PySceneDetector

if TYPE_CHECKING:
    import scenedetect  # type: ignore[import-untyped]


class TestContent(SceneDetectorSuite):
    @pytest.fixture
    def detector(self) -> SceneDetector:
        return PySceneDetector(ContentOptions())


class TestAdaptive(SceneDetectorSuite):
    @pytest.fixture
    def detector(self) -> SceneDetector:
        return PySceneDetector(AdaptiveOptions())


class TestHistogram(SceneDetectorSuite):
    @pytest.fixture
    def detector(self) -> SceneDetector:
        return PySceneDetector(HistogramOptions())


class TestHash(SceneDetectorSuite):
    @pytest.fixture
    def detector(self) -> SceneDetector:
        return PySceneDetector(HashOptions())


class TestThreshold(SceneDetectorSuite):
    finds: ClassVar[frozenset[str]] = frozenset({"fade"})
    kind: ClassVar[str] = "fade"

    @pytest.fixture
    def detector(self) -> SceneDetector:
        return PySceneDetector(ThresholdOptions())


def theirs(path: Path, detector: scenedetect.SceneDetector) -> list[float]:
    """Where PySceneDetect's own manager and decoder find the cuts, in seconds."""
    from scenedetect import SceneManager
    from scenedetect.backends.pyav import VideoStreamAv  # type: ignore[import-untyped]

    manager = SceneManager()
    manager.add_detector(detector)
    manager.detect_scenes(VideoStreamAv(path, suppress_output=True))
    return [start.seconds for start, _ in manager.get_scene_list()][1:]


def ours(path: Path, options: DetectorOptions) -> list[Cut]:
    cuts: list[Cut] = []
    with PyAVDecoder(PyAVOptions()).open(path) as stream:
        detector = PySceneDetector(options)
        reading = detector.start(stream.frame_s)
        height = round(detector.width * stream.height / stream.width / 2) * 2
        for frame in stream:
            image = frame.small(detector.width, height, detector.image_format)
            cuts += reading.push(frame.pts_s, image)
        cuts += reading.finish()
    return cuts


@pytest.fixture(scope="module")
def cinema(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoded film, larger than the detectors want their frames."""
    path = tmp_path_factory.mktemp("cinema") / "film.mp4"
    write_clip(film(["cut", "fade", "cut", "fade", "cut"], width=384), path, fps=25)
    return path


CASES = [
    (ContentOptions(), "ContentDetector", {}),
    (
        ContentOptions(threshold=20, luma_only=True, filter_mode="suppress"),
        "ContentDetector",
        {"threshold": 20.0, "luma_only": True},
    ),
    (AdaptiveOptions(), "AdaptiveDetector", {}),
    (AdaptiveOptions(window_width=4), "AdaptiveDetector", {"window_width": 4}),
    (ThresholdOptions(), "ThresholdDetector", {}),
    (ThresholdOptions(fade_bias=1.0), "ThresholdDetector", {"fade_bias": 1.0}),
    (HistogramOptions(), "HistogramDetector", {}),
    (HashOptions(), "HashDetector", {}),
]


@pytest.mark.parametrize(("options", "kind", "parameters"), CASES)
def test_cuts_are_those_of_pyscenedetect(
    cinema: Path, options: DetectorOptions, kind: str, parameters: dict[str, object]
) -> None:
    import scenedetect
    from scenedetect.detector import FlashFilter  # type: ignore[import-untyped]

    if getattr(options, "filter_mode", "") == "suppress":
        parameters = {**parameters, "filter_mode": FlashFilter.Mode.SUPPRESS}
    expected_s = theirs(cinema, getattr(scenedetect, kind)(min_scene_len=0.6, **parameters))
    assert len(expected_s) > 1
    assert [cut.at_s for cut in ours(cinema, options)] == pytest.approx(expected_s, abs=0.0401)


def test_a_score_is_the_metric_at_the_cut() -> None:
    images = film(["cut"])
    for options, least, most in (
        (ContentOptions(), 27, 255),
        (ContentOptions(filter_mode="suppress"), 27, 255),
        (AdaptiveOptions(), 3, 255),
        (AdaptiveOptions(window_width=5), 3, 255),
        (HistogramOptions(), 0.2, 2),
        (HashOptions(), 0.35, 1),
    ):
        (cut,) = SceneDetectorSuite().watch(PySceneDetector(options), images)
        assert least <= cut.score <= most, options


def test_cuts_that_come_too_soon_are_merged() -> None:
    detector = PySceneDetector(ContentOptions(min_scene_s=3.0))
    cuts = SceneDetectorSuite().watch(detector, film(["cut"] * 4))
    assert len(cuts) < 4
    assert all(b.at_s - a.at_s >= 3.0 for a, b in pairwise(cuts))


def test_a_film_that_begins_and_ends_in_the_dark() -> None:
    images = film(["fade"])
    images = [images[0] * 0] * 30 + list(images) + [images[0] * 0] * 30
    for bias in (-1.0, 0.0, 1.0):
        detector = PySceneDetector(ThresholdOptions(fade_bias=bias, add_final_scene=True))
        cuts = SceneDetectorSuite().watch(detector, images)
        assert cuts
        assert cuts[0].at_s > 0  # no scene without a frame


@pytest.mark.parametrize(
    "wrong",
    [{"kernel_size": 4}, {"hue_weight": 0, "saturation_weight": 0, "brightness_weight": 0}],
)
def test_parameters_that_pyscenedetect_would_stumble_over(wrong: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        ContentOptions.model_validate(wrong)


def test_defaults_are_those_of_pyscenedetect() -> None:
    import inspect

    import scenedetect

    names = {"bins", "threshold", "adaptive_threshold", "min_content_val", "window_width"}
    names |= {"size", "lowpass", "fade_bias", "add_final_scene", "luma_only", "kernel_size"}
    for plugin in toolkit_scene_detectors():
        kind = getattr(scenedetect, f"{plugin.name.capitalize()}Detector")
        theirs = inspect.signature(kind).parameters
        ours = plugin.options().model_dump()
        common = names & set(ours)
        assert common
        assert {n: ours[n] for n in common} == {n: theirs[n].default for n in common}
