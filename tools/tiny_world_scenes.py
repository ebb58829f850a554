"""Clips and films of the tiny world as a sampler delivers them: encoded, decoded, a few frames."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import av
import numpy as np

from toolkit.testing.clips import (
    ClipTruth,
    random_shots,
    random_truth,
    render,
    write_clip,
    write_film,
)

SIZES = [(360, 640), (240, 320), (180, 320), (320, 240), (256, 256), (480, 270)]
FILM_SIZES = [(360, 640), (240, 320)]
FRAME_RATES = (24, 25, 30)


@dataclass(frozen=True, slots=True)
class Scene:
    """Sampled frames of a scene, uint8 (n, h, w, 3) RGB, with their times and the truth."""

    truth: ClipTruth
    frames: Any
    times_s: list[float]


def bin_centres(start_s: float, end_s: float, n_frames: int) -> list[float]:
    step_s = (end_s - start_s) / n_frames
    return [start_s + (index + 0.5) * step_s for index in range(n_frames)]


def read_frames(file: io.BytesIO, wanted_s: Sequence[float]) -> tuple[Any, list[float]]:
    """The frames shown at the wanted times, which ascend, and their own times in seconds."""
    file.seek(0)
    kept: list[Any] = []
    times_s: list[float] = []
    with av.open(file, "r") as container:
        shown = None
        for frame in container.decode(video=0):
            while (
                len(kept) < len(wanted_s) and shown is not None and frame.time > wanted_s[len(kept)]
            ):
                kept.append(shown.to_ndarray(format="rgb24"))
                times_s.append(float(shown.time))
            shown = frame
        while shown is not None and len(kept) < len(wanted_s):
            kept.append(shown.to_ndarray(format="rgb24"))
            times_s.append(float(shown.time))
    return np.stack(kept), times_s


def clip_scenes(n_clips: int, seed: int, n_frames: int) -> Iterator[Scene]:
    rng = Random(seed)
    for _ in range(n_clips):
        truth, fps, duration_s = random_truth(rng), rng.choice(FRAME_RATES), rng.uniform(2, 5)
        file = io.BytesIO()
        frames = render(truth, rng, round(fps * duration_s), *rng.choice(SIZES))
        write_clip(frames, file, fps, crf=rng.randint(18, 30))
        yield Scene(truth, *read_frames(file, bin_centres(0, len(frames) / fps, n_frames)))


def film_scenes(n_films: int, seed: int, n_frames: int) -> Iterator[Scene]:
    """Scenes of films whose first three shots fade and dissolve into each other."""
    rng = Random(seed)
    for _ in range(n_films):
        file = io.BytesIO()
        height, width = rng.choice(FILM_SIZES)
        film = write_film(
            file,
            random_shots(rng, 4),
            rng=rng,
            fps=rng.choice(FRAME_RATES),
            height=height,
            width=width,
        )
        for scene in film.scenes:
            wanted_s = bin_centres(scene.start_s, scene.end_s, n_frames)
            yield Scene(scene.truth, *read_frames(file, wanted_s))
