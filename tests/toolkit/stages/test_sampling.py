"""The frames that stand for a scene: evenly spaced, wherever cuts fall and however late."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from toolkit.config.settings import Sampling, Scenes
from toolkit.records import Cut
from toolkit.stages.lengths import Closed, Lengths
from toolkit.stages.sampling import LATE, Reservoir, fit

FRAME_S = 1 / 25
BLANK: npt.NDArray[np.uint8] = np.zeros((6, 8), np.uint8)


@dataclass(frozen=True)
class Still:
    """A frame that has a time and nothing to show."""

    pts_s: float
    key_frame: bool = False

    def small(self, width: int, height: int, image_format: str) -> Any:
        raise NotImplementedError

    def rgb(self, width: int, height: int) -> Any:
        raise NotImplementedError


def scan(
    times: list[float],
    cuts: dict[int, list[Cut]],
    options: Sampling,
    lengths: Scenes | None = None,
    images: list[npt.NDArray[np.uint8]] | None = None,
) -> list[Closed]:
    """Closed scenes, when the cuts are told at the frames with these numbers."""
    lengths = lengths or Scenes()
    kept = Reservoir(options, lengths.max_scene_s, "gray")
    scenes = Lengths(lengths, kept)
    found: list[Closed] = []
    for number, time_s in enumerate(times):
        scenes.kept.add(Still(time_s), images[number] if images else BLANK)
        found += scenes.reached(time_s)
        found += scenes.cut(cuts.get(number, []))
    found += scenes.cut(cuts.get(len(times), []))
    found += scenes.finish(times[-1] + FRAME_S)
    return found


def picked(scene: Closed) -> list[float]:
    return [frame.pts_s for frame in scene.kept.pick(scene.begin.at_s, scene.end_s)]


@st.composite
def cut_films(draw: st.DrawFn) -> tuple[int, list[tuple[int, int]]]:
    """A number of frames, and cuts: at which frame, and how many frames later they are told."""
    places = draw(st.lists(st.integers(1, 700), max_size=6, unique=True))
    cuts, told = [], 0
    for place in sorted(places):
        told = max(told, place + draw(st.integers(0, LATE - 1)))
        cuts.append((place, min(told, place + LATE - 1)))
        told = cuts[-1][1]
    frames = (cuts[-1][0] if cuts else 0) + draw(st.integers(1, 3000))
    return frames, cuts


@example(film=(25, [(24, 24)]), count=12)  # every centre lies halfway between two frames
@given(film=cut_films(), count=st.integers(1, 12))
@settings(max_examples=80, deadline=None)
def test_frames_lie_within_half_a_bin_of_the_centres(
    film: tuple[int, list[tuple[int, int]]], count: int
) -> None:
    frames, cuts = film
    late = dict(cuts)
    told: dict[int, list[Cut]] = {}
    for place, when in cuts:
        told.setdefault(min(when, frames), []).append(Cut(at_s=place * FRAME_S))
    times = [number * FRAME_S for number in range(frames)]
    scenes = scan(times, told, Sampling(frames=count))
    assert [scene.begin.at_s for scene in scenes] == [0.0, *(at * FRAME_S for at in sorted(late))]
    for scene in scenes:
        begin, end = round(scene.begin.at_s / FRAME_S), round(scene.end_s / FRAME_S)
        length, at = end - begin, picked(scene)
        assert all(scene.begin.at_s <= time_s < scene.end_s for time_s in at)
        late_begin = late.get(begin, begin) - begin
        late_end = min(late.get(end, end), frames) - end
        if not late_begin and not late_end and length <= count:
            assert len(at) == length
            continue
        bin_ = length / count
        gap = max(1.0, bin_, (length + late_end) / count, 2 * late_begin / count)
        if gap > length:
            continue  # nothing is promised, and a frame is read again where none is left
        for place in range(count):
            centre = begin + (place + 0.5) * bin_
            nearest = min(abs(time_s / FRAME_S - centre) for time_s in at)
            assert nearest <= gap - bin_ / 2 + 1e-6  # half a bin, if cuts are told at once
        if gap == bin_:
            assert len(at) == count


@given(st.integers(1, 8000), st.integers(1, 16))
@settings(max_examples=30, deadline=None)
def test_what_is_kept_is_bounded(frames: int, count: int) -> None:
    kept = Reservoir(Sampling(frames=count))
    most = 0
    for number in range(frames):
        kept.add(Still(number * FRAME_S), BLANK)
        most = max(most, len(kept))
    assert most <= 2 * count + 3 * count + 16


def test_long_scenes_get_more_frames_up_to_a_limit() -> None:
    options = Sampling(frames=4, per_second=0.5, max_frames=10)
    for seconds, wanted in ((2, 4), (12, 6), (600, 10)):
        times = [number * FRAME_S for number in range(seconds * 25)]
        [scene] = scan(times, {}, options)
        assert len(picked(scene)) == wanted


@given(
    frames=st.integers(1, 3000),
    count=st.integers(1, 12),
    per_second=st.floats(0.1, 25),
    most=st.integers(1, 64),
)
@settings(max_examples=60, deadline=None)
def test_at_a_rate_too_frames_lie_within_half_a_bin_of_the_centres(
    frames: int, count: int, per_second: float, most: int
) -> None:
    options = Sampling(frames=count, per_second=per_second, max_frames=most)
    [scene] = scan([number * FRAME_S for number in range(frames)], {}, options)
    wanted, at = options.count(scene.end_s), picked(scene)
    assert len(at) == min(frames, wanted)
    bin_s = scene.end_s / wanted
    if frames >= wanted:
        for place in range(wanted):
            nearest = min(abs(time_s - (place + 0.5) * bin_s) for time_s in at)
            assert nearest <= bin_s / 2 + 1e-6


@given(
    frames=st.integers(1, 1500),
    count=st.integers(1, 12),
    longest_s=st.floats(1, 20),
    per_second=st.sampled_from([0, 2, 25]),
)
@example(frames=251, count=1, longest_s=1.0, per_second=0)
@example(frames=389, count=5, longest_s=7.5, per_second=0)
@settings(max_examples=60, deadline=None)
def test_parts_of_long_scenes_have_their_frames_too(
    frames: int, count: int, longest_s: float, per_second: float
) -> None:
    options = Sampling(frames=count, per_second=per_second, max_frames=16)
    times = [number * FRAME_S for number in range(frames)]
    for scene in scan(times, {}, options, Scenes(max_scene_s=longest_s)):
        length_s, at = scene.end_s - scene.begin.at_s, picked(scene)
        wanted = options.count(length_s)
        bin_s = length_s / wanted
        if bin_s < FRAME_S:
            continue
        for place in range(wanted):
            # What a half that has left leaves over is kept as densely as that half, less than a
            # bin of the longest part apart; split again, its parts may be half as long.
            centre_s = scene.begin.at_s + (place + 0.5) * bin_s
            assert min(abs(time_s - centre_s) for time_s in at) <= 2 * bin_s + FRAME_S


def noise(seed: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(60, 200, (48, 64), dtype=np.uint8)


def blurred(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return np.asarray((image // 4 + np.roll(image, 1, 0) // 4 * 3), np.uint8)


def chosen(images: list[npt.NDArray[np.uint8]], **options: Any) -> list[int]:
    """Which of these pictures stand for their scene."""
    times = [number * FRAME_S for number in range(len(images))]
    [scene] = scan(times, {}, Sampling(**options), images=images)
    return [round(time_s / FRAME_S) for time_s in picked(scene)]


def test_black_frames_are_skipped_unless_there_is_nothing_else() -> None:
    black = np.full((48, 64), 16, np.uint8)
    lead = [black] * 6 + [noise(number) for number in range(6)]
    assert min(chosen(lead, frames=4)) < 6
    assert min(chosen(lead, frames=4, skip="black")) == 6
    assert len(chosen([black] * 12, frames=4, skip="black")) == 4


def test_blurred_frames_are_skipped() -> None:
    images = [blurred(noise(n)) if n % 3 == 1 else noise(n) for n in range(12)]
    assert any(number % 3 == 1 for number in chosen(images, frames=4))
    assert all(number % 3 != 1 for number in chosen(images, frames=4, skip="blurred"))


def test_repeats_are_skipped_and_small_motion_is_none() -> None:
    still = [noise(1) // 8 * 8 + noise(n) // 100 for n in range(12)]  # with a noisy sensor
    assert len(chosen(still, frames=4, skip="duplicate")) == 1
    moving = [image.copy() for image in still]
    for number, image in enumerate(moving):
        image[20:30, 4 * number : 4 * number + 10] = 255
    assert len(chosen(moving, frames=4, skip="duplicate")) == 4


def test_the_sharpest_of_each_part() -> None:
    images = [noise(n) if n in {1, 2, 5, 6} else blurred(noise(n)) for n in range(8)]
    assert chosen(images, frames=4, choose="sharpest") == [1, 2, 5, 6]


@pytest.mark.parametrize("image_format", ["gray", "yuv420p", "bgr24"])
def test_brightness_in_every_format(image_format: Any) -> None:
    shape = {"gray": (48, 64), "yuv420p": (72, 64), "bgr24": (48, 64, 3)}[image_format]
    kept = Reservoir(Sampling(frames=2, skip=("black",)), 0.0, image_format)
    for number in range(4):
        image = np.full(shape, 128 if number == 2 else 0, np.uint8)
        kept.add(Still(number * FRAME_S), image)
    assert [frame.pts_s for frame in kept.pick(0.0, 4 * FRAME_S)] == [2 * FRAME_S]


@given(
    width=st.integers(1, 8000),
    height=st.integers(1, 8000),
    most=st.integers(784, 1_000_000),
    least=st.integers(0, 400_000),
)
def test_sizes_are_multiples_within_the_budget(
    width: int, height: int, most: int, least: int
) -> None:
    least = min(least, most)
    across, down = fit(width, height, most, 28, least)
    assert across % 28 == down % 28 == 0
    if 1 / 20 < width / height < 20:  # else a side of 28 pixels is what does not fit
        slack = (across + down) * 28 + 784
        assert across * down <= most + slack
        if least:
            assert across * down >= min(least, most) - slack
    if not least and width >= 28 <= height:
        assert across <= width
        assert down <= height
