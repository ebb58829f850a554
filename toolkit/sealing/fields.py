"""Which fields of rows are sealed, and how a row looks then.

Sealed is what people said or could recognise: texts, titles, paths, links, names of people, what a
site told. Left plain is what rows are found by and counted with: ids, keys, times, numbers, the
names of plugins. A row stays a row of its kind, so that every store can keep it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from toolkit.errors import EncryptionError
from toolkit.records import (
    Answer,
    Failure,
    Record,
    Review,
    Run,
    RunSource,
    Scene,
    Source,
    Synthesis,
    Tag,
    Video,
)
from toolkit.vault.keys import SEALED, Vault

__all__ = ["FIELDS", "is_current", "opened", "sealed"]

R = TypeVar("R", bound=Record)
_NAME = "sealed"  # what an object's only value is called when it is sealed


@dataclass(frozen=True)
class _Turn:
    """Seals texts or opens them: what is done with a text, given the field it stands in."""

    opens: bool
    text: Callable[[str, str], str]


def _text(value: str, field: str, turn: _Turn) -> str:
    return turn.text(value, field) if value else value


def _texts(value: tuple[str, ...], field: str, turn: _Turn) -> tuple[str, ...]:
    return tuple(_text(one, field, turn) for one in value)


def _titled(name: str) -> Callable[[Any, str, _Turn], Any]:
    """Parts that have one field each that is a text."""

    def parts(value: tuple[Any, ...], field: str, turn: _Turn) -> tuple[Any, ...]:
        return tuple(
            part.model_copy(update={name: _text(getattr(part, name), field, turn)})
            for part in value
        )

    return parts


def _object(value: dict[str, Any], field: str, turn: _Turn) -> Any:
    if not value:
        return value
    if not turn.opens:
        return {_NAME: turn.text(json.dumps(value), field)}
    kept = str(value[_NAME]) if value.keys() == {_NAME} else ""
    # One that was never sealed is opened as the text it would have been.
    return json.loads(turn.text(kept if kept.startswith(SEALED) else json.dumps(value), field))


def _json(value: Any, field: str, turn: _Turn) -> Any:
    if value is None:
        return None
    if not turn.opens:
        return turn.text(json.dumps(value), field)
    is_sealed = isinstance(value, str) and value.startswith(SEALED)
    return json.loads(turn.text(value if is_sealed else json.dumps(value), field))


FIELDS: dict[type[Record], dict[str, Callable[[Any, str, _Turn], Any]]] = {
    Source: {"uri": _text, "requested_by": _text, "info": _object},
    Video: {"path": _text, "tags": _object, "chapters": _titled("title"), "info": _object},
    Scene: {"thumbnail": _text},
    Answer: {"name": _text, "text": _text, "value": _json},
    Tag: {"label": _text, "why": _text},
    Synthesis: {"name": _text, "text": _text, "statements": _titled("text")},
    Review: {"name": _text, "value": _json, "reviewer": _text},
    Failure: {"source": _text, "message": _text, "hint": _text},
    Run: {"sources": _texts, "settings": _object},
    RunSource: {"uri": _text},
}
"""Kind -> field -> how it is turned."""


def sealed(record: R, vault: Vault) -> R:
    """The row as it is kept."""
    return _turned(record, _Turn(False, lambda text, field: vault.seal(text, *_at(record, field))))


def opened(record: R, vault: Vault) -> R:
    """The row as it was; one that was never sealed comes back as it is.

    Raises:
        EncryptionError: It was sealed with another key, or was changed.
    """
    try:
        return _turned(
            record, _Turn(True, lambda text, field: vault.open(text, *_at(record, field)))
        )
    except ValueError as error:
        raise EncryptionError(f"A sealed {type(record).__name__} is damaged.") from error


def is_current(record: Record, vault: Vault) -> bool:
    """Whether all that is to be sealed of a kept row is, with the newest key."""
    texts: list[str] = []

    def look(text: str, _: str) -> str:
        texts.append(text)
        return "null"

    _turned(record, _Turn(True, look))
    return all(map(vault.current, texts))


def _at(record: Record, field: str) -> tuple[str, str, str]:
    return type(record).__name__, field, record.id


def _turned(record: R, turn: _Turn) -> R:
    fields = FIELDS.get(type(record))
    if not fields:
        return record
    return record.model_copy(
        update={name: way(getattr(record, name), name, turn) for name, way in fields.items()}
    )
