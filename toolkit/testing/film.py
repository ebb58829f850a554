"""The sample film: seven shots of coloured shapes, joined by cuts, a fade and a dissolve.

The demo and the notebooks work on it, and the small model in `tests/models/tiny-qwen2vl` knows what
it shows.
"""

from __future__ import annotations

import random
from pathlib import Path

from toolkit.testing.clips import ClipTruth, Shot, TransitionKind, write_film

__all__ = ["SHOTS", "TRANSITIONS", "write_sample_film"]

SHOTS = (
    Shot(ClipTruth("red", "circle", "one", "left", "white", "day"), 3.0),
    Shot(ClipTruth("blue", "square", "two", "up", "pink", "night"), 3.5),
    Shot(ClipTruth("green", "triangle", "one", "right", "cyan", "day"), 3.5),
    Shot(ClipTruth("yellow", "circle", "three", "down", "pink", "night"), 3.0),
    Shot(ClipTruth("blue", "square", "one", "still", "white", "day"), 3.5),
    Shot(ClipTruth("red", "triangle", "two", "right", "cyan", "day"), 3.5),
    Shot(ClipTruth("green", "circle", "one", "up", "pink", "day"), 3.0),
)
TRANSITIONS: tuple[TransitionKind, ...] = ("cut", "fade", "cut", "dissolve", "cut", "cut")


def write_sample_film(path: Path) -> None:
    """Render the film, the same each time; a whole one that is there is kept."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".part.mp4")
    write_film(draft, SHOTS, TRANSITIONS, rng=random.Random(11), transition_s=0.4)
    draft.replace(path)
