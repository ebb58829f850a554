"""Sample clips and films whose content is known exactly.

They show coloured shapes that move over a plain background. `render` draws a clip of this world,
`write_clip` encodes it, and `write_film` joins several shots by cuts, fades and dissolves and
returns where they are. The small model in `tests/models/tiny-qwen2vl` was trained on this world,
so its answers about these clips can be checked for meaning.

    rng = random.Random(7)
    truth = random_truth(rng)
    write_clip(render(truth, rng, n_frames=72, height=360, width=640), "clip.mp4", fps=24)
    print(truth.caption())
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, BinaryIO, Literal, TypeAlias

from toolkit.testing.world import ATTRIBUTES, ClipTruth, random_truth, render

if TYPE_CHECKING:
    import os
    import random
    from collections.abc import Iterable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from toolkit.testing.world import FrameArray

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

TransitionKind: TypeAlias = Literal["cut", "fade", "dissolve"]


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

    `path` may be an open binary file (then an mp4 unless `container_format` says otherwise). A
    higher `crf` (0 to 51) means a smaller file and a worse picture.
    """
    import os

    import av
    import numpy as np

    target = os.fspath(path) if isinstance(path, str | os.PathLike) else path
    if container_format is None and not isinstance(target, str):
        container_format = "mp4"
    rate = Fraction(fps).limit_denominator(1001)
    with av.open(target, "w", format=container_format) as container:
        stream = container.add_stream(
            codec, rate=rate, options={"crf": str(crf), "preset": "veryfast"}
        )
        assert isinstance(stream, av.VideoStream)
        for index, frame in enumerate(frames):
            if index == 0:
                stream.height, stream.width = frame.shape[:2]
                stream.pix_fmt = "yuv420p"
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            picture.pts, picture.time_base = index, 1 / rate
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))


_USUAL_TRANSITIONS: tuple[TransitionKind, ...] = ("fade", "dissolve")


@dataclass(frozen=True, slots=True)
class Shot:
    """One shot of a film: what it shows and how long it lasts, its part in transitions included."""

    truth: ClipTruth
    duration_s: float


@dataclass(frozen=True, slots=True)
class Boundary:
    """A transition between two shots; a cut starts and ends with the new shot's first frame."""

    kind: TransitionKind
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class SceneTruth:
    """A scene of a film; two that fade or dissolve into each other meet in the middle of it."""

    truth: ClipTruth
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class FilmTruth:
    """What `write_film` wrote: the scenes and, one fewer, the boundaries between them."""

    scenes: tuple[SceneTruth, ...]
    boundaries: tuple[Boundary, ...]
    duration_s: float


def random_shots(rng: random.Random, n_shots: int) -> list[Shot]:
    """Shots of 2 to 5 seconds; neighbours differ in background, so every boundary can be seen."""
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

    `transitions` has one entry between each two shots; left empty, the first is a fade through
    black, the second a dissolve, and the rest are cuts. Fades and dissolves last `transition_s`
    seconds; a dissolve shows both shots at once, so the film is shorter than its shots by as much.
    `rng` draws the shots, see `render`.

    Raises:
        ValueError: The numbers of shots and transitions do not fit, or a shot is too short.
    """
    rate = Fraction(fps).limit_denominator(1001)
    kinds = list(transitions or _USUAL_TRANSITIONS[: len(shots) - 1])
    kinds += ["cut"] * (0 if transitions else len(shots) - 1 - len(kinds))
    if not shots or len(kinds) != len(shots) - 1:
        raise ValueError(
            f"{len(shots)} shots need {max(0, len(shots) - 1)} transitions, not {len(kinds)}"
        )
    half = max(1, round(transition_s * rate / 2))
    lengths = [round(shot.duration_s * rate) for shot in shots]
    if min(lengths) < 4 * half:
        raise ValueError(
            f"shots must last {float(4 * half / rate):.2f} s or more"
            f" for transitions of {transition_s} s"
        )

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
    write_clip(
        _film_frames(shots, kinds, lengths, half, rng, height, width),
        path,
        rate,
        codec=codec,
        crf=crf,
    )
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
    """The frames of a film, one shot in memory at a time; `half` a transition in frames."""
    import numpy as np

    black = half // 4 + 1  # frames that stay black on either side of the middle
    fade_in = np.maximum(0, np.arange(half) + 1 - black) / (half + 1 - black)
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
    """Multiply each frame by its factor, in place; rounded down, so that sums fit."""
    frames[:] = (frames * factors[:, None, None, None]).astype(frames.dtype)
