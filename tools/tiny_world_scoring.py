"""Scores read off the tiny Qwen2-VL's next token, all questions about a clip in one pass."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
import torch

from tiny_qwen2vl_model import END
from tiny_world_branches import Branch, attention, pack, positions
from tiny_world_conversation import MARK, product_messages
from tiny_world_labels import FAMILIES, UNSEEN, pick_label
from tiny_world_scenes import Scene
from tiny_world_typed import ask_json_free
from tiny_world_words import prompt
from toolkit.testing.clips import ATTRIBUTES, ClipTruth

TAIL = f"{END}\n<|im_start|>assistant\n"


def next_logits(
    model: Any, processor: Any, scene: Scene, branches: Sequence[Branch]
) -> torch.Tensor:
    """What the model expects after each token of the branches, one after another.

    Returns logits (tokens, vocabulary).
    """
    chat = processor.apply_chat_template(product_messages(MARK, scene.times_s))
    head = processor(
        text=[chat.partition(MARK)[0]],
        videos=[scene.frames],
        do_sample_frames=False,
        return_tensors="pt",
    )
    prefix = (head["input_ids"][0].tolist(), head["mm_token_type_ids"][0].tolist())
    packed = pack([prefix], [branches], processor.tokenizer.pad_token_id)
    packed["video_grid_thw"] = head["video_grid_thw"]
    with torch.inference_mode():
        hidden = model.model(
            input_ids=packed["input_ids"],
            position_ids=positions(model.model, packed),
            attention_mask={"full_attention": attention(packed["owner"])},
            pixel_values_videos=head["pixel_values_videos"],
            video_grid_thw=head["video_grid_thw"],
            use_cache=False,
        ).last_hidden_state[0, len(prefix[0]) :]
        logits: torch.Tensor = model.lm_head(hidden)
    return logits


@dataclass(frozen=True, slots=True)
class Scored:
    """A label, whether it fits, and the log odds of Yes for the clip and for grey frames."""

    family: str
    right: bool
    odds: float
    blank_odds: float


def yes_odds(model: Any, processor: Any, scene: Scene, labels: Sequence[str]) -> list[float]:
    """The log odds of Yes against No, asked of each label as the product asks."""
    ask = prompt("label")
    ids = processor.tokenizer([ask.format(label=label) + TAIL for label in labels]).input_ids
    branches = [Branch(row, len(row)) for row in ids]
    logits = next_logits(model, processor, scene, branches)
    ends = np.cumsum([len(row) for row in ids]) - 1
    yes, no = (processor.tokenizer.convert_tokens_to_ids(word) for word in ("Yes", "No"))
    odds: list[float] = (logits[ends, yes] - logits[ends, no]).tolist()
    return odds


def pick_labels(truth: ClipTruth, rng: Random) -> list[tuple[str, str, bool]]:
    """Family, label and whether it fits: as many that do as not, and what a user may list."""
    picked = []
    for family in FAMILIES:
        for right in (1.0, 0.0):
            label, fits = pick_label(truth, family, rng, right)
            picked.append((family, label, fits))
    picked += [("absent, never trained", word, False) for word in rng.sample(UNSEEN, 2)]
    facts = truth.statements()
    for attribute, values in ATTRIBUTES.items():
        for value in values:
            label = dataclasses.replace(truth, **{attribute: value}).statements()[attribute]
            picked.append(("all twenty facts", label, label == facts[attribute]))
    return picked


def label_scores(
    model: Any, processor: Any, scenes: Sequence[Scene], seed: int
) -> dict[str, dict[str, float]]:
    """How well labels are scored, by family.

    `accuracy` takes a probability above one half as a yes; `calibrated` does after the product's
    calibration, which divides by what two grey frames give, averaged with one half; `auc` is the
    area under the ROC curve.
    """
    rng = Random(seed)
    found = []
    for scene in scenes:
        picked = pick_labels(scene.truth, rng)
        labels = [label for _, label, _ in picked]
        nothing = Scene(scene.truth, np.full((2, 112, 112, 3), 128, np.uint8), [0.0, 1.0])
        odds, blank = (yes_odds(model, processor, shown, labels) for shown in (scene, nothing))
        found += [
            Scored(family, fits, *both)
            for (family, _, fits), both in zip(picked, zip(odds, blank, strict=True), strict=True)
        ]
    families = dict.fromkeys(scored.family for scored in found)
    report = {family: _measure([s for s in found if s.family == family]) for family in families}
    return {**report, "all": _measure(found)}


def _measure(found: Sequence[Scored]) -> dict[str, float]:
    right = np.array([scored.right for scored in found])
    odds = np.array([scored.odds for scored in found])
    blank_share = 1 / (1 + np.exp([-scored.blank_odds for scored in found]))
    over_blank = odds - np.log((blank_share + 0.5) / (1.5 - blank_share))
    measured = {
        "accuracy": round(float(np.mean((odds > 0) == right)), 4),
        "calibrated": round(float(np.mean((over_blank > 0) == right)), 4),
        "n": len(found),
    }
    if 0 < right.sum() < len(right):
        pairs = odds[right][:, None] - odds[~right][None, :]
        measured["auc"] = round(float(np.mean((pairs > 0) + 0.5 * (pairs == 0))), 4)
    return measured


def json_accuracy(
    model: Any, processor: Any, scenes: Sequence[Scene], seed: int
) -> dict[str, float]:
    """The share of right values where the answer's keys are given, as a schema does."""
    rng = Random(seed)
    right = []
    for scene in scenes:
        question, answer = ask_json_free(scene.truth, rng)
        asked = processor.tokenizer(question + TAIL).input_ids
        told = processor.tokenizer(answer + END, return_offsets_mapping=True)
        logits = next_logits(model, processor, scene, [Branch(asked + told.input_ids, len(asked))])
        best = logits.argmax(-1)[len(asked) - 1 :].tolist()
        for first, last in _value_spans(answer):
            inside = [
                index
                for index, (start, end) in enumerate(told.offset_mapping)
                if start < last and end > first
            ]
            right.append(all(best[index] == told.input_ids[index] for index in inside))
    return {"accuracy": round(float(np.mean(right)), 4), "n": len(right)}


def _value_spans(answer: str) -> list[tuple[int, int]]:
    """Where the values of a JSON object stand in its text, without quotes."""
    spans, place = [], 0
    for key, value in json.loads(answer).items():
        text = json.dumps(value)
        start = answer.index(f'"{key}": ', place) + len(key) + 4
        place = start + len(text)
        quoted = text.startswith('"')
        spans.append((start + quoted, place - quoted))
    return spans
