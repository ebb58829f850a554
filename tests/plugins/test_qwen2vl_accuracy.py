"""The tiny checkpoint reads freshly drawn and encoded clips that its trainer never saw."""

from __future__ import annotations

import dataclasses
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random

import numpy as np
import pytest
from pydantic import JsonValue

from toolkit.hooks.specs import Context
from toolkit.records import Answer, AnswerKind, AnswerType, Ask, Frames, Scene
from toolkit.stages.analysis import Look
from toolkit.stages.component import Cancel
from toolkit.testing.clips import ATTRIBUTES, ClipTruth, random_truth, render, write_clip
from toolkit_analyze_qwen2vl import Qwen2VLOptions, make

TINY = Path(__file__).parents[1] / "models" / "tiny-qwen2vl"
SEED = 20_260_731
CLIPS = 40
SIZES = ((240, 320), (180, 320), (256, 256), (320, 240))
ASKS = {
    Ask(kind="question", name="What colour is the shape?"): "colour",
    Ask(kind="question", name="What shape is it?"): "shape",
    Ask(kind="question", name="Which way does it move?"): "motion",
    Ask(kind="sentiment"): "sentiment",
    Ask(kind="description"): "caption",
}


def clip(rng: Random, index: int) -> tuple[ClipTruth, Frames]:
    """A clip that went through H.264, and the frames in the middle of its eighths."""
    import av

    truth = random_truth(rng)
    height, width = SIZES[index % len(SIZES)]
    file = io.BytesIO()
    write_clip(render(truth, rng, 48, height, width), file, fps=24)
    file.seek(0)
    with av.open(file, "r") as container:
        shown = list(container.decode(video=0))
    kept = [shown[round((place + 0.5) * len(shown) / 8)] for place in range(8)]
    scene = Scene.of(f"clip-{index}", "detector", 0, start_s=0.0, end_s=2.0)
    pts_s = np.array([frame.time for frame in kept], np.float64)
    rgb = np.stack([frame.to_ndarray(format="rgb24") for frame in kept]).astype(np.uint8)
    return truth, Frames(scene, "sampler", pts_s, rgb)


@pytest.mark.slow
def test_colour_shape_direction_and_more_are_right(tmp_path: Path) -> None:
    rng = Random(SEED)
    options = Qwen2VLOptions(model=str(TINY), device="cpu")
    clips = [clip(rng, index) for index in range(CLIPS)]
    right: Counter[str] = Counter()
    with make(options, Context(tmp_path, tmp_path)) as analyzer:
        asks = analyzer.asks(ASKS)
        looks = [Look(frames, asks) for _, frames in clips]
        for (truth, _), replies in zip(clips, analyzer.analyze(looks, "f", Cancel()), strict=True):
            for what, answer in zip(ASKS.values(), replies, strict=True):
                assert isinstance(answer, Answer)
                fact = getattr(truth, what)
                right[what] += answer.text == (fact() if callable(fact) else fact)
    for what in ASKS.values():
        assert right[what] >= 0.95 * CLIPS, right


def fact(truth: ClipTruth, attribute: str, value: str) -> str:
    """The phrase that says so of a clip."""
    return dataclasses.replace(truth, **{attribute: value}).statements()[attribute]


SAMPLE = ClipTruth("red", "circle", "one", "left", "white", "day")
FACTS = tuple(
    fact(SAMPLE, attribute, value) for attribute, values in ATTRIBUTES.items() for value in values
)
SHAPE: dict[str, JsonValue] = {
    "type": "object",
    "properties": {"colour": {"type": "string"}, "count": {"type": "integer"}},
    "required": ["colour", "count"],
    "additionalProperties": False,
}


def typed(name: str, kind: AnswerKind, choices: Sequence[str] = (), **more: JsonValue) -> Ask:
    form = AnswerType.model_validate({"kind": kind, "choices": tuple(choices), **more})
    return Ask(kind="question", name=name, type=form)


def typed_asks(truth: ClipTruth, rng: Random) -> list[tuple[Ask, JsonValue]]:
    """Asks of every type, and the value of each one's right answer."""
    facts = set(truth.statements().values())
    fits = {label: label in facts for label in FACTS}
    asks: list[tuple[Ask, JsonValue]] = [
        (typed("How many shapes are there?", "number"), truth.number),
        (typed("How many cars are there?", "number"), 0),
        (typed("What colour is the shape?", "one_of", ATTRIBUTES["colour"]), truth.colour),
        (typed("Which way does it move?", "one_of", ATTRIBUTES["motion"]), truth.motion),
        (
            typed("Give colour and count.", "json", json_schema=SHAPE),
            {"colour": truth.colour, "count": truth.number},
        ),
        (
            typed("Describe the shape.", "json", json_schema=SHAPE),
            {"colour": truth.colour, "count": truth.number},
        ),
        (typed("Which of these fit?", "many_of", FACTS), [label for label in FACTS if fits[label]]),
        (Ask(kind="labels", type=AnswerType(kind="many_of", choices=FACTS)), dict(fits)),
    ]
    for attribute, words in (("colour", "Is the shape {}?"), ("time", "Is it {}?")):
        right: str = getattr(truth, attribute)
        wrong = rng.choice([value for value in ATTRIBUTES[attribute] if value != right])
        asks += [(typed(words.format(right), "yes_no"), True)]
        asks += [(typed(words.format(wrong), "yes_no"), False)]
    return asks


@pytest.mark.slow
def test_answers_of_every_type_and_labels_are_right(tmp_path: Path) -> None:
    rng = Random(SEED + 1)
    options = Qwen2VLOptions(model=str(TINY), device="cpu")
    clips = [clip(rng, index) for index in range(CLIPS)]
    wanted = [typed_asks(truth, rng) for truth, _ in clips]
    right, asked = Counter[str](), Counter[str]()
    with make(options, Context(tmp_path, tmp_path)) as analyzer:
        looks = [
            Look(frames, analyzer.asks([ask for ask, _ in each]))
            for (_, frames), each in zip(clips, wanted, strict=True)
        ]
        for each, replies in zip(wanted, analyzer.analyze(looks, "f", Cancel()), strict=True):
            for (ask, value), answer in zip(each, replies, strict=True):
                assert isinstance(answer, Answer)
                kind: str = "labels" if ask.kind == "labels" else ask.type.kind
                for found, expected in compared(kind, answer.value, value):
                    asked[kind] += 1
                    right[kind] += found == expected
    for kind, number in asked.items():
        assert right[kind] >= 0.95 * number, (right, asked)


def compared(kind: str, found: JsonValue, right: JsonValue) -> list[tuple[JsonValue, JsonValue]]:
    """What an answer's value says, with what is right: choice by choice where there are many."""
    if isinstance(found, list) and isinstance(right, list):
        return [(label in found, label in right) for label in FACTS]
    if kind == "labels" and isinstance(found, dict) and isinstance(right, dict):
        return [(float(str(found[label])) > 0.5, right[label]) for label in FACTS]
    return [(found, right)]
