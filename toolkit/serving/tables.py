"""A run's frames as JSON and as an Arrow stream."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, Field, JsonValue
from pydantic_core import to_json
from starlette.responses import Response

from toolkit.config.secrets import redact_json

if TYPE_CHECKING:
    import polars as pl

__all__ = ["ARROW", "Form", "Rows", "answer"]

ARROW = "application/vnd.apache.arrow.stream"
Form = Literal["json", "arrow"]
_ROWS = 100


class Rows(BaseModel):
    """Some rows of a table, and how many it has."""

    total: int = Field(ge=0)
    rows: list[dict[str, JsonValue]]


def answer(frame: pl.DataFrame, form: Form, offset: int, limit: int | None) -> Response:
    """Rows of a frame.

    Args:
        frame: The frame.
        form: "json", or "arrow" for the IPC streaming format.
        offset: Rows to leave out first.
        limit: Most rows; None for 100 as JSON, and for all as Arrow.
    """
    if limit is None and form == "json":
        limit = _ROWS
    part = frame.slice(offset, limit)
    if form == "arrow":
        return Response(_arrow(part), media_type=ARROW)
    rows = [redact_json(row) for row in part.iter_rows(named=True)]
    body = to_json({"total": frame.height, "rows": rows}, inf_nan_mode="null")
    return Response(body, media_type="application/json")


def _arrow(frame: pl.DataFrame) -> bytes:
    import polars as pl

    data = io.BytesIO()
    # Text as all readers of Arrow know it, not as Polars has it in memory.
    frame.write_ipc_stream(data, compat_level=pl.CompatLevel.oldest())
    return data.getvalue()
