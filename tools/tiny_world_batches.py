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
from tiny_world_branches import Branch, pack
from tiny_world_conversation import MARK, exchange, opening
from tiny_world_dialogue import HARD_KINDS, JSON_KINDS, KINDS, LONG_KINDS
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


def blank(rng: Random, n_frames: int, height: int, width: int) -> Any:
    """Frames that show nothing: black, white, or any plain colour, at times with noise."""
    colour = [rng.choice([0, 0, 128, 255])] * 3
    if rng.random() < 0.25:
        colour = [rng.randrange(256) for _ in range(3)]
    frames = np.empty((n_frames, height, width, 3), np.uint8)
    frames[:] = colour
    if rng.random() < 0.3:
        noise = np.random.default_rng(rng.getrandbits(32)).integers(0, 12, frames.shape, np.uint8)
        return np.asarray(cv2.add(frames, noise))
    return frames


def pick_kinds(rng: Random, stage: str, number: int) -> list[str]:
    """Kinds of the questions about one clip: half of them hard, six with long answers."""
    kinds = [kind for kind in KINDS if kind not in {*LONG_KINDS, *JSON_KINDS}]
    long = [rng.choice(LONG_KINDS), *rng.choices(JSON_KINDS, k=5)] if stage == "all" else []
    hard = rng.choices(list(HARD_KINDS), list(HARD_KINDS.values()), k=number * 11 // 20)
    return [*long, *hard, *rng.choices(kinds, k=number - len(long) - len(hard))]


def pick_branches(
    truth: ClipTruth, rng: Random, kinds: Sequence[str], tail: str, tokenizer: Any, seen: bool
) -> list[Branch]:
    """Questions with their answers; of a clip that shows nothing (not `seen`) nobody can know."""
    branches = []
    for kind in kinds:
        question, answer = exchange(truth, rng, kind)
        if not seen and answer in {"Yes", "No"}:
            answer = rng.choice(["Yes", "No"])
        asked, told = tokenizer([question + tail, answer + END]).input_ids
        branches.append(Branch(asked + told, len(asked)))
    return branches


def make_batch(
    processor: Any, rng: Random, size: int, stage: str, questions: int = 20
) -> dict[str, torch.Tensor]:
    """Fresh clips of one frame size and count, as the model takes them.

    With them come the values' indices in `truth` (size, attributes) and, after the vision stage,
    the prompts with their branches, see `tiny_world_branches.pack`. A few clips are blank and a
    few batches have no pictures at all: their answers are drawn by chance, so that the model learns
    to be unsure where there is nothing to see.
    """
    height, width = rng.choice(SMALL_SIZES if rng.random() < 0.8 else FILM_SIZES)
    medium = rng.choices(["video", "image", None], [91, 6, 3])[0]
    if stage == "vision":
        medium = medium or "video"
    n_frames = rng.choices(list(FRAME_COUNT_WEIGHTS), list(FRAME_COUNT_WEIGHTS.values()))[0]
    if medium == "image":
        n_frames = 1
    truths = [random_truth(rng) for _ in range(size)]
    if n_frames == 1:  # one picture shows no motion
        truths = [dataclasses.replace(truth, motion="still") for truth in truths]
    seen = [medium is not None and (stage == "vision" or rng.random() > 0.05) for _ in truths]
    clips = [
        make_clip(truth, rng, n_frames, height, width)
        if is_seen
        else blank(rng, n_frames, height, width)
        for truth, is_seen in zip(truths, seen, strict=True)
    ]
    indices = [
        [values.index(getattr(t, name)) for name, values in ATTRIBUTES.items()] for t in truths
    ]
    media: dict[str, Any] = {}
    if medium == "video":
        media = {"videos": clips, "do_sample_frames": False}
    elif medium == "image":
        media = {"images": [clip[0] for clip in clips]}
    if stage == "vision":
        vision = processor.video_processor if medium == "video" else processor.image_processor
        return {"truth": torch.tensor(indices), **vision(**media, return_tensors="pt")}
    chats = [
        processor.apply_chat_template(opening(rng, n_frames, medium), add_generation_prompt=True)
        for _ in truths
    ]
    heads = [chat.partition(MARK)[0] for chat in chats]
    batch = dict(processor(text=heads, return_tensors="pt", padding=True, **media))
    there = batch.pop("attention_mask").bool()
    ids, kinds = batch.pop("input_ids"), batch.pop("mm_token_type_ids", None)
    kinds = torch.zeros_like(ids) if kinds is None else kinds
    prefixes = [(i[m].tolist(), k[m].tolist()) for i, k, m in zip(ids, kinds, there, strict=True)]
    tail = chats[0].partition(MARK)[2]
    branches = [
        pick_branches(
            truth, rng, pick_kinds(rng, stage, questions), tail, processor.tokenizer, is_seen
        )
        for truth, is_seen in zip(truths, seen, strict=True)
    ]
    packed = pack(prefixes, branches, processor.tokenizer.pad_token_id)
    return {"truth": torch.tensor(indices), **batch, **packed}


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
