"""What can be asked about a synthetic clip, and the right answer.

Every kind of question is a function (truth, rng) -> (question, answer), where the truth is what
`toolkit.testing.clips.ClipTruth` says of the clip. The tiny Qwen2-VL learns all of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import TypeAlias

from toolkit.testing.clips import ATTRIBUTES, ClipTruth, random_truth

Turn: TypeAlias = tuple[str, str]
"""A question and its answer."""

PROMPTS = Path(__file__).parents[1] / "toolkit" / "prompts"


def prompt(name: str) -> str:
    """One of the product's prompt files, without the line end at its end."""
    return (PROMPTS / f"{name}.md").read_text(encoding="utf-8").rstrip("\n")


DESCRIBE = [
    "Describe this video.",
    "Describe the scene.",
    "Describe what happens in this scene in one sentence.",
    "Write a short description of this clip.",
    "What happens in this video?",
    "Describe this image.",
]
SENTIMENT = [
    "What is the sentiment of this video?",
    "Classify the sentiment of this scene as positive, neutral or negative.",
    "What is the mood of the scene?",
]
ATTRIBUTE_QUESTIONS = {
    "colour": [
        "What colour is the shape?",
        "What color is the shape?",
        "What colour are the shapes?",
        "What color are the shapes?",
        "Which colour is the object?",
        "Which color is the object?",
    ],
    "shape": [
        "What shape is it?",
        "Which shape is shown?",
        "What kind of object is it?",
        "What is the shape?",
    ],
    "motion": [
        "Which way does it move?",
        "Which way does the shape move?",
        "In which direction do the shapes move?",
        "How does the object move?",
        "Which way do they move?",
    ],
    "count": ["How many shapes are there?", "How many objects are visible?", "Count the shapes."],
    "background": [
        "What colour is the background?",
        "What color is the background?",
        "What is the background color?",
    ],
    "time": ["Is it day or night?", "What time of day is it?"],
}
TAGS = ["List tags for this video.", "Give comma separated tags for this scene."]
JSON = [
    "Return a JSON object with the keys description, tags and sentiment.",
    "Analyze this scene. Answer with JSON only: description, tags, sentiment.",
]
ONE_WORD = ["", "", "", " Answer with one word.", " Answer in one word."]
NUMBER_FORMATS = [
    "Answer with a number.",
    "Answer with one number only.",
    "Answer with a whole number.",
    "Reply with a number.",
    "Give a number.",
]
YES_NO_FORMATS = [
    "",
    "",
    " Answer Yes or No.",
    " Answer yes or no.",
    " Answer with yes or no only.",
]
TAG_CHECKS = [
    'Does the tag "{}" fit this video? Answer Yes or No.',
    'Does the tag "{}" apply to this scene?',
    "Is this right: {}?\nAnswer Yes or No only.",
]
ONE_OF = [
    "Which of these fits best: {}?",
    "Which of these fits best: {}? Answer with one of them.",
    "Choose one of: {}.",
    "Answer with one of: {}.",
]
MANY_OF = [
    "Which of these fit: {}?",
    "Which of these apply: {}? List all that apply, separated by commas.",
    "Choose all that apply: {}.",
]
NOT_THERE = ["people", "cars", "dogs", "cats", "faces", "words", "trees", "balls"]


def tags(truth: ClipTruth) -> list[str]:
    facts = truth.statements()
    return [facts[attribute] for attribute in ("colour", "shape", "time", "motion")]


def ask_describe(truth: ClipTruth, rng: Random) -> Turn:
    return prompt("describe") if rng.random() < 0.5 else rng.choice(DESCRIBE), truth.caption()


def ask_sentiment(truth: ClipTruth, rng: Random) -> Turn:
    return prompt("sentiment") if rng.random() < 0.5 else rng.choice(SENTIMENT), truth.sentiment


def ask_attribute(attribute: str) -> Callable[[ClipTruth, Random], Turn]:
    def ask_it(truth: ClipTruth, rng: Random) -> Turn:
        ending = rng.choice(ONE_WORD)
        return rng.choice(ATTRIBUTE_QUESTIONS[attribute]) + ending, getattr(truth, attribute)

    return ask_it


def ask_number(truth: ClipTruth, rng: Random) -> Turn:
    what, number = (
        rng.choice(["shapes", "shapes", "shapes", "objects", f"{truth.shape}s"]),
        truth.number,
    )
    if rng.random() < 0.1:
        what, number = rng.choice(NOT_THERE), 0
    verb = rng.choice(["are there", "are there", "are visible", "can be seen"])
    return f"How many {what} {verb}? {rng.choice(NUMBER_FORMATS)}", str(number)


def ask_tag_check(truth: ClipTruth, rng: Random) -> Turn:
    attribute = rng.choice(list(ATTRIBUTES))
    claimed = _claim(truth, attribute, rng).statements()[attribute]
    return rng.choice(TAG_CHECKS).format(claimed), _yes_no(claimed == truth.statements()[attribute])


def ask_yes_no(truth: ClipTruth, rng: Random) -> Turn:
    """A plain question such as "Is the shape red?"; at times about what this world lacks."""
    if rng.random() < 0.08:
        return f"Are there {rng.choice(NOT_THERE)}?{rng.choice(YES_NO_FORMATS)}", "No"
    attribute = rng.choice(list(ATTRIBUTES))
    claim = _claim(truth, attribute, rng)
    plural = "s" if claim.number > 1 else ""
    questions = {
        "colour": [
            f"Is the shape {claim.colour}?",
            f"Are the shapes {claim.colour}?",
            f"Is it {claim.colour}?",
        ],
        "shape": [
            f"Is it a {claim.shape}?",
            f"Is the shape a {claim.shape}?",
            f"Are they {claim.shape}s?",
        ],
        "count": [
            f"{'Are' if plural else 'Is'} there {claim.count} shape{plural}?",
            f"Can {claim.count if plural else 'a'} shape{plural} be seen?",
        ],
        "motion": ["Is the shape still?", "Does it stay still?"]
        if claim.motion == "still"
        else [
            f"Does it move {claim.motion}?",
            f"Do the shapes move {claim.motion}?",
            f"Is it moving {claim.motion}?",
        ],
        "background": [
            f"Is the background {claim.background}?",
            f"Is it on a {claim.background} background?",
        ],
        "time": [f"Is it {claim.time}?"],
    }
    right = getattr(claim, attribute) == getattr(truth, attribute)
    if attribute == "motion" and rng.random() < 0.15:
        return f"Does it move?{rng.choice(YES_NO_FORMATS)}", _yes_no(truth.motion != "still")
    return rng.choice(questions[attribute]) + rng.choice(YES_NO_FORMATS), _yes_no(right)


def ask_one_of(truth: ClipTruth, rng: Random) -> Turn:
    """Options of which exactly one holds: values of one attribute, or phrases about several."""
    attribute = rng.choice(list(ATTRIBUTES))
    if rng.random() < 0.7:
        right = getattr(truth, attribute)
        wrong = [value for value in ATTRIBUTES[attribute] if value != right]
        lead = rng.choice(ATTRIBUTE_QUESTIONS[attribute]) + " " if rng.random() < 0.4 else ""
    else:
        right = truth.statements()[attribute]
        others = rng.sample(list(ATTRIBUTES), rng.randint(2, 4))
        wrong = [_claim(truth, other, rng, right=0.0).statements()[other] for other in others]
        lead = ""
    options = [right, *rng.sample(wrong, rng.randint(min(2, len(wrong)), len(wrong)))]
    if rng.random() < 0.7:
        rng.shuffle(options)
    elif lead and len(wrong) + 1 == len(ATTRIBUTES[attribute]):
        options = list(ATTRIBUTES[attribute])
    else:
        options.sort()
    return lead + rng.choice(ONE_OF).format(", ".join(options)), right


def ask_many_of(truth: ClipTruth, rng: Random) -> Turn:
    """Phrases of which some hold; the answer repeats those in the question's order, or is none."""
    chosen = rng.sample(list(ATTRIBUTES), rng.randint(3, 5))
    options = [_claim(truth, attribute, rng).statements()[attribute] for attribute in chosen]
    facts = set(truth.statements().values())
    return rng.choice(MANY_OF).format(", ".join(options)), ", ".join(
        o for o in options if o in facts
    ) or "none"


def ask_tags(truth: ClipTruth, rng: Random) -> Turn:
    return rng.choice(TAGS), ", ".join(tags(truth))


def ask_json(truth: ClipTruth, rng: Random) -> Turn:
    answer = {"description": truth.caption(), "tags": tags(truth), "sentiment": truth.sentiment}
    return rng.choice(JSON), json.dumps(answer)


KINDS: dict[str, Callable[[ClipTruth, Random], Turn]] = {
    "describe": ask_describe,
    "sentiment": ask_sentiment,
    **{attribute: ask_attribute(attribute) for attribute in ATTRIBUTES},
    "number": ask_number,
    "tag_check": ask_tag_check,
    "yes_no": ask_yes_no,
    "one_of": ask_one_of,
    "many_of": ask_many_of,
    "tags": ask_tags,
    "json": ask_json,
}
LONG_KINDS = ("describe", "tags", "json", "many_of")
"""Kinds with answers of several words, learnt after the others."""
HARD_KINDS = ("tag_check", "yes_no", "one_of", "many_of")
"""Kinds whose answer depends on the question as much as on the clip: asked more often."""


def _claim(truth: ClipTruth, attribute: str, rng: Random, right: float = 0.5) -> ClipTruth:
    """The truth with probability `right`, else a clip that differs from it in the attribute."""
    if rng.random() < right:
        return truth
    while getattr(other := random_truth(rng), attribute) == getattr(truth, attribute):
        pass
    return other


def _yes_no(right: bool) -> str:
    return "Yes" if right else "No"
