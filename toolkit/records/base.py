"""What records are: frozen, self-checking, with an identity that comes from content."""

from __future__ import annotations

import hashlib
import json
import uuid
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, JsonValue

__all__ = ["Part", "Record", "digest", "new_id", "now"]


def digest(*parts: JsonValue) -> str:
    """A 128-bit name for JSON values, as 32 hex digits: equal values, equal name."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def new_id() -> str:
    """A random id, sortable by the moment it was made (12 hex digits of time, 8 of chance)."""
    return f"{int(now().timestamp() * 1000):012x}{uuid.uuid4().hex[:8]}"


def now() -> datetime:
    """The moment, in UTC."""
    return datetime.now(UTC)


class Part(BaseModel):
    """A value inside a record."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Record(Part):
    """A row: something with an identity."""

    id: str
