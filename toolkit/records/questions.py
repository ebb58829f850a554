"""Questions as people put them: their words, and the type of their answer."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError, model_serializer

from toolkit.errors import ConfigError
from toolkit.errors import choices as known
from toolkit.records.base import Part
from toolkit.records.types import AnswerType

__all__ = ["Question"]

_BRACKET = re.compile(r"(?P<text>.*?)\s*\[(?P<type>[^\[\]]*)\]", re.DOTALL)
_TEXT = re.compile(r"text(\s+(?P<most>\d+))?")
_Type = str | type[BaseModel] | AnswerType | Mapping[str, Any] | None
_FORMS = ("yes/no", "number", "text", "text 80", "one of: a, b", "many of: a, b", "json: FILE")


class Question(Part):
    """A question about every scene, and the type that its answer has.

        Question("How many people are there?", type="number")
        Question("What is the weather?", choices=["sun", "rain", "snow"])
        Question("Which of these are visible?", choices=["car", "bicycle"], many=True)
        Question("What does the sign say?", max_chars=80)
        Question("Describe the vehicle.", type=Vehicle)

    Args:
        text: The question's own words.
        type: "yes/no", "number", "text", a pydantic model, a JSON schema as a dict, or an
            :class:`AnswerType`; None: what the other arguments say, else text.
        choices: What there is to choose from.
        many: Whether several choices may apply.
        max_chars: Most characters of a text.

    Raises:
        ConfigError: There is no such type, or the arguments do not go together.
    """

    text: str
    type: AnswerType = AnswerType()

    def __init__(
        self,
        text: str,
        *,
        type: _Type = None,  # noqa: A002 - it is what people call it
        choices: Sequence[str] = (),
        many: bool = False,
        max_chars: int | None = None,
    ) -> None:
        if not text.strip():
            raise ConfigError("A question without words cannot be asked.")
        found = _type_of(text, type, tuple(choices), many, max_chars)
        data: dict[str, Any] = {"text": text.strip(), "type": found}
        super().__init__(**data)

    @classmethod
    def parse(cls, line: str, base: Path | None = None) -> Question:
        """The question of a line such as ``How many people? [number]``.

        Args:
            line: The words, and in brackets at the end the type: yes/no, number, text, text 80,
                one of: a, b, many of: a, b, or json: FILE. Without brackets the answer is text.
            base: Where a schema's relative path starts; None for the working folder.

        Raises:
            ConfigError: What is in the brackets is no type, or the schema cannot be read.
        """
        parts = _BRACKET.fullmatch(line.strip())
        if parts is None:
            return cls(line)
        text, form = parts["text"], parts["type"].strip()
        word, colon, rest = (part.strip() for part in form.partition(":"))
        match word.casefold():
            case "yes/no" | "number" | "text" if not colon:
                return cls(text, type=word.casefold())
            case "one of" | "many of" if colon:
                words = [choice.strip() for choice in rest.split(",")]
                return cls(text, choices=words, many=word.casefold() == "many of")
            case "json" if rest:
                return cls(text, type=_read_schema((base or Path.cwd()) / Path(rest).expanduser()))
        if most := _TEXT.fullmatch(form.casefold()):
            return cls(text, max_chars=int(most["most"]))
        raise ConfigError(
            f"'[{form}]' is no type of an answer, in the question '{line.strip()}'.",
            hint=_hint(form),
        )

    def __str__(self) -> str:
        return self.text if self.type.is_plain else f"{self.text} [{self.type}]"

    @model_serializer(mode="plain")
    def _written(self) -> str | dict[str, Any]:
        """As a line where a line can say it, for people read it in a run's settings."""
        try:
            if Question.parse(str(self)) == self:
                return str(self)
        except ConfigError:
            pass
        return {"text": self.text, "type": self.type.model_dump(mode="json")}


def _type_of(
    text: str,
    given: _Type,
    choices: tuple[str, ...],
    many: bool,
    max_chars: int | None,
) -> AnswerType:
    data: dict[str, Any]
    if isinstance(given, AnswerType):
        data = given.model_dump()
    elif isinstance(given, str):
        kinds = {"yes/no": "yes_no", "number": "number", "text": "text"}
        if given not in kinds:
            hint = known(given, [*kinds, "a JSON schema", "a pydantic model"])
            raise ConfigError(
                f"'{given}' is no type of an answer, in the question '{text}'.", hint=hint
            )
        data = {"kind": kinds[given]}
    elif isinstance(given, Mapping):
        is_type = given.get("kind") is not None and set(given) <= set(AnswerType.model_fields)
        data = dict(given) if is_type else {"kind": "json", "json_schema": dict(given)}
    elif given is not None:
        data = {"kind": "json", "json_schema": given.model_json_schema()}
    else:
        data = {"kind": ("many_of" if many else "one_of") if choices or many else "text"}
    if choices:
        data["choices"] = choices
    if max_chars is not None:
        data["max_chars"] = max_chars
    try:
        return AnswerType.model_validate(data)
    except ValidationError as error:
        reason = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise ConfigError(f"The question '{text}' has a wrong type: {reason}.") from error


def _hint(form: str) -> str:
    return known(form.casefold(), _FORMS) + " Brackets at the end of a question are its type."


def _read_schema(path: Path) -> dict[str, Any]:
    try:
        schema = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(
            f"The JSON schema {path} cannot be read: {reason}.",
            hint="Relative paths start at the config file's folder.",
            path=path,
        ) from error
    if not isinstance(schema, dict):
        raise ConfigError(f"The JSON schema {path} is no JSON object.", path=path)
    return schema
