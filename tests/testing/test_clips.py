"""The sample clips and films say the truth about themselves."""

import random
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from toolkit.testing.clips import (
    ATTRIBUTES,
    ClipTruth,
    random_shots,
    random_truth,
    render,
    write_clip,
    write_film,
)

RED_CIRCLE = ClipTruth("red", "circle", "one", "left", "white", "day")


def decode(path: Path) -> tuple[np.ndarray, list[float]]:
    with av.open(path, "r") as container:
        frames = list(container.decode(video=0))
    return np.stack([f.to_ndarray(format="rgb24") for f in frames]), [float(f.time) for f in frames]


def centre_of_red(frame: np.ndarray) -> float:
    red = (frame[..., 0] > 150) & (frame[..., 1] < 100)
    return float(np.nonzero(red)[1].mean())


def test_caption_and_sentiment() -> None:
    assert RED_CIRCLE.caption() == "A red circle moves left on a white background by day."
    assert RED_CIRCLE.sentiment == "positive"
    still = replace(RED_CIRCLE, count="two", motion="still")
    assert still.caption() == "Two red circles stay still on a white background by day."
    assert still.sentiment == "neutral"
    assert replace(still, time="night").sentiment == "negative"
    assert set(still.statements()) == set(ATTRIBUTES)


def test_unknown_value_lists_the_known_ones() -> None:
    with pytest.raises(
        ValueError, match="unknown colour 'purple'; known: red, green, blue, yellow"
    ):
        replace(RED_CIRCLE, colour="purple")


def test_render_is_repeatable_and_moves_as_it_says() -> None:
    frames = render(RED_CIRCLE, random.Random(1), 10, 90, 160)
    assert frames.shape == (10, 90, 160, 3)
    assert frames.dtype == np.uint8
    assert np.array_equal(frames, render(RED_CIRCLE, random.Random(1), 10, 90, 160))
    assert centre_of_red(frames[-1]) < centre_of_red(frames[0]) - 0.2 * 160
    second_half = render(RED_CIRCLE, random.Random(1), 10, 90, 160, span=(0.5, 1))
    assert np.array_equal(second_half[-1], frames[-1])


@pytest.mark.parametrize("seed", range(5))
def test_every_truth_can_be_drawn(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(20):
        render(random_truth(rng), rng, 2, *rng.choice([(90, 160), (160, 90), (100, 100)]))


def test_write_clip(tmp_path: Path) -> None:
    frames = render(RED_CIRCLE, random.Random(1), 30, 90, 160)
    write_clip(frames, tmp_path / "clip.mp4", Fraction(30000, 1001))
    decoded, times_s = decode(tmp_path / "clip.mp4")
    assert decoded.shape == frames.shape
    assert times_s == pytest.approx([index * 1001 / 30000 for index in range(30)], abs=1e-3)
    assert np.abs(decoded.astype(int) - frames).mean() < 4


def test_film_has_its_boundaries_where_it_says(tmp_path: Path) -> None:
    rng = random.Random(3)
    film = write_film(tmp_path / "film.mp4", random_shots(rng, 4), rng=rng, height=90, width=160)
    decoded, times_s = decode(tmp_path / "film.mp4")
    frame_s = 1 / 25
    assert times_s[-1] + frame_s == pytest.approx(film.duration_s, abs=1e-3)
    assert [boundary.kind for boundary in film.boundaries] == ["fade", "dissolve", "cut"]
    assert [scene.end_s for scene in film.scenes[:-1]] == [s.start_s for s in film.scenes[1:]]

    small = decoded[:, ::4, ::4].astype(int)
    changes = np.abs(np.diff(small, axis=0)).mean((1, 2, 3))
    fade, dissolve, cut = film.boundaries
    first_of_new_shot = round(cut.start_s * 25)
    assert int(np.argmax(changes)) + 1 == first_of_new_shot
    middle = round((fade.start_s + fade.end_s) / 2 * 25)
    assert small[middle - 1 : middle + 1].max() < 12
    ends = small[round(dissolve.start_s * 25) - 1], small[round(dissolve.end_s * 25)]
    halfway = small[round((dissolve.start_s + dissolve.end_s) / 2 * 25)]
    assert np.abs(halfway - (ends[0] + ends[1]) / 2).mean() < 0.2 * np.abs(ends[0] - ends[1]).mean()


def test_film_refuses_what_does_not_fit(tmp_path: Path) -> None:
    rng = random.Random(3)
    shots = random_shots(rng, 3)
    with pytest.raises(ValueError, match="3 shots need 2 transitions, not 1"):
        write_film(tmp_path / "film.mp4", shots, ["cut"], rng=rng)
    short = [replace(shot, duration_s=0.5) for shot in shots]
    with pytest.raises(ValueError, match="shots must last"):
        write_film(tmp_path / "film.mp4", short, rng=rng)
