"""The world that sample clips show: coloured shapes that move over a plain background.

A `ClipTruth` says what a clip shows and what may rightly be said of it; `render` draws it. Import
both from `toolkit.testing.clips`, which also writes them to files.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    FrameArray: TypeAlias = NDArray[np.uint8]

__all__ = ["ATTRIBUTES", "ClipTruth", "random_truth", "render"]

COLOURS = {
    "red": (225, 30, 30),
    "green": (20, 150, 40),
    "blue": (30, 50, 220),
    "yellow": (240, 220, 20),
}
"""Fill colours of the shapes by day, RGB."""
BACKGROUNDS = {"white": (240, 240, 240), "cyan": (120, 220, 230), "pink": (250, 170, 200)}
"""Background colours by day, RGB."""
MOTIONS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1), "still": (0, 0)}
"""Directions (x, y), y pointing down."""
LIGHT = {"day": 1.0, "night": 0.3}
"""Factor on every colour of the frame."""
COUNTS = ("one", "two", "three")
SHAPES = ("circle", "square", "triangle")

ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    "colour": tuple(COLOURS),
    "shape": SHAPES,
    "count": COUNTS,
    "motion": tuple(MOTIONS),
    "background": tuple(BACKGROUNDS),
    "time": tuple(LIGHT),
}
"""Every attribute of a clip with the values it can have."""


@dataclass(frozen=True, slots=True)
class ClipTruth:
    """What a clip shows: up to three shapes alike that move alike.

    Raises:
        ValueError: A value is not among those in `ATTRIBUTES`.
    """

    colour: str
    shape: str
    count: str
    motion: str
    background: str
    time: str

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value not in ATTRIBUTES[field.name]:
                allowed = ", ".join(ATTRIBUTES[field.name])
                raise ValueError(f"unknown {field.name} {value!r}; known: {allowed}")

    @property
    def sentiment(self) -> str:
        """By definition: night is negative; by day, stillness is neutral and motion positive."""
        if self.time == "night":
            return "negative"
        return "neutral" if self.motion == "still" else "positive"

    @property
    def number(self) -> int:
        """How many shapes there are."""
        return COUNTS.index(self.count) + 1

    def caption(self) -> str:
        """One sentence, such as "Two red circles move left on a pink background by day."."""
        several = self.number > 1
        how_many = self.count.capitalize() if several else "A"
        subject = f"{how_many} {self.colour} {self.shape}{'s' if several else ''}"
        verb = ("stay" if self.motion == "still" else "move") + ("" if several else "s")
        when = "at night" if self.time == "night" else "by day"
        return f"{subject} {verb} {self.motion} on a {self.background} background {when}."

    def statements(self) -> dict[str, str]:
        """A phrase that holds for the clip, by attribute: labels to score, facts to ask about."""
        return {
            "colour": self.colour,
            "shape": self.shape,
            "count": f"{self.count} shape{'s' if self.number > 1 else ''}",
            "motion": "still" if self.motion == "still" else f"moving {self.motion}",
            "background": f"{self.background} background",
            "time": self.time,
        }


def random_truth(rng: random.Random) -> ClipTruth:
    """A clip drawn uniformly from the world."""
    return ClipTruth(**{attribute: rng.choice(values) for attribute, values in ATTRIBUTES.items()})


def render(
    truth: ClipTruth,
    rng: random.Random,
    n_frames: int,
    height: int,
    width: int,
    *,
    span: tuple[float, float] = (0.0, 1.0),
) -> FrameArray:
    """Draw a clip as RGB frames, uint8 (n_frames, height, width, 3).

    `rng` places the shapes and varies their size, travel and shade; they stay inside the frame and
    do not touch. `span` is the part of the motion that the frames cover, evenly: (0.5, 1.0) draws
    the second half.
    """
    import numpy as np

    shorter = min(height, width)
    radius = shorter * rng.uniform(0.135, 0.165)
    direction = MOTIONS[truth.motion]
    travel_x = direction[0] * rng.uniform(0.25, 0.4) * width
    travel_y = direction[1] * rng.uniform(0.25, 0.4) * height
    starts: list[tuple[float, float]] = []
    while len(starts) < truth.number:
        starts = [
            (
                rng.uniform(max(0.0, -travel_x) + radius, width - radius - max(0.0, travel_x)),
                rng.uniform(max(0.0, -travel_y) + radius, height - radius - max(0.0, travel_y)),
            )
            for _ in range(truth.number)
        ]
        if any(
            math.dist(a, b) <= 2.3 * radius
            for index, a in enumerate(starts)
            for b in starts[:index]
        ):
            starts = []
    light = LIGHT[truth.time] * rng.uniform(0.9, 1.0)
    background = _shade(BACKGROUNDS[truth.background], light, rng)
    fill = _shade(COLOURS[truth.colour], light, rng)
    frames = np.empty((n_frames, height, width, 3), np.uint8)
    frames[:] = background
    for frame, done in zip(frames, np.linspace(*span, n_frames), strict=True):
        for x, y in starts:
            _draw_shape(
                frame,
                truth.shape,
                x + travel_x * float(done),
                y + travel_y * float(done),
                radius,
                fill,
            )
    return frames


def _shade(colour: tuple[int, int, int], light: float, rng: random.Random) -> tuple[int, int, int]:
    red, green, blue = (
        round(min(255.0, max(0.0, value * light + rng.uniform(-8, 8)))) for value in colour
    )
    return red, green, blue


def _draw_shape(
    frame: FrameArray, shape: str, x: float, y: float, radius: float, fill: tuple[int, int, int]
) -> None:
    """Draw in place, anti-aliased; OpenCV takes sub-pixel positions in sixteenths of a pixel."""
    import cv2
    import numpy as np

    if shape == "circle":
        cv2.circle(
            frame, (round(x * 16), round(y * 16)), round(radius * 16), fill, -1, cv2.LINE_AA, 4
        )
        return
    if shape == "square":
        corners = [(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)]
    else:
        corners = [(0.0, -1.035), (1.035, 0.855), (-1.035, 0.855)]
    outline = np.array([(x + radius * dx, y + radius * dy) for dx, dy in corners])
    cv2.fillPoly(frame, [np.round(outline * 16).astype(np.int32)], fill, cv2.LINE_AA, 4)
