from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from toolkit.records import Cut
from toolkit.stages.scenes import SceneDetector
from toolkit.testing.clips import random_shots, write_clip, write_film
from toolkit.testing.detectors import SceneDetectorSuite, convert, film, ramp
from toolkit_decode_pyav import PyAVOptions
from toolkit_decode_pyav.decoder import PyAVDecoder
from toolkit_scenes_planes import PlanesOptions
from toolkit_scenes_planes.detector import PlanesDetector

Images = list[npt.NDArray[np.uint8]]
SIZE = (256, 144)


class TestLearned(SceneDetectorSuite):
    finds: ClassVar[frozenset[str]] = frozenset({"cut", "fade"})

    @pytest.fixture
    def detector(self) -> SceneDetector:
        return PlanesDetector(PlanesOptions())


class TestAdaptive(SceneDetectorSuite):
    @pytest.fixture
    def detector(self) -> SceneDetector:
        return PlanesDetector(PlanesOptions(method="adaptive"))


class TestContent(SceneDetectorSuite):
    @pytest.fixture
    def detector(self) -> SceneDetector:
        return PlanesDetector(PlanesOptions(method="content"))


def view(seed: int) -> npt.NDArray[np.uint8]:
    """A large picture of soft forms in a few colours, unlike that of another seed."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (7, 12, 3), dtype=np.uint8)
    fine = rng.integers(0, 90, (36, 64, 3), dtype=np.uint8)
    size = (SIZE[0] * 2, SIZE[1] * 2)
    forms = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC).astype(int)
    detail = cv2.resize(fine, size, interpolation=cv2.INTER_CUBIC)
    return np.asarray((forms * 0.8 + detail).clip(0, 255), dtype=np.uint8)


def shot(seed: int, frames: int, speed: float = 0.4) -> Images:
    """A slow pan."""
    picture = view(seed)
    return [
        np.ascontiguousarray(picture[10 : 10 + SIZE[1], int(i * speed) :][:, : SIZE[0]])
        for i in range(frames)
    ]


def joined(a: Images, b: Images, length: int, kind: str) -> Images:
    """Two shots that overlap by so many frames."""
    x = np.linspace(0, 1, SIZE[0])[None, :, None] + np.zeros((SIZE[1], 1, 1))
    both = []
    for step, (old, new) in enumerate(zip(a[-length:], b[:length], strict=True)):
        share = (step + 1) / (length + 1)
        mask = (x < share).astype(float) if kind == "wipe" else share
        both.append((old * (1 - mask) + new * mask).astype(np.uint8))
    return [*a[:-length], *both, *b[length:]]


def watch(images: Images, frame_s: float = 0.04, **options: object) -> list[Cut]:
    detector = PlanesDetector(PlanesOptions.model_validate(options))
    reading = detector.start(frame_s)
    cuts: list[Cut] = []
    for number, image in enumerate(images):
        cuts += reading.push(number * frame_s, convert(image, detector))
    return cuts + list(reading.finish())


def frames_of(cuts: list[Cut], frame_s: float = 0.04) -> list[int]:
    return [round(cut.at_s / frame_s) for cut in cuts]


# A slow wipe between the pictures of seed 20 is among those it misses: see docs/scenes.md.
@pytest.mark.parametrize(
    ("seed", "kind"), [(1, "dissolve"), (1, "wipe"), (20, "dissolve")], ids=str
)
@pytest.mark.parametrize("length", [10, 20, 30])
def test_blends_are_found_inside_of_them(kind: str, length: int, seed: int) -> None:
    cuts = watch(joined(shot(seed, 80), shot(seed + 1, 80), length, kind))
    assert [cut.kind for cut in cuts] == [kind]
    assert 80 - length - 2 <= frames_of(cuts)[0] <= 82


@pytest.mark.parametrize("colour", [0, 255])
def test_fades_through_black_and_white(colour: int) -> None:
    a, b = np.stack(shot(3, 80)), np.stack(shot(4, 80))
    for images, start, end in ((a[-12:], 1.0, 0.0), (b[:12], 0.0, 1.0)):
        images[:] = colour - images if colour else images
        ramp(images, start, end)
        images[:] = colour - images if colour else images
    cuts = watch([*a, *b])
    assert [cut.kind for cut in cuts] == ["fade"]
    assert 68 <= frames_of(cuts)[0] <= 92


@pytest.mark.parametrize("lasts", [1, 2, 3])
def test_a_flash_is_no_boundary(lasts: int) -> None:
    images = shot(5, 100)
    for number in range(50, 50 + lasts):
        images[number] = np.asarray(cv2.convertScaleAbs(images[number], alpha=1.2, beta=90))
    assert watch(images) == []


def test_noise_light_and_shake_are_no_boundaries() -> None:
    rng = np.random.default_rng(6)
    picture = view(7)
    images = []
    for number in range(150):
        x, y = (rng.integers(0, 12, 2) + 20).tolist()
        light = 1.0 if number < 60 else 0.6
        part = picture[y : y + SIZE[1], x : x + SIZE[0]] * light
        images.append((part + rng.normal(0, 8, part.shape)).clip(0, 255).astype(np.uint8))
    assert watch(images) == []


def test_a_cut_in_a_dark_film() -> None:
    images = [image // 6 for image in [*shot(11, 60), *shot(12, 60)]]
    assert frames_of(watch(images)) == [60]


def test_fast_videos_are_looked_at_in_time_not_in_frames() -> None:
    a, b = shot(13, 240, speed=0.1), shot(14, 240, speed=0.1)
    images = joined(a, b, 50, "dissolve")
    cuts = watch(images, 1 / 60)
    assert [cut.kind for cut in cuts] == ["dissolve"]
    assert 188 <= frames_of(cuts, 1 / 60)[0] <= 242


def test_kinds_can_be_left_out() -> None:
    images = joined(shot(1, 80), shot(2, 80), 20, "dissolve")
    assert watch(images, dissolves=False, wipes=False, fades=False) == []


def test_scenes_are_not_shorter_than_wanted() -> None:
    images = film(["cut"] * 6)
    times = [0.0, *(cut.at_s for cut in watch(list(images), min_scene_s=3))]
    assert len(times) > 2
    assert all(later - earlier >= 3 for earlier, later in pairwise(times))


def test_a_cut_is_told_soon() -> None:
    detector = PlanesDetector(PlanesOptions())
    reading = detector.start(0.04)
    for number, image in enumerate([*shot(1, 60), *shot(2, 60)]):
        if list(reading.push(number * 0.04, convert(image, detector))):
            assert number <= 60 + 48
            return
    pytest.fail("no cut before the end")


def scan(path: Path, threads: int) -> list[Cut]:
    detector = PlanesDetector(PlanesOptions())
    with PyAVDecoder(PyAVOptions(threads=threads)).open(path) as stream:
        reading = detector.start(stream.frame_s)
        cuts: list[Cut] = []
        for frame in stream:
            cuts += reading.push(frame.pts_s, frame.small(256, 144, detector.image_format))
        return cuts + list(reading.finish())


def test_two_readings_agree_whatever_the_threads(tmp_path: Path) -> None:
    rng = random.Random(3)
    path = tmp_path / "film.mp4"
    truth = write_film(path, random_shots(rng, 6), rng=rng)
    once = scan(path, 1)
    assert once == scan(path, 1) == scan(path, 2)
    assert len(once) == len(truth.boundaries)
    for cut in once:
        assert any(b.start_s - 0.08 <= cut.at_s <= b.end_s + 0.08 for b in truth.boundaries)


@pytest.mark.parametrize("size", [(16, 16), (32, 128), (34, 18), (256, 16)])
def test_odd_shapes(tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "small.mp4"
    rng = np.random.default_rng(0)
    shots = [rng.integers(0, 256, (2, 2, 3), dtype=np.uint8) for _ in range(2)]
    large = [
        np.asarray(cv2.resize(s, size, interpolation=cv2.INTER_NEAREST), np.uint8) for s in shots
    ]
    write_clip([large[0]] * 40 + [large[1]] * 40, path, fps=25, codec="mpeg4")
    detector = PlanesDetector(PlanesOptions())
    with PyAVDecoder(PyAVOptions()).open(path) as stream:
        reading = detector.start(stream.frame_s)
        cuts = [c for f in stream for c in reading.push(f.pts_s, f.small(*size, "yuv420p"))]
        cuts += reading.finish()
    assert frames_of(cuts) == [40]
