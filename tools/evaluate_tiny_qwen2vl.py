"""Measure the tiny Qwen2-VL on clips and films it has never seen, asked as the product asks.

    python tools/evaluate_tiny_qwen2vl.py tests/models/tiny-qwen2vl --clips 200 --films 40

Every clip is encoded as H.264 and decoded again; frames are taken at bin centres, with their true
times. An answer counts only if it is the expected one, word for word; of JSON whose keys a schema
gives, each value counts, and of labels the probability of Yes. The result is printed and written
beside the checkpoint as `accuracy.json`.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import platform
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

# Spinning OpenMP threads are slow on a shared machine; the variable is read as torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch
import transformers
from transformers import AutoProcessor, Qwen2VLForConditionalGeneration

from tiny_world_conversation import product_messages
from tiny_world_dialogue import KINDS, STYLES
from tiny_world_scenes import Scene, clip_scenes, film_scenes
from tiny_world_scoring import json_accuracy, label_scores
from tiny_world_words import prompt

GENERATED = [kind for kind in KINDS if kind != "json_free"]
"""Kinds with one right answer; the keys of the other's answer are not in its question."""
FILM_KINDS = ("colour", "shape", "motion", "count", "sentiment", "describe")


@dataclass(frozen=True, slots=True)
class Case:
    """One question about one scene."""

    group: str
    scene: Scene
    question: str
    answer: str


def cases(scenes: Iterable[Scene], kinds: Sequence[str], group: str, seed: int) -> Iterator[Case]:
    """A question of every kind about every scene."""
    rng = Random(seed)
    for scene in scenes:
        for kind in kinds:
            question, answer = KINDS[kind](scene.truth, rng)
            if kind in {"describe", "sentiment", *STYLES}:
                question = prompt(kind)
            yield Case(group + kind, scene, question, answer)


def answer_all(model: Any, processor: Any, batch: Sequence[Case]) -> list[str]:
    conversations = []
    for case in batch:
        messages = copy.deepcopy(product_messages(case.question, case.scene.times_s))
        messages[-1]["content"][0]["video"] = case.scene.frames
        conversations.append(messages)
    inputs = processor.apply_chat_template(
        conversations,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
        add_generation_prompt=True,
        processor_kwargs={"padding": True, "do_sample_frames": False},
    )
    with torch.inference_mode():
        output = model.generate(**inputs, max_new_tokens=90, do_sample=False)
    prompt_length = inputs["input_ids"].shape[1]
    texts: list[str] = processor.batch_decode(output[:, prompt_length:], skip_special_tokens=True)
    return texts


def training_summary(checkpoint: Path, history_file: Path | None) -> Any:
    """What the trainer noted, or what an earlier evaluation kept of it."""
    if history_file is not None:
        runs = json.loads(history_file.read_text(encoding="utf-8"))
        total = {key: sum(run[key] for run in runs) for key in ("steps", "wall_s")}
        return {**total, "runs": runs}
    earlier = checkpoint / "accuracy.json"
    if earlier.exists():
        return json.loads(earlier.read_text(encoding="utf-8"))["training"]
    return None


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--films", type=int, default=40, help="films of four scenes")
    parser.add_argument("--frames", type=int, default=8, help="frames of a scene")
    parser.add_argument("--seed", type=int, default=900_000, help="the trainer's are far smaller")
    parser.add_argument("--batch", type=int, default=30)
    parser.add_argument("--history", type=Path, help="the trainer's NAME.training.json")
    parser.add_argument("--show", type=int, default=10, help="wrong answers to print")
    parser.add_argument("--dry", action="store_true", help="do not write accuracy.json")
    options = parser.parse_args()

    processor = AutoProcessor.from_pretrained(options.checkpoint)
    processor.tokenizer.padding_side = "left"
    model = Qwen2VLForConditionalGeneration.from_pretrained(options.checkpoint).eval()
    clips = list(clip_scenes(options.clips, options.seed, options.frames))
    films = film_scenes(options.films, options.seed + 1, options.frames)
    everything = [
        *cases(clips, GENERATED, "", options.seed + 2),
        *cases(films, FILM_KINDS, "film: ", options.seed + 3),
    ]
    everything.sort(key=lambda case: len(case.answer))  # a batch ends with its longest answer
    asked, right, shown = Counter[str](), Counter[str](), 0
    for first in range(0, len(everything), options.batch):
        batch = everything[first : first + options.batch]
        for case, text in zip(batch, answer_all(model, processor, batch), strict=True):
            asked[case.group] += 1
            right[case.group] += text == case.answer
            if text != case.answer and shown < options.show:
                shown += 1
                print(f"{case.group}: {case.question!r}: {text!r}, not {case.answer!r}")

    accuracy = {
        group: {"accuracy": round(right[group] / asked[group], 4), "n": asked[group]}
        for group in dict.fromkeys([*GENERATED, *(f"film: {kind}" for kind in FILM_KINDS)])
        if asked[group]
    }
    accuracy["json, keys given"] = json_accuracy(model, processor, clips, options.seed + 4)
    for group, values in accuracy.items():
        print(f"{group:18} {values['accuracy']:.3f} of {values['n']}")
    labels = label_scores(model, processor, clips, options.seed + 5)
    for family, measured in labels.items():
        print(f"label: {family:22} {measured}")
    report = {
        "date": datetime.now(UTC).date().isoformat(),
        "accuracy": accuracy,
        "label_scores": labels,
        "overall": round(right.total() / asked.total(), 4),
        "frames_per_scene": options.frames,
        "seed": options.seed,
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        },
        "training": training_summary(options.checkpoint, options.history),
    }
    print(f"overall {report['overall']:.3f}")
    if not options.dry:
        text = json.dumps(report, indent=2) + "\n"
        (options.checkpoint / "accuracy.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
