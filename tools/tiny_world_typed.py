"""Typed questions about a clip of the tiny world: one right answer each, in the type's form.

They are worded as the product words them, by its prompt files, most of the time.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from random import Random
from typing import Any

from tiny_world_labels import OFTEN, pick_label
from tiny_world_words import ATTRIBUTE_QUESTIONS, NOT_THERE, Turn, prompt, tags, yes_no
from toolkit.testing.clips import ATTRIBUTES, ClipTruth

NUMBER_FORMATS = [
    "{question} Answer with one number only.",
    "{question} Answer with a whole number.",
    "{question} Reply with a number.",
    "{question} Give a number.",
]
YES_NO_FORMATS = [
    "{question}",
    "{question} Answer yes or no.",
    "{question} Answer with yes or no only.",
]
LABEL_FORMATS = [
    'Does the tag "{label}" apply to this scene?',
    'Does the label "{label}" fit this video? Answer Yes or No.',
    "Is this right: {label}?\nAnswer Yes or No only.",
]
ONE_OF_FORMATS = [
    "{question} Which of these fits best: {choices}?",
    "{question} Answer with one of them: {choices}.",
    "{question} Choose one of: {choices}.",
]
JSON_FORMATS = ["{question} Answer with JSON.", "{question} Return JSON only."]

WHICH_FIT = [
    "Which of these fit?",
    "Which of these fit this video?",
    "Which of these apply?",
    "Which of these are visible?",
    "Which of these can be seen?",
    "Which words fit the scene?",
    "Which tags apply?",
    "What is there?",
    "What is shown?",
    "What describes the scene?",
    "Choose all that apply.",
    "What is true of this video?",
]
WHICH_OF_FAMILY = {
    "colour": ["Which colours are the shapes?", "Which colours do the shapes have?"],
    "shape": ["Which shapes are there?", "Which shapes can be seen?"],
    "count": ["How many shapes are there?"],
    "motion": ["How do the shapes move?", "Which motion can be seen?"],
    "background": ["Which background is it?"],
    "time": ["What time of day is it?", "Is it day or night?"],
    "mood": ["What is the mood?", "Which moods fit?"],
}
BEST_FITS = ["Which of these fits best?", "Which fits?", "What fits this video?", "Choose."]

JSON_VALUES: dict[str, Callable[[ClipTruth], Any]] = {
    "colour": lambda t: t.colour,
    "color": lambda t: t.colour,
    "shape": lambda t: t.shape,
    "object": lambda t: t.shape,
    "count": lambda t: t.number,
    "number": lambda t: t.number,
    "motion": lambda t: t.motion,
    "direction": lambda t: t.motion,
    "background": lambda t: t.background,
    "time": lambda t: t.time,
    "time_of_day": lambda t: t.time,
    "moving": lambda t: t.motion != "still",
    "night": lambda t: t.time == "night",
    "sentiment": lambda t: t.sentiment,
    "mood": lambda t: t.sentiment,
    "tags": tags,
    "description": lambda t: t.caption(),
}
"""The keys that may be asked for, each with its value."""
SAME_VALUE = ("colour color", "shape object", "count number", "motion direction")
JSON_NAMING = ["Give {}.", "Return {}.", "Report {}.", "What are {}?", "Describe the shape: {}."]
JSON_FREE = [
    "Describe the shape.",
    "Describe the object.",
    "Describe the scene.",
    "Describe this video.",
    "What is shown?",
    "What can be seen?",
    "Analyze this scene.",
]
JSON_FULL = [
    "Return a JSON object with the keys description, tags and sentiment.",
    "Analyze this scene. Answer with JSON only: description, tags, sentiment.",
]


def typed(name: str, others: list[str], rng: Random, **values: str) -> str:
    """A question in the words of the product's prompt file, at times in other words."""
    words = prompt(name) if rng.random() < 0.75 else rng.choice(others)
    return words.format(**values).strip()


def ask_number(truth: ClipTruth, rng: Random) -> Turn:
    what, number = rng.choice(["shapes", "shapes", "shapes", "objects"]), truth.number
    if (draw := rng.random()) < 0.15:
        what, number = rng.choice(NOT_THERE), 0
    elif draw < 0.4:
        claim = changed(truth, "shape", rng)
        what = f"{claim.shape}s"
        number = truth.number if claim == truth else 0
    elif draw < 0.5:
        claim = changed(truth, rng.choice(["colour", "shape"]), rng)
        what = f"{claim.colour} {claim.shape}s"
        number = truth.number if claim == truth else 0
    verb = rng.choice(["are there", "are there", "are visible", "can be seen"])
    question = f"How many {what} {verb}?"
    if what == "shapes" and rng.random() < 0.1:
        question = "Count the shapes."
    return typed("number", NUMBER_FORMATS, rng, question=question), str(number)


def ask_yes_no(truth: ClipTruth, rng: Random) -> Turn:
    """A plain question such as "Is the shape red?"; at times about what this world lacks."""
    question, right = _yes_no_question(truth, rng)
    return typed("yes_no", YES_NO_FORMATS, rng, question=question), yes_no(right)


def _yes_no_question(truth: ClipTruth, rng: Random) -> tuple[str, bool]:
    if (draw := rng.random()) < 0.08:
        absent = rng.choice(NOT_THERE)
        return rng.choice([f"Are there {absent}?", f"Are there any {absent}?"]), False
    if draw < 0.1:
        return rng.choice(["Is it raining?", "Is it snowing?", "Is there any text?"]), False
    if draw < 0.25:
        label, right = pick_label(truth, rng.choice(["pair", "triple"]), rng, usual=0.6)
        if label.startswith(("two", "three")):
            return f"Are there {label}?", right
        if not label.startswith("one") and " on " not in label:
            return f"Are there {label}?" if label.endswith("s") else f"Is there a {label}?", right
    attribute = rng.choice(list(ATTRIBUTES))
    claim = changed(truth, attribute, rng)
    plural = "s" if claim.number > 1 else ""
    if attribute == "motion" and rng.random() < 0.25:
        asked = ["Does it move?", "Is it moving?", "Is anything moving?", "Do the shapes move?"]
        return rng.choice(asked), truth.motion != "still"
    if attribute == "count" and rng.random() < 0.15:
        return "Is there more than one shape?", truth.number > 1
    questions = {
        "colour": [
            f"Is the shape {claim.colour}?",
            f"Are the shapes {claim.colour}?",
            f"Is it {claim.colour}?",
            f"Is there a {claim.colour} shape?",
            f"Is anything {claim.colour}?",
        ],
        "shape": [
            f"Is it a {claim.shape}?",
            f"Is the shape a {claim.shape}?",
            f"Are they {claim.shape}s?",
            f"Is there a {claim.shape}?",
            f"Are there {claim.shape}s?",
        ],
        "count": [
            f"{'Are' if plural else 'Is'} there {claim.count} shape{plural}?",
            f"Can {claim.count if plural else 'a single'} shape{plural} be seen?",
        ],
        "motion": ["Is the shape still?", "Does it stay still?"]
        if claim.motion == "still"
        else [
            f"Does it move {claim.motion}?",
            f"Do the shapes move {claim.motion}?",
            f"Does the shape move {claim.motion}?",
            f"Is it moving {claim.motion}?",
        ],
        "background": [
            f"Is the background {claim.background}?",
            f"Is it on a {claim.background} background?",
        ],
        "time": [f"Is it {claim.time}?", f"Is it {'dark' if claim.time == 'night' else 'bright'}?"],
    }
    return rng.choice(questions[attribute]), claim == truth


def ask_one_of(truth: ClipTruth, rng: Random) -> Turn:
    """Choices of which exactly one holds: values of one attribute, or phrases about several."""
    attribute = rng.choice([*ATTRIBUTES, "mood"])
    lead = rng.choice(BEST_FITS) if rng.random() < 0.5 else ""
    if attribute == "mood":
        values, right = ["positive", "neutral", "negative"], truth.sentiment
        lead = rng.choice(["What is the mood?", "What is the sentiment of this video?"])
    elif rng.random() < 0.75:
        values, right = list(ATTRIBUTES[attribute]), getattr(truth, attribute)
        if rng.random() < 0.75:
            lead = rng.choice(ATTRIBUTE_QUESTIONS[attribute])
        if attribute == "count" and rng.random() < 0.3:
            values, right = ["1", "2", "3"], str(truth.number)
    else:
        right = truth.statements()[attribute]
        others = rng.sample(list(ATTRIBUTES), rng.randint(2, 4))
        values = [right] + [
            changed(truth, other, rng, right=0.0).statements()[other] for other in others
        ]
    wrong = [value for value in values if value != right]
    choices = [right, *rng.sample(wrong, rng.randint(min(2, len(wrong)), len(wrong)))]
    if rng.random() < 0.6:
        rng.shuffle(choices)
    else:  # as they are most often written down
        choices.sort(key=values.index)
    question = typed("one_of", ONE_OF_FORMATS, rng, question=lead, choices=", ".join(choices))
    return question, right


def ask_many_of(truth: ClipTruth, rng: Random) -> Turn:
    """Whether one of many choices applies: each is asked by itself."""
    family = rng.choice(OFTEN)
    label, right = pick_label(truth, family, rng)
    question = rng.choice(WHICH_FIT)
    if family in WHICH_OF_FAMILY and rng.random() < 0.4:
        question = rng.choice(WHICH_OF_FAMILY[family])
    return prompt("many_of").format(question=question, choice=label), yes_no(right)


def ask_label(truth: ClipTruth, rng: Random) -> Turn:
    label, right = pick_label(truth, rng.choice(OFTEN), rng)
    return typed("label", LABEL_FORMATS, rng, label=label), yes_no(right)


def ask_json(truth: ClipTruth, rng: Random) -> Turn:
    keys = ("description", "tags", "sentiment")
    return rng.choice(JSON_FULL), json.dumps({key: JSON_VALUES[key](truth) for key in keys})


def ask_json_named(truth: ClipTruth, rng: Random) -> Turn:
    """JSON of the keys that the question names, in its order."""
    keys = _json_keys(rng)
    listed = ", ".join(keys[:-1]) + " and " + keys[-1] if len(keys) > 1 else keys[0]
    question = rng.choice(JSON_NAMING).format(listed)
    question = typed("json", JSON_FORMATS, rng, question=question)
    return question, json.dumps({key: JSON_VALUES[key](truth) for key in keys})


def ask_json_free(truth: ClipTruth, rng: Random) -> Turn:
    """JSON whose keys the question does not name: a schema forces them upon the answer."""
    question = typed("json", JSON_FORMATS, rng, question=rng.choice(JSON_FREE))
    return question, json.dumps({key: JSON_VALUES[key](truth) for key in _json_keys(rng)})


def _json_keys(rng: Random) -> list[str]:
    """One to four keys of different meaning; long values seldom."""
    groups = [*SAME_VALUE, "time time_of_day", "sentiment mood", "background", "moving", "night"]
    groups += ["tags", "description"] if rng.random() < 0.2 else []
    return [rng.choice(group.split()) for group in rng.sample(groups, rng.randint(1, 4))]


def changed(truth: ClipTruth, attribute: str, rng: Random, right: float = 0.5) -> ClipTruth:
    """The truth with probability `right`, else with another value of the attribute."""
    if rng.random() < right:
        return truth
    others = [value for value in ATTRIBUTES[attribute] if value != getattr(truth, attribute)]
    return dataclasses.replace(truth, **{attribute: rng.choice(others)})
