"""The type an answer has: yes or no, a number, one or many of a list, text, JSON."""

from __future__ import annotations

import json
import math
import re
import sys
from typing import Literal, Self

from pydantic import JsonValue, model_validator

from toolkit.records.base import Part, digest

__all__ = ["AnswerKind", "AnswerType", "no_constant"]

AnswerKind = Literal["text", "yes_no", "number", "one_of", "many_of", "json"]

_LARGEST = sys.float_info.max
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?")


class AnswerType(Part):
    """What form an answer takes.

    Attributes:
        kind: The form; "text" without ``max_chars`` is an answer in the model's own words.
        choices: What there is to choose from, of "one_of" and "many_of".
        max_chars: Most characters of a "text".
        json_schema: What a "json" answer must fit, draft 2020-12; empty: any JSON.
    """

    kind: AnswerKind = "text"
    choices: tuple[str, ...] = ()
    max_chars: int | None = None
    json_schema: dict[str, JsonValue] = {}

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.kind in {"one_of", "many_of"}:
            least = 2 if self.kind == "one_of" else 1
            if len(self.choices) < least or not all(word.strip() for word in self.choices):
                raise ValueError(f"'{self._word}' needs at least {least} choices, none empty")
            if len({word.casefold() for word in self.choices}) < len(self.choices):
                raise ValueError(f"'{self._word}' has the same choice twice")
        elif self.choices:
            raise ValueError(f"'{self._word}' takes no choices")
        if self.max_chars is not None and (self.kind != "text" or self.max_chars < 1):
            raise ValueError("a most number of characters is for text, and at least 1")
        if self.json_schema and self.kind != "json":
            raise ValueError("a JSON schema is for 'json'")
        if self.kind == "json":
            _check_schema(self.json_schema)
        return self

    def __hash__(self) -> int:
        return hash(digest(self.model_dump(mode="json")))

    @property
    def is_plain(self) -> bool:
        """Whether the answer is free text, as long as it likes."""
        return self.kind == "text" and self.max_chars is None

    @property
    def _word(self) -> str:
        return {"yes_no": "yes/no", "one_of": "one of", "many_of": "many of"}.get(
            self.kind, self.kind
        )

    def __str__(self) -> str:
        if self.choices:
            return f"{self._word}: {', '.join(self.choices)}"
        return self._word if self.max_chars is None else f"text {self.max_chars}"

    def schema(self) -> dict[str, JsonValue]:  # type: ignore[override] # pydantic's is deprecated
        """The JSON schema of the value."""
        words: list[JsonValue] = list(self.choices)
        match self.kind:
            case "yes_no":
                return {"type": "boolean"}
            case "number":
                return {"type": "number"}
            case "one_of":
                return {"type": "string", "enum": words}
            case "many_of":
                items: JsonValue = {"type": "string", "enum": words}
                return {"type": "array", "items": items, "uniqueItems": True}
            case "json":
                return self.json_schema
            case "text":
                most = {} if self.max_chars is None else {"maxLength": self.max_chars}
                return {"type": "string", **most}

    def parse(self, text: str) -> JsonValue:
        """The value that a text stands for.

        That is a bool, an int or float, one of the choices, a list of them, JSON, or the text.
        Words may be in any case, in quotes, or end in a full stop; yes and no may be JSON's true
        and false, and many choices a JSON list or words between commas ("none": none of them).

        Raises:
            ValueError: The text is no such value.
        """
        text = text.strip()
        match self.kind:
            case "text":
                if self.max_chars is not None and len(text) > self.max_chars:
                    raise ValueError(f"the text has {len(text)} characters, not {self.max_chars}")
                return text
            case "json":
                return self._json(text)
            case "number":
                return _number(text)
            case "many_of":
                return self._many(text)
            case "yes_no":
                word = _bare(text)
                if word not in {"yes", "no", "true", "false"}:
                    raise ValueError(f"{_short(text)} is neither Yes nor No")
                return word in {"yes", "true"}
            case "one_of":
                return self._choice(text)

    def _choice(self, text: str) -> str:
        for word in self.choices:
            if text == word or _bare(text) == _bare(word):
                return word
        raise ValueError(f"{_short(text)} is none of {', '.join(self.choices)}")

    def _many(self, text: str) -> JsonValue:
        if text.startswith("["):
            try:
                given = json.loads(text)
            except ValueError as error:
                raise ValueError(f"{_short(text)} is no JSON list") from error
            if not all(isinstance(word, str) for word in given):
                raise ValueError(f"{_short(text)} is no list of texts")
        else:
            given = [] if _bare(text) in {"", "none"} else text.rstrip(".").split(",")
        found = {self._choice(word.strip()) for word in given}
        return [word for word in self.choices if word in found]

    def _json(self, text: str) -> JsonValue:
        import jsonschema

        try:
            value: JsonValue = json.loads(text, parse_constant=no_constant, parse_float=_finite)
        except ValueError as error:
            raise ValueError(f"{_short(text)} is not JSON: {error}") from error
        try:
            jsonschema.Draft202012Validator(self.json_schema).validate(value)
        except jsonschema.ValidationError as error:
            raise ValueError(f"the JSON does not fit its schema: {error.message}") from error
        return value


def _check_schema(schema: dict[str, JsonValue]) -> None:
    import jsonschema

    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        where = "/".join(map(str, error.path))
        raise ValueError(f"the JSON schema is wrong at '{where}': {error.message}") from None


def _number(text: str) -> int | float:
    text = text.removesuffix(".")
    if not _NUMBER.fullmatch(text) or not math.isfinite(float(text)):
        raise ValueError(f"{_short(text)} is no number")
    return float(text) if set(text) & set(".eE") else int(text)


def no_constant(name: str) -> None:
    """Refuses NaN and the infinities: ``parse_constant`` for :func:`json.loads`."""
    raise ValueError(f"{name} is no number in JSON")


def _finite(text: str) -> float:
    """The number, or the nearest that there is: 1e999 is JSON, but no float holds it."""
    return max(-_LARGEST, min(float(text), _LARGEST))


def _bare(text: str) -> str:
    return text.strip().strip("\"'").removesuffix(".").casefold()


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
