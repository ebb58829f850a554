"""From probabilities to answers, the same for all analyzers that ask a language model.

With the words around the questions (:mod:`toolkit.stages.prompts`), this is what lets an answer of
one analyzer stand beside that of another: the same answers are compared, the same leaning is taken
out, and the same doubt makes an answer "not visible".
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from pydantic import JsonValue

from toolkit.records import Ask, SentimentLabel

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = [
    "NOT_VISIBLE",
    "SENTIMENTS",
    "YES_NO",
    "Verdict",
    "abstains",
    "calibrated",
    "candidates",
    "empty_frames",
    "verdict",
]

NOT_VISIBLE = "not visible"
"""The text of an answer with a type that the model was too unsure of."""
SENTIMENTS: tuple[str, ...] = get_args(SentimentLabel)
YES_NO = ("Yes", "No")


@dataclass(frozen=True)
class Verdict:
    """What compared probabilities come to; the fields are those of the record ``Answer``."""

    text: str
    value: JsonValue
    confidence: float | None


def candidates(ask: Ask) -> tuple[str, ...]:
    """The answers that are compared, of each question of an ask; none where one is written."""
    if ask.kind == "sentiment":
        return SENTIMENTS
    if ask.kind == "labels" or ask.type.kind in {"yes_no", "many_of"}:
        return YES_NO
    return ask.type.choices


def empty_frames() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float64]]:
    """An input that shows nothing: two grey frames (n, height, width, 3), and their times (n,).

    Which answers are likely here is what :func:`calibrated` takes for the model's leaning.
    """
    import numpy as np

    return np.full((2, 112, 112, 3), 128, np.uint8), np.array([0.0, 1.0])


def calibrated(found: Sequence[float], empty: Sequence[float]) -> list[float]:
    """Shares without the model's leaning to some answers whatever is shown.

    Contextual calibration (Zhao et al., "Calibrate Before Use", 2021): each share is divided by
    the one that the same question gets about an empty input, and the result brought to a sum of 1.
    The empty input's shares are averaged with equal ones first. Unlike the paper's "N/A", a grey
    picture has right answers (no car is in it), of which a model may be all too sure; averaged, no
    answer gains more than a factor of (number of answers + 1) over another.
    """
    even = 1 / len(empty)
    weights = [share / ((lean + even) / 2) for share, lean in zip(found, empty, strict=True)]
    return [weight / sum(weights) for weight in weights]


def verdict(ask: Ask, shares: Sequence[Sequence[float]]) -> Verdict:
    """What the shares come to.

    Args:
        ask: Whose answers were compared.
        shares: For each of its questions (one for each choice or label, where there are many) the
            share of each of :func:`candidates`, adding up to 1.
    """
    if ask.kind == "labels":
        scores = {label: yes for label, (yes, _) in zip(ask.type.choices, shares, strict=True)}
        likely = sorted((label for label in scores if scores[label] >= 0.5), key=scores.__getitem__)
        return Verdict(", ".join(reversed(likely)) or "none", {**scores}, None)
    if ask.type.kind == "many_of":
        apply = [
            word for word, (yes, no) in zip(ask.type.choices, shares, strict=True) if yes >= no
        ]
        sure = statistics.geometric_mean(max(each) for each in shares)
        return Verdict(", ".join(apply) or "none", [*apply], sure)
    [found] = shares
    words = candidates(ask)
    best = max(range(len(found)), key=found.__getitem__)
    value = not best if ask.type.kind == "yes_no" else words[best]
    return Verdict(words[best], value, found[best])


def abstains(ask: Ask, confidence: float | None, below: float) -> bool:
    """Whether the model is too unsure: of an answer with a type, less than ``below``."""
    has_type = ask.kind == "question" and not ask.type.is_plain
    return has_type and confidence is not None and confidence < below
