"""The words in which the tiny world is asked about, shared by all kinds of question."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import TypeAlias

from toolkit.testing.clips import ClipTruth

Turn: TypeAlias = tuple[str, str]
"""A question and its answer."""
Asker: TypeAlias = Callable[[ClipTruth, Random], Turn]

PROMPTS = Path(__file__).parents[1] / "toolkit" / "prompts"


def prompt(name: str) -> str:
    """One of the product's prompt files, without the line end at its end."""
    return (PROMPTS / f"{name}.md").read_text(encoding="utf-8").rstrip("\n")


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

NOT_THERE_WORDS = (
    "people cars dogs cats faces words trees balls birds buses bicycles houses boats planes"
    " trucks horses flowers clouds chairs tables phones books bottles cups hats shoes fish stars"
)
NOT_THERE = NOT_THERE_WORDS.split()
"""Plurals of what this world lacks."""


def tags(truth: ClipTruth) -> list[str]:
    facts = truth.statements()
    return [facts[attribute] for attribute in ("colour", "shape", "time", "motion")]


def yes_no(right: bool) -> str:
    return "Yes" if right else "No"
