"""Comparisons: the little language of ``when``, read by a parser of its own, never evaluated."""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import JsonValue

from toolkit.errors import choices
from toolkit.records import Scene, SentimentLabel, Video
from toolkit_tag_rules.subject import Subject, WholeSubject

__all__ = ["Comparison", "Of"]

OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
SHAPE = re.compile(r"\s*([^<>=!]+?)\s*(<=|>=|==|!=|<|>)\s*(.+?)\s*", re.DOTALL)
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)

Value = str | float | bool


def _comparable(record: type[Video | Scene]) -> dict[str, type]:
    """The fields that hold a single value, with its type: numbers are float here."""
    kinds: dict[str, type] = {}
    for name, field in record.model_fields.items():
        parts = [field.annotation]
        if get_origin(field.annotation) in {Union, UnionType, Literal}:
            parts = list(get_args(field.annotation))
        # The parts of a Literal are values: their types are what counts.
        types = {part if isinstance(part, type) else type(part) for part in parts}
        if types <= {str}:
            kinds[name] = str
        elif types <= {bool}:
            kinds[name] = bool
        elif types <= {int, float, type(None)}:
            kinds[name] = float
    return kinds


Of = Literal["scene", "video"]
FIELDS: dict[Of, dict[str, dict[str, type]]] = {
    "scene": {
        "video": _comparable(Video),
        "scene": {**_comparable(Scene), "duration_s": float},
        "sentiment": {"": str, "confidence": float},
    },
    "video": {
        "video": _comparable(Video),
        "scenes": dict.fromkeys(("count", "mean_s", "shortest_s", "longest_s"), float),
    },
}
"""The fields that a rule of a scene or of a whole video may name, by group, with their types."""
OPEN: dict[Of, dict[str, str]] = {
    "scene": {
        "signals": "brightness",
        "labels": "car",
        "answers": "How many people?",
        "info": "uploader",
    },
    "video": {"count": "car", "share": "car", "seconds": "car", "info": "uploader"},
}
"""Groups whose names are up to analyzers and users, so that any is right, with an example."""
_NAMES: dict[Of, str] = {"scene": "scene", "video": "whole video"}
SUMS = {"count", "share", "seconds"}


@dataclass(frozen=True)
class Comparison:
    """One comparison of a field with a value, such as ``signals.brightness < 0.2``."""

    group: str
    name: str
    sign: str
    value: Value

    @classmethod
    def parse(cls, text: str, of: Of = "scene") -> Comparison:
        """Read a comparison.

        Args:
            text: What is written.
            of: What the rule is of.

        Raises:
            ValueError: It has a mistake; the message says which, and what would be right.
        """
        shape = SHAPE.fullmatch(text)
        if shape is None:
            raise ValueError(
                f"'{text}' is no comparison. Write a field, one of {' '.join(OPERATORS)}, and a "
                "value, as in: signals.brightness < 0.2"
            )
        field, sign, written = shape.groups()
        group, _, name = field.partition(".")
        kind = _kind_of(field, group, name, of)
        value = _literal(written, text)
        if not isinstance(value, float) and sign not in {"==", "!="}:
            raise ValueError(f"'{text}': only numbers have an order; use == or !=")
        if kind is not None and kind is not type(value):
            names = {str: "text", float: "a number", bool: "true or false"}
            raise ValueError(f"'{text}': {field} is {names[kind]}, {written} is not")
        labels = get_args(SentimentLabel)
        if field == "sentiment" and value not in labels:
            raise ValueError(f"'{text}': no such sentiment. {choices(str(value), labels)}")
        return cls(group, name, sign, value)

    @property
    def field(self) -> str:
        """The field's name as people write it."""
        return f"{self.group}.{self.name}" if self.name else self.group

    def hold(self, subject: Subject | WholeSubject) -> str | None:
        """How the comparison holds, in words, or None where it does not.

        A field that is missing, or of another type than the value, makes it not hold, even with !=.
        """
        found = subject.value(self.group, self.name)
        wanted = self.value
        if isinstance(found, list):
            return self._hold_of_many(found)
        if isinstance(found, int) and not isinstance(found, bool):
            found = float(found)
        if found is None or type(found) is not type(wanted):
            return None
        if isinstance(found, str) and isinstance(wanted, str):
            holds = OPERATORS[self.sign](found.casefold(), wanted.casefold())
        else:
            holds = OPERATORS[self.sign](found, wanted)
        if not holds:
            return None
        seen = "" if self.sign == "==" else f" {_show(found)}"
        note = subject.scenes_with(self.name) if self.group in SUMS else ""
        return f"{self.field}{seen} {self.sign} {_show(wanted)}{note}"

    def _hold_of_many(self, found: list[JsonValue]) -> str | None:
        """Of several choices, ``==`` says that one is among them and ``!=`` that it is not."""
        if not isinstance(self.value, str):
            return None
        is_there = self.value.casefold() in {str(item).casefold() for item in found}
        if is_there != (self.sign == "=="):
            return None
        return f"{self.field} {self.sign} {_show(self.value)}"


def _kind_of(field: str, group: str, name: str, of: Of) -> type | None:
    """The type of a field's values, None where it can be any."""
    fields, free = FIELDS[of], OPEN[of]
    if group in free:
        if not name:
            raise ValueError(f"'{group}' needs a name, as in {group}.{free[group]}")
        return float if group in SUMS else None
    known = [f"{g}.{n}" if n else g for g, names in fields.items() for n in names]
    if field not in known:
        other: Of = "video" if of == "scene" else "scene"
        if group in fields:
            known = [f for f in known if f.partition(".")[0] == group]
        elif group in FIELDS[other] or group in OPEN[other]:
            now = 'of = "video"' if other == "video" else 'no of = "video"'
            raise ValueError(f"'{field}' is of a {_NAMES[other]}: the rule needs {now}")
        else:
            known = [*fields, *free]
            field = group
        raise ValueError(f"there is no field '{field}'. {choices(field, known)}")
    return fields[group][name]


def _literal(written: str, text: str) -> Value:
    if written in {"true", "false"}:
        return written == "true"
    if NUMBER.fullmatch(written):
        return float(written)
    if len(written) > 1 and written[0] == written[-1] and written[0] in "'\"":
        return written[1:-1]
    raise ValueError(
        f"'{text}': {written} is no value. Write a number, true, false, or text in quotes"
    )


def _show(value: Value) -> str:
    if isinstance(value, str):
        return f"'{value}'"
    return json.dumps(value) if isinstance(value, bool) else f"{value:g}"
