"""Answers beside the right ones."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import JsonValue

from toolkit.insight import columns
from toolkit.insight.evaluation.figures import Bootstrap, Figure, divided

if TYPE_CHECKING:
    import polars as pl

    from toolkit.insight.evaluation.figures import Array

__all__ = ["Asked", "judge_answers", "same", "token_f1"]


@dataclass(frozen=True)
class Asked:
    """A question about a scene, and what was answered.

    ``right`` is the right answer or, where ``known`` is false, one that is wrong, and was given.
    """

    question: str
    right: JsonValue
    given: JsonValue
    known: bool = True

    @property
    def is_right(self) -> bool:
        """Whether the given answer is right."""
        return self.known and same(self.right, self.given)

    @property
    def shared(self) -> float:
        """The token F1 of the given answer; 0 where the right one is not known."""
        return token_f1(self.right, self.given) if self.known else 0.0


_WORD = re.compile(r"(?<!\w)-?\d+(?:\.\d+)?|\w+")
_ARTICLES = {"a", "an", "the"}
_YES, _NO = {"yes", "true"}, {"no", "false"}


def same(truth: JsonValue, given: JsonValue) -> bool:
    """Whether an answer is right: equal words, whatever their case, articles and punctuation.

    Of lists the order does not matter, 2 is 2.0, and "yes" is true. Where no answer can be given,
    giving none is right, and only that.
    """
    if truth is None or given is None:
        return truth is None and given is None
    return _tokens(truth, given) == _tokens(given, truth)


def token_f1(truth: JsonValue, given: JsonValue) -> float:
    """How many words both share, from 0 to 1: the F1 of SQuAD (Rajpurkar et al., EMNLP 2016).

    Unlike there, decimals stay numbers. The words of a list are its items.
    """
    if truth is None or given is None:
        return float(truth is None and given is None)
    one, other = Counter(_tokens(truth, given)), Counter(_tokens(given, truth))
    if not one or not other:
        return float(one == other)
    return 2 * (one & other).total() / (one.total() + other.total())


def _tokens(value: JsonValue, beside: JsonValue) -> list[str]:
    """A value's words; of a text in the form of the value that it stands beside."""
    if isinstance(value, bool):
        return ["yes" if value else "no"]
    if isinstance(value, int | float):
        return [f"{float(value):.12g}"]
    if isinstance(value, str) and isinstance(beside, list):
        value = [] if value.strip().casefold() == "none" else [*value.split(",")]
    if isinstance(value, list):
        items = (v if isinstance(v, str) else json.dumps(v, sort_keys=True) for v in value)
        return sorted({" ".join(item.casefold().split()) for item in items})
    if isinstance(value, dict):
        return [json.dumps([name, value[name]], sort_keys=True) for name in sorted(value)]
    words = [word for word in map(_number, _WORD.findall(value or "")) if word not in _ARTICLES]
    if isinstance(beside, bool) and len(words) == 1:
        words = ["yes" if word in _YES else "no" if word in _NO else word for word in words]
    return words


def _number(word: str) -> str:
    try:
        return f"{float(word):.12g}" if word.strip("-")[:1].isdigit() else word.casefold()
    except ValueError:
        return word.casefold()


def judge_answers(
    asked: Sequence[Asked], bootstrap: Bootstrap
) -> tuple[dict[str, Figure], pl.DataFrame]:
    """Exact match and token F1 over all, and a row a question.

    Args:
        asked: The questions with their answers; None where none was given.
        bootstrap: Makes the intervals, over these answers.
    """
    import numpy as np
    import polars as pl

    scores = np.array([(one.is_right, one.shared, 1) for one in asked], np.float64)
    scores = scores.reshape(len(asked), 3)

    def statistic(sums: Array) -> Array:
        return divided(sums[:, :2], np.repeat(sums[:, 2:], 2, axis=1))

    names = ("exact_match", "token_f1")
    figures = dict(zip(names, bootstrap.figures(scores, statistic), strict=True))
    rows = []
    for question in dict.fromkeys(one.question for one in asked):
        places = [place for place, one in enumerate(asked) if one.question == question]
        given = sum(asked[place].given is not None for place in places)
        exact, shared, _ = scores[places].mean(axis=0)
        rows.append([question, len(places), given, float(exact), float(shared)])
    schema: dict[str, pl.DataType] = {
        "question": pl.String(),
        "scenes": pl.Int64(),
        "given": pl.Int64(),
        "exact_match": pl.Float64(),
        "token_f1": pl.Float64(),
    }
    return figures, columns.frame(rows, schema)
