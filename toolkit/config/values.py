"""Values of several parts, as people write them in a config file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ValidationInfo

from toolkit.errors import ConfigError
from toolkit.records import Question

__all__ = ["Lines", "Questions", "Unwanted", "Uploads", "Words", "split"]


def split(value: Any) -> Any:
    """A text as its parts, between commas or lines; anything else as it is."""
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.replace(",", "\n").splitlines() if part.strip())


def _lines(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.splitlines() if part.strip())


def _ask(value: Any, info: ValidationInfo) -> Any:
    """Lines into questions; the context knows where a schema's relative path starts."""
    base = (info.context or {}).get("base")
    if isinstance(value, str):
        value = [line for line in value.splitlines() if line.strip()]
    if not isinstance(value, list | tuple):
        return value
    try:
        found = [_question(one, base) for one in value]
    except ConfigError as error:
        raise ValueError(f"{error.message} {error.hint or ''}".strip()) from error
    # Of two with the same words the later one has the say.
    return tuple({question.text: question for question in found}.values())


def _question(given: Any, base: Path | None) -> Question:
    if isinstance(given, str):
        return Question.parse(given, base)
    return Question.model_validate(given)


Words = Annotated[tuple[str, ...], BeforeValidator(split)]
"""Several values, separated by commas or lines."""
Lines = Annotated[tuple[str, ...], BeforeValidator(_lines)]
"""Several values, one a line."""
Questions = Annotated[tuple[Question, ...], BeforeValidator(_ask)]
"""Questions, one a line, each with its type in brackets at its end."""
Unwanted = Annotated[tuple[Literal["black", "blurred", "duplicate"], ...], BeforeValidator(split)]
"""Kinds of frames that are not worth a look."""
Uploads = Annotated[
    tuple[Literal["originals", "clips", "thumbnails", "exports"], ...], BeforeValidator(split)
]
"""Kinds of files that a run has."""
