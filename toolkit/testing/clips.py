"""Sample clips whose content is known exactly: coloured shapes that move over a plain background.

A `ClipTruth` says what a clip shows and what may rightly be said of it; `render` draws it, `write_clip` encodes it, and
`write_film` joins several shots by cuts, fades and dissolves and returns where they are. The small model in
`tests/models/tiny-qwen2vl` was trained on this world, so its answers about these clips can be checked for meaning.

    rng = random.Random(7)
    truth = random_truth(rng)
    write_clip(render(truth, rng, n_frames=72, height=360, width=640), "clip.mp4", fps=24)
    print(truth.caption())
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import TYPE_CHECKING, BinaryIO, Literal, TypeAlias

if TYPE_CHECKING:
    import os
    import random
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    FrameArray: TypeAlias = NDArray[np.uint8]

__all__ = [
    "ATTRIBUTES",
    "Boundary",
    "ClipTruth",
    "FilmTruth",
    "SceneTruth",
    "Shot",
    "TransitionKind",
    "random_shots",
    "random_truth",
    "render",
    "write_clip",
    "write_film",
]

COLOURS = {"red": (225, 30, 30), "green": (20, 150, 40), "blue": (30, 50, 220), "yellow": (240, 220, 20)}
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

TransitionKind: TypeAlias = Literal["cut", "fade", "dissolve"]


@dataclass(frozen=True, slots=True)
class ClipTruth:
    """What a clip shows. All its shapes share colour, kind and motion. Raises ValueError on a value unknown here."""

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
        """By definition of this world: night is negative, a day without motion neutral, a day with motion positive."""
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
        subject = f"{self.count.capitalize() if several else 'A'} {self.colour} {self.shape}{'s' if several else ''}"
        verb = ("stay" if self.motion == "still" else "move") + ("" if several else "s")
        when = "at night" if self.time == "night" else "by day"
        return f"{subject} {verb} {self.motion} on a {self.background} background {when}."

    def statements(self) -> dict[str, str]:
        """A short phrase that holds for the clip, by attribute: labels to score and facts to ask about."""
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

    `rng` places the shapes and varies their size, travel and shade; they stay inside the frame and do not touch. `span`
    is the part of the motion that the frames cover, evenly: (0.5, 1.0) draws the second half.
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
        if any(math.dist(a, b) <= 2.3 * radius for index, a in enumerate(starts) for b in starts[:index]):
            starts = []
    light = LIGHT[truth.time] * rng.uniform(0.9, 1.0)
    background = _shade(BACKGROUNDS[truth.background], light, rng)
    fill = _shade(COLOURS[truth.colour], light, rng)
    frames = np.empty((n_frames, height, width, 3), np.uint8)
    frames[:] = background
    for frame, done in zip(frames, np.linspace(*span, n_frames), strict=True):
        for x, y in starts:
            _draw_shape(frame, truth.shape, x + travel_x * float(done), y + travel_y * float(done), radius, fill)
    return frames


def _shade(colour: tuple[int, int, int], light: float, rng: random.Random) -> tuple[int, int, int]:
    red, green, blue = (round(min(255.0, max(0.0, value * light + rng.uniform(-8, 8)))) for value in colour)
    return red, green, blue


def _draw_shape(
    frame: FrameArray, shape: str, x: float, y: float, radius: float, fill: tuple[int, int, int]
) -> None:
    """Draw in place, anti-aliased; OpenCV takes sub-pixel positions as integers with 4 fractional bits."""
    import cv2
    import numpy as np

    if shape == "circle":
        cv2.circle(frame, (round(x * 16), round(y * 16)), round(radius * 16), fill, -1, cv2.LINE_AA, 4)
        return
    if shape == "square":
        corners = [(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)]
    else:
        corners = [(0.0, -1.035), (1.035, 0.855), (-1.035, 0.855)]
    outline = np.array([(x + radius * dx, y + radius * dy) for dx, dy in corners])
    cv2.fillPoly(frame, [np.round(outline * 16).astype(np.int32)], fill, cv2.LINE_AA, 4)


def write_clip(
    frames: Iterable[FrameArray],
    path: str | os.PathLike[str] | BinaryIO,
    fps: float | Fraction = 24,
    *,
    codec: str = "libx264",
    crf: int = 26,
    container_format: str | None = None,
) -> None:
    """Encode RGB frames, each uint8 (height, width, 3) with even sides, as one video stream.

    `path` may be an open binary file (then an mp4 unless `container_format` says otherwise). A higher `crf` (0 to 51)
    means a smaller file and a worse picture.
    """
    import os

    import av
    import numpy as np

    target = os.fspath(path) if isinstance(path, str | os.PathLike) else path
    if container_format is None and not isinstance(target, str):
        container_format = "mp4"
    rate = Fraction(fps).limit_denominator(1001)
    with av.open(target, "w", format=container_format) as container:
        stream = container.add_stream(codec, rate=rate, options={"crf": str(crf), "preset": "veryfast"})
        assert isinstance(stream, av.VideoStream)
        for index, frame in enumerate(frames):
            if index == 0:
                stream.height, stream.width = frame.shape[:2]
                stream.pix_fmt = "yuv420p"
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            picture.pts, picture.time_base = index, 1 / rate
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))


@dataclass(frozen=True, slots=True)
class Shot:
    """One shot of a film: what it shows and how long it lasts, its part in transitions included."""

    truth: ClipTruth
    duration_s: float


@dataclass(frozen=True, slots=True)
class Boundary:
    """A transition between two shots. A cut starts and ends at the time of the first frame of the new shot."""

    kind: TransitionKind
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class SceneTruth:
    """A scene of a film; where two dissolve or fade into each other, they meet in the middle of the transition."""

    truth: ClipTruth
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class FilmTruth:
    """What `write_film` wrote: its scenes, the boundaries between them (one fewer), and its length in seconds."""

    scenes: tuple[SceneTruth, ...]
    boundaries: tuple[Boundary, ...]
    duration_s: float


def random_shots(rng: random.Random, n_shots: int) -> list[Shot]:
    """Shots of 2 to 5 seconds; neighbours differ in the background, so that every boundary can be seen."""
    shots: list[Shot] = []
    while len(shots) < n_shots:
        truth = random_truth(rng)
        if not shots or truth.background != shots[-1].truth.background:
            shots.append(Shot(truth, round(rng.uniform(2.0, 5.0), 2)))
    return shots


def write_film(
    path: str | os.PathLike[str] | BinaryIO,
    shots: Sequence[Shot],
    transitions: Sequence[TransitionKind] = (),
    *,
    rng: random.Random,
    fps: float | Fraction = 25,
    height: int = 360,
    width: int = 640,
    transition_s: float = 0.6,
    codec: str = "libx264",
    crf: int = 23,
) -> FilmTruth:
    """Write a film of several shots and return where its scenes and boundaries are.

    `transitions` has one entry between each two shots; left empty, the first is a fade through black, the second a
    dissolve, and the rest are cuts. Fades and dissolves last `transition_s`; a dissolve shows both shots at once, so
    the film is shorter than its shots by as much. Raises ValueError where the numbers of shots and transitions do not
    fit, or a shot is too short for its transitions.
    """
    rate = Fraction(fps).limit_denominator(1001)
    kinds = list(transitions) or (["fade", "dissolve"] + ["cut"] * len(shots))[: len(shots) - 1]
    if not shots or len(kinds) != len(shots) - 1:
        raise ValueError(f"{len(shots)} shots need {max(0, len(shots) - 1)} transitions, not {len(kinds)}")
    half = max(1, round(transition_s * rate / 2))
    lengths = [round(shot.duration_s * rate) for shot in shots]
    if min(lengths) < 4 * half:
        raise ValueError(f"a shot must last at least {float(4 * half / rate):.2f} s with transitions of {transition_s} s")

    def seconds(frame: int) -> float:
        return float(frame / rate)

    boundaries, scene_edges, position = [], [0], 0
    for kind, length in zip(kinds, lengths, strict=False):
        position += length
        if kind == "cut":
            first, middle, last = position, position, position
        elif kind == "fade":
            first, middle, last = position - half, position, position + half
        else:
            first, middle, last = position - 2 * half, position - half, position
            position -= 2 * half
        boundaries.append(Boundary(kind, seconds(first), seconds(last)))
        scene_edges.append(middle)
    total = position + lengths[-1]
    scene_edges.append(total)
    write_clip(_film_frames(shots, kinds, lengths, half, rng, height, width), path, rate, codec=codec, crf=crf)
    scenes = tuple(
        SceneTruth(shot.truth, seconds(start), seconds(end))
        for shot, start, end in zip(shots, scene_edges, scene_edges[1:], strict=False)
    )
    return FilmTruth(scenes, tuple(boundaries), seconds(total))


def _film_frames(
    shots: Sequence[Shot],
    kinds: Sequence[TransitionKind],
    lengths: Sequence[int],
    half: int,
    rng: random.Random,
    height: int,
    width: int,
) -> Iterator[FrameArray]:
    """The frames of a film in order, one shot in memory at a time; `half` is half a transition in frames."""
    import numpy as np

    fade_in = (np.arange(half) + 1) / (half + 1)
    mix_in = (np.arange(2 * half) + 1) / (2 * half + 1)
    before, tail = "cut", None
    for index, (shot, length) in enumerate(zip(shots, lengths, strict=True)):
        frames = render(shot.truth, rng, length, height, width)
        after = kinds[index] if index < len(kinds) else "cut"
        if before == "fade":
            _scale(frames[:half], fade_in)
        if before == "dissolve" and tail is not None:
            _scale(frames[: 2 * half], mix_in)
            _scale(tail, mix_in[::-1])
            frames[: 2 * half] += tail
        if after == "fade":
            _scale(frames[-half:], fade_in[::-1])
        if after == "dissolve":
            tail, frames = frames[-2 * half :].copy(), frames[: -2 * half]
        yield from frames
        before = after


def _scale(frames: FrameArray, factors: NDArray[np.float64]) -> None:
    """Multiply each frame by its factor, in place; rounds down, so that two complementary parts never overflow."""
    frames[:] = (frames * factors[:, None, None, None]).astype(frames.dtype)
