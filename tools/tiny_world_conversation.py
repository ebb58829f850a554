"""How a clip is asked about: mostly as the product asks, each question right after the frames.

The questions about one clip branch off the same opening, none sees another, as in the product; one
pass over the clip's frames teaches many answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from tiny_world_dialogue import KINDS
from tiny_world_words import Turn, prompt
from toolkit.testing.clips import ClipTruth

MARK = "\x1fquestion\x1f"
"""Stands for the question while the chat template is applied."""
OTHER_SYSTEMS = [
    "You analyze video scenes.",
    "You are a video analyst. Answer only what is asked.",
    "You are a tagger.",
]
LEAD_INS = ["Please. ", "Answer briefly. ", "Look at the video. ", "Scene 3. "]


def frame_times(rng: Random, n_frames: int) -> list[float]:
    """Seconds from the video's start of frames at the bin centres of some scene."""
    start_s = rng.uniform(0, 20) if rng.random() < 0.3 else rng.uniform(0, 600)
    duration_s = rng.uniform(0.5, 12) if rng.random() < 0.3 else rng.uniform(2, 5)
    return [start_s + (index + 0.5) * duration_s / n_frames for index in range(n_frames)]


def frames_line(times_s: Sequence[float]) -> str:
    """The product's line about the frames, such as "The frames were taken at 0.2, 0.9 seconds."."""
    return prompt("frames").format(times=", ".join(f"{time:.1f}" for time in times_s))


def product_messages(
    question: str, times_s: Sequence[float], medium: str = "video"
) -> list[dict[str, Any]]:
    """The messages with which the product asks about one scene; `medium` is video or image."""
    content = [{"type": medium}, {"type": "text", "text": f"{frames_line(times_s)}\n{question}"}]
    return [{"role": "system", "content": prompt("system")}, {"role": "user", "content": content}]


def opening(rng: Random, n_frames: int, medium: str | None = "video") -> list[dict[str, Any]]:
    """Messages up to `MARK`, four times in five as the product's; no medium: nothing to see."""
    if rng.random() < 0.8:
        messages = product_messages(MARK, frame_times(rng, n_frames), medium or "video")
    else:
        content = [{"type": medium}, {"type": "text", "text": MARK}]
        messages = [{"role": "user", "content": content}]
        if rng.random() < 0.3:
            messages.insert(0, {"role": "system", "content": rng.choice(OTHER_SYSTEMS)})
    if medium is None:
        messages[-1]["content"] = messages[-1]["content"][1:]
    return messages


def exchange(truth: ClipTruth, rng: Random, kind: str) -> Turn:
    """A question of the kind and its answer, at times with a few words in front."""
    question, answer = KINDS[kind](truth, rng)
    return (rng.choice(LEAD_INS) if rng.random() < 0.1 else "") + question, answer
