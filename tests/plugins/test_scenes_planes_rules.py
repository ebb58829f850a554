"""The quick methods give the boundaries of PySceneDetect's detectors."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest

from toolkit.records import Cut
from toolkit.stages.scenes import SceneDetector
from toolkit.testing.clips import write_clip
from toolkit_decode_pyav import PyAVOptions
from toolkit_decode_pyav.decoder import PyAVDecoder
from toolkit_scenes_planes import PlanesOptions
from toolkit_scenes_planes.detector import PlanesDetector
from toolkit_scenes_pyscenedetect import AdaptiveOptions, ContentOptions, DetectorOptions
from toolkit_scenes_pyscenedetect.detector import PySceneDetector

SIZE = (320, 180)
THEIRS = {"adaptive": AdaptiveOptions, "content": ContentOptions}


def frames(seed: int, count: int) -> list[npt.NDArray[np.uint8]]:
    """Shots of 3 to 40 frames: grey to gaudy, dark to bright, some noisy or flickering."""
    rng = np.random.default_rng(seed)
    images: list[npt.NDArray[np.uint8]] = []
    while len(images) < count:
        coarse = rng.integers(0, 256, (5, 8, 3)).astype(np.float32)
        grey = coarse.mean(2, keepdims=True)
        coarse = (grey + rng.random() * (coarse - grey)) * rng.uniform(0.1, 1.1)
        big = cv2.resize(coarse, (SIZE[0] + 80, SIZE[1]), interpolation=cv2.INTER_CUBIC)
        noise, swing = rng.choice([0, 0, 6, 15]), rng.choice([0, 0, 0, 0.3])
        for step in range(rng.integers(3, 40)):
            light = 1 + swing * np.sin(step * 2)
            part = big[:, 2 * step : 2 * step + SIZE[0]] * light
            part = part + rng.normal(0, noise, part.shape)
            images.append(part.clip(0, 255).astype(np.uint8))
    return images[:count]


def write_marked(path: Path, images: list[npt.NDArray[np.uint8]], space: int, span: int) -> None:
    """Encode as FFmpeg's colour space (1: BT.709, 5: BT.601) and range (1: limited, 2: full)."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "veryfast"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuvj420p" if span == 2 else "yuv420p"
        stream.codec_context.colorspace = space
        stream.codec_context.color_range = span
        for number, image in enumerate(images):
            rgb = av.VideoFrame.from_ndarray(image, format="rgb24")
            picture = rgb.reformat(
                format=stream.pix_fmt, dst_colorspace=space, dst_color_range=span
            )
            picture.pts, picture.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))


def watch(path: Path, detector: SceneDetector) -> list[Cut]:
    with PyAVDecoder(PyAVOptions()).open(path) as stream:
        reading = detector.start(stream.frame_s, colours=stream.colours)
        cuts: list[Cut] = []
        for frame in stream:
            cuts += reading.push(frame.pts_s, frame.small(256, 144, detector.image_format))
        return [*cuts, *reading.finish()]


@pytest.mark.parametrize("rule", ["adaptive", "content"])
def test_the_same_boundaries_as_pyscenedetect(rule: str, tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    write_clip(frames(1, 1200), path, fps=25, crf=23)
    theirs: DetectorOptions = THEIRS[rule]()
    expected = watch(path, PySceneDetector(theirs))
    found = watch(path, PlanesDetector(PlanesOptions.model_validate({"method": rule})))
    assert len(expected) > 15
    assert [cut.at_s for cut in found] == [cut.at_s for cut in expected]
    if rule == "content":  # of the other one PySceneDetect's score is a ratio
        for cut, other in zip(found, expected, strict=True):
            assert cut.score == pytest.approx(other.score, abs=1.0)


@pytest.mark.parametrize(("space", "span"), [(1, 1), (5, 2)], ids=["bt709", "full range"])
def test_colours_are_taken_as_the_file_means_them(space: int, span: int, tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    write_marked(path, frames(2, 600), space, span)
    expected = watch(path, PySceneDetector(ContentOptions()))
    found = watch(path, PlanesDetector(PlanesOptions(method="content")))
    assert len(expected) > 8
    assert [cut.at_s for cut in found] == [cut.at_s for cut in expected]
    for cut, other in zip(found, expected, strict=True):
        assert cut.score == pytest.approx(other.score, abs=1.5)


def test_the_shortest_scene_is_that_of_pyscenedetect_unless_said() -> None:
    assert PlanesOptions(method="content").min_scene_s == ContentOptions().min_scene_s
    assert PlanesOptions(method="adaptive", min_scene_s=0.2).min_scene_s == 0.2
    assert PlanesOptions().min_scene_s == 0.4
