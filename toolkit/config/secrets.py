"""What must not be shown, and how it is taken out of a text.

A value that came through ``${VAR}`` or stands in a ``SecretStr`` option is a secret. A process
remembers every secret it has read, and everything it prints, logs, raises or stores passes
through :func:`redact`.
"""

from __future__ import annotations

import json
import threading
from typing import TypeVar
from urllib.parse import quote

from pydantic import BaseModel, JsonValue, SecretStr

__all__ = ["MASK", "Discreet", "known", "redact", "redact_json", "remember", "remember_all"]

MASK = "***"
_SHORTEST = 4  # a shorter "secret" (1, yes, cpu) would blank out half of every text
_lock = threading.Lock()
_secrets: set[str] = set()
J = TypeVar("J", bound=JsonValue)


def remember(secret: str) -> None:
    """Never show this value again, nor as it looks in a repr, in JSON or in a link."""
    if len(secret) < _SHORTEST:
        return
    forms = {secret, repr(secret)[1:-1], json.dumps(secret)[1:-1], quote(secret, safe="")}
    with _lock:
        _secrets.update(forms)


def remember_all(model: BaseModel) -> None:
    """Remember every ``SecretStr`` of a model."""
    for value in dict(model).values():
        if isinstance(value, SecretStr):
            remember(value.get_secret_value())


def known() -> frozenset[str]:
    """Every value that must not be shown, for a process elsewhere that must not show it either."""
    with _lock:
        return frozenset(_secrets)


def redact(text: str) -> str:
    """The text with every secret that this process has read replaced by ``***``."""
    with _lock:
        known = sorted(_secrets, key=len, reverse=True)
    for secret in known:
        text = text.replace(secret, MASK)
    return text


def redact_json(value: JsonValue) -> JsonValue:
    """The same for a JSON value, keys left as they are."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list):
        return [redact_json(item) for item in value]
    if isinstance(value, dict):
        return {key: redact_json(item) for key, item in value.items()}
    return value


class Discreet(BaseModel):
    """A model whose repr shows no secret."""

    def __repr_str__(self, join_str: str) -> str:
        return redact(super().__repr_str__(join_str))  # type: ignore[misc]
