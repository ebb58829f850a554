"""Compared probabilities become answers, alike for every analyzer."""

from __future__ import annotations

import pytest
from pydantic import JsonValue

from toolkit.records import AnswerKind, AnswerType, Ask, AskKind
from toolkit.stages.verdicts import (
    SENTIMENTS,
    YES_NO,
    abstains,
    calibrated,
    candidates,
    verdict,
)


def ask(kind: AskKind, form: AnswerKind = "text", *choices: str) -> Ask:
    return Ask(kind=kind, name="What?", type=AnswerType(kind=form, choices=choices))


@pytest.mark.parametrize(
    ("asked", "compared", "shares", "comes_to"),
    [
        (ask("question", "yes_no"), YES_NO, [[0.8, 0.2]], ("Yes", True, 0.8)),
        (ask("question", "yes_no"), YES_NO, [[0.3, 0.7]], ("No", False, 0.7)),
        (
            ask("question", "one_of", "sun", "fog"),
            ("sun", "fog"),
            [[0.4, 0.6]],
            ("fog", "fog", 0.6),
        ),
        (ask("sentiment"), SENTIMENTS, [[0.2, 0.7, 0.1]], ("neutral", "neutral", 0.7)),
        (
            ask("question", "many_of", "car", "bus"),
            YES_NO,
            [[0.5, 0.5], [0.125, 0.875]],
            ("car", ["car"], (0.5 * 0.875) ** 0.5),
        ),
        (ask("question", "many_of", "car"), YES_NO, [[0.1, 0.9]], ("none", [], 0.9)),
        (
            ask("labels", "many_of", "car", "bus", "sea"),
            YES_NO,
            [[0.6, 0.4], [0.3, 0.7], [0.9, 0.1]],
            ("sea, car", {"car": 0.6, "bus": 0.3, "sea": 0.9}, None),
        ),
    ],
)
def test_shares_become_answers(
    asked: Ask,
    compared: tuple[str, ...],
    shares: list[list[float]],
    comes_to: tuple[str, JsonValue, float | None],
) -> None:
    text, value, confidence = comes_to
    assert candidates(asked) == compared
    found = verdict(asked, shares)
    assert (found.text, found.value) == (text, value)
    assert found.confidence == pytest.approx(confidence)


@pytest.mark.parametrize("asked", [ask("description"), ask("question"), ask("question", "number")])
def test_what_is_written_has_no_candidates(asked: Ask) -> None:
    assert not candidates(asked)


def test_a_leaning_that_an_empty_input_shows_is_taken_out() -> None:
    assert calibrated([0.6, 0.4], [0.5, 0.5]) == pytest.approx([0.6, 0.4])
    yes, no = calibrated([0.6, 0.4], [0.9, 0.1])
    assert yes == pytest.approx(0.6 / 0.7 / (0.6 / 0.7 + 0.4 / 0.3))
    assert yes + no == pytest.approx(1)
    # However sure the model is of the empty input, a clear answer stays.
    assert calibrated([0.9, 0.1], [1.0, 0.0])[0] == pytest.approx(0.75)


def test_only_answers_with_a_type_abstain() -> None:
    assert abstains(ask("question", "yes_no"), 0.5, 0.55)
    assert not abstains(ask("question", "yes_no"), 0.55, 0.55)
    assert not abstains(ask("question", "number"), None, 0.55)  # a server that tells none
    assert not abstains(ask("question"), 0.1, 0.55)
    assert not abstains(ask("sentiment"), 0.1, 0.55)
    assert not abstains(ask("description"), 0.1, 0.55)
