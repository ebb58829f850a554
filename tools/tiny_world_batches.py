"""Batches of fresh clips with questions and answers, for the training of the tiny Qwen2-VL."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

import av
import cv2
import numpy as np
import torch

from tiny_qwen2vl_model import END
from tiny_world_conversation import conversation
from tiny_world_dialogue import HARD_KINDS, KINDS, LONG_KINDS
from toolkit.testing.clips import ATTRIBUTES, ClipTruth, random_truth, render, write_clip

SMALL_SIZES = [(120, 160), (160, 120), (128, 128), (108, 192), (192, 108)]
FILM_SIZES = [(240, 320), (180, 320), (360, 640), (270, 480)]
"""Heights and widths of rendered clips; the processor resizes both to the model's limits."""

FRAME_COUNT_WEIGHTS = {1: 3, 2: 6, 3: 7, 4: 12, 5: 7, 6: 12, 7: 8, 8: 30, 9: 3, 10: 6, 11: 2, 12: 4}
STAGES = ("vision", "short", "all")


def make_clip(truth: ClipTruth, rng: Random, n_frames: int, height: int, width: int) -> Any:
    """RGB frames as a sampler might deliver them, uint8 (n_frames, height, width, 3).

    They show most of the motion, may have been through H.264 or have noise, and at times begin or
    end in a fade or dissolve.
    """
    start, span = rng.uniform(0, 0.15), (0.0, 1.0)
    if rng.random() < 0.7:
        span = (start, start + rng.uniform(0.55, 0.85))
    frames = render(truth, rng, n_frames, height, width, span=span)
    if n_frames > 2 and rng.random() < 0.25:
        blend_end(frames, rng)
    if n_frames > 1 and height * width < 40_000 and rng.random() < 0.25:
        return through_h264(frames, rng)
    if rng.random() < 0.4:
        noise = np.random.default_rng(rng.getrandbits(32)).integers(0, 12, frames.shape, np.uint8)
        return np.asarray(cv2.add(frames, noise))
    return frames


def blend_end(frames: Any, rng: Random) -> None:
    """Mix the first or last frames with another clip or black, in place, as a transition would."""
    n_frames, height, width = frames.shape[:3]
    touched = 1 if n_frames < 5 else rng.choice([1, 1, 2])
    other = render(random_truth(rng), rng, touched, height, width)
    if rng.random() < 0.4:
        other[:] = 0
    share = np.linspace(rng.uniform(0.2, 0.7), 0.1, touched)[:, None, None, None]
    end = frames[:touched] if rng.random() < 0.5 else frames[::-1][:touched]
    end[:] = (end * (1 - share) + other * share).astype(np.uint8)


def through_h264(frames: Any, rng: Random) -> Any:
    """The same frames after lossy compression."""
    file = io.BytesIO()
    write_clip(frames, file, crf=rng.randint(20, 32))
    file.seek(0)
    with av.open(file, "r") as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def pick_kinds(rng: Random, stage: str, turns: int, medium: str) -> list[str]:
    """Question kinds of one conversation: the first uniform, the others often hard ones."""
    kinds = [kind for kind in KINDS if stage == "all" or kind not in LONG_KINDS]
    first = rng.choice(kinds)
    if medium == "image":
        turns = min(turns, 4)
    rest = [kind for kind in [*kinds, *HARD_KINDS, *HARD_KINDS] if kind in kinds]
    return [first, *rng.sample(rest, turns - 1)]


def make_batch(
    processor: Any, rng: Random, size: int, stage: str, turns: int = 6
) -> dict[str, torch.Tensor]:
    """Fresh clips of one frame size and count, as the model takes them.

    With them come the values' indices in `truth` (size, attributes) and, after the vision stage,
    the text, its labels and their weights.
    """
    height, width = rng.choice(SMALL_SIZES if rng.random() < 0.65 else FILM_SIZES)
    medium = "video" if rng.random() < 0.93 else "image"
    n_frames = rng.choices(list(FRAME_COUNT_WEIGHTS), list(FRAME_COUNT_WEIGHTS.values()))[0]
    if medium == "image":
        n_frames = 1
    truths = [random_truth(rng) for _ in range(size)]
    clips = [make_clip(truth, rng, n_frames, height, width) for truth in truths]
    if n_frames == 1:  # one picture shows no motion
        truths = [dataclasses.replace(truth, motion="still") for truth in truths]
    indices = [
        [values.index(getattr(t, name)) for name, values in ATTRIBUTES.items()] for t in truths
    ]
    if medium == "video":
        media: dict[str, Any] = {"videos": clips, "do_sample_frames": False}
        vision_processor = processor.video_processor
    else:
        media, vision_processor = {"images": [clip[0] for clip in clips]}, processor.image_processor
    if stage == "vision":
        return {"truth": torch.tensor(indices), **vision_processor(**media, return_tensors="pt")}
    texts = [
        processor.apply_chat_template(
            conversation(t, rng, pick_kinds(rng, stage, turns, medium), n_frames, medium)
        )
        for t in truths
    ]
    batch = dict(processor(text=texts, return_tensors="pt", padding=True, **media))
    labels, weights = answer_labels(batch["input_ids"], processor.tokenizer)
    return {"truth": torch.tensor(indices), "labels": labels, "weights": weights, **batch}


def answer_labels(input_ids: torch.Tensor, tokenizer: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """The assistant's words and their end as labels (-100 elsewhere), and the labels' weights.

    The weights keep a long answer from counting as much more than a short one.
    """
    opening = [tokenizer.convert_tokens_to_ids("<|im_start|>"), *tokenizer("assistant\n").input_ids]
    end_id = tokenizer.convert_tokens_to_ids(END)
    labels, weights = torch.full_like(input_ids, -100), torch.zeros(input_ids.shape)
    for row, ids in enumerate(input_ids.tolist()):
        for index in range(len(ids)):
            if ids[index : index + len(opening)] == opening:
                first = index + len(opening)
                last = ids.index(end_id, first) + 1
                labels[row, first:last] = input_ids[row, first:last]
                weights[row, first:last] = (last - first) ** -0.5
    return labels, weights


class Batches(torch.utils.data.IterableDataset):  # type: ignore[misc]
    """Batches of the stages in their order, made in a worker process."""

    def __init__(
        self, processor: Any, size: int, seed: int, stages: Sequence[tuple[str, int]]
    ) -> None:
        self.processor, self.size, self.seed, self.stages = processor, size, seed, stages

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        torch.set_num_threads(1)
        cv2.setNumThreads(1)
        rng = Random(self.seed)
        for stage, steps in self.stages:
            for _ in range(steps):
                yield make_batch(self.processor, rng, self.size, stage)
