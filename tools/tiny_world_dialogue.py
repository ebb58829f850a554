"""What can be asked about a synthetic clip, and the right answer.

Every kind of question is a function (truth, rng) -> (question, answer), where the truth is what
`toolkit.testing.clips.ClipTruth` says of the clip. The tiny Qwen2-VL learns all of them.
"""

from __future__ import annotations

from random import Random

from tiny_world_typed import (
    ask_json,
    ask_json_free,
    ask_json_named,
    ask_label,
    ask_many_of,
    ask_number,
    ask_one_of,
    ask_yes_no,
)
from tiny_world_words import ATTRIBUTE_QUESTIONS, Asker, Turn, prompt, tags
from toolkit.testing.clips import ATTRIBUTES, ClipTruth

DESCRIBE = [
    "Describe this video.",
    "Describe the scene.",
    "Describe what happens in this scene in one sentence.",
    "What happens in this video?",
    "Describe this image.",
]
STYLES = {
    "describe_detailed": ["Describe this video scene in detail."],
    "describe_accessibility": ["Describe this video scene for someone who cannot see it."],
    "describe_search": ["List words by which this video scene can be found."],
}
"""Prompt files of the other styles of description, each with the same in other words."""
SENTIMENT = [
    "What is the sentiment of this video?",
    "Classify the sentiment of this scene as positive, neutral or negative.",
    "What is the mood of the scene?",
]
TAGS = ["List tags for this video.", "Give comma separated tags for this scene."]
ONE_WORD = ["", "", "", " Answer with one word.", " Answer in one word."]


def ask_describe(truth: ClipTruth, rng: Random) -> Turn:
    return prompt("describe") if rng.random() < 0.5 else rng.choice(DESCRIBE), truth.caption()


def styled(truth: ClipTruth, style: str) -> str:
    """The description of a clip in a style, named as its prompt file."""
    facts, several = truth.statements(), truth.number > 1
    how_many = truth.count if several else "a"
    subject = f"{how_many} {truth.colour} {truth.shape}{'s' if several else ''}"
    if style == "describe_detailed":
        light = "dark" if truth.time == "night" else "bright"
        return f"{truth.caption()} The light is {light}. The camera does not move."
    if style == "describe_accessibility":
        verb = ("stay" if truth.motion == "still" else "move") + ("" if several else "s")
        moves = f"{subject.capitalize()} {verb} {truth.motion}."
        return f"{moves} The background is {truth.background}. It is {truth.time}."
    return ", ".join([subject, facts["motion"], facts["background"], truth.time])


def ask_style(style: str) -> Asker:
    def ask_it(truth: ClipTruth, rng: Random) -> Turn:
        words = prompt(style) if rng.random() < 0.7 else rng.choice(STYLES[style])
        return words, styled(truth, style)

    return ask_it


def ask_sentiment(truth: ClipTruth, rng: Random) -> Turn:
    return prompt("sentiment") if rng.random() < 0.5 else rng.choice(SENTIMENT), truth.sentiment


def ask_attribute(attribute: str) -> Asker:
    def ask_it(truth: ClipTruth, rng: Random) -> Turn:
        ending = rng.choice(ONE_WORD)
        return rng.choice(ATTRIBUTE_QUESTIONS[attribute]) + ending, getattr(truth, attribute)

    return ask_it


def ask_tags(truth: ClipTruth, rng: Random) -> Turn:
    return rng.choice(TAGS), ", ".join(tags(truth))


KINDS: dict[str, Asker] = {
    "describe": ask_describe,
    **{style: ask_style(style) for style in STYLES},
    "sentiment": ask_sentiment,
    **{attribute: ask_attribute(attribute) for attribute in ATTRIBUTES},
    "number": ask_number,
    "label": ask_label,
    "yes_no": ask_yes_no,
    "one_of": ask_one_of,
    "many_of": ask_many_of,
    "tags": ask_tags,
    "json": ask_json,
    "json_named": ask_json_named,
    "json_free": ask_json_free,
}
LONG_KINDS = ("describe", *STYLES, "tags")
JSON_KINDS = ("json", *["json_named"] * 7, "json_free", "json_free")
"""Kinds with answers of several words, learnt after the others."""
HARD_KINDS = {"label": 6, "many_of": 3, "yes_no": 2, "one_of": 1, "number": 2}
"""Kinds whose answer depends on the question as much as on the clip, and how much oftener asked."""
