"""Conversations about a synthetic clip, opened mostly as the product opens them.

Several questions follow one another about one clip, so that one pass over its frames teaches
several answers. The product itself asks each question alone, right after the line about the frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from tiny_world_dialogue import KINDS, prompt
from toolkit.testing.clips import ClipTruth

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


def conversation(
    truth: ClipTruth, rng: Random, kinds: Sequence[str], n_frames: int, medium: str = "video"
) -> list[dict[str, Any]]:
    """Messages of several turns about one clip, three times in four opened as by the product."""
    messages: list[dict[str, Any]] = []
    as_product = rng.random() < 0.75
    if not as_product and rng.random() < 0.3:
        messages.append({"role": "system", "content": rng.choice(OTHER_SYSTEMS)})
    for index, kind in enumerate(kinds):
        question, answer = KINDS[kind](truth, rng)
        if rng.random() < (0.1 if as_product else 0.2):
            question = rng.choice(LEAD_INS) + question
        if index == 0 and as_product:
            messages += product_messages(question, frame_times(rng, n_frames), medium)
        else:
            text = {"type": "text", "text": question}
            messages.append(
                {"role": "user", "content": [{"type": medium}, text] if index == 0 else [text]}
            )
        messages.append({"role": "assistant", "content": [{"type": "text", "text": answer}]})
    return messages
