"""Frames as files: Parquet with every type, CSV for spreadsheets."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.insight import agreement, frames, videos
from toolkit.records import Run
from toolkit.stages.store import Store

if TYPE_CHECKING:
    import polars as pl

__all__ = ["TABLES", "write_csv", "write_parquet"]

TABLES: dict[str, Callable[[Store, Run], pl.DataFrame]] = {
    "scenes": frames.scenes,
    "answers": frames.answers,
    "tags": frames.tags,
    "videos": videos.videos,
    "chapters": videos.chapters,
    "statements": videos.statements,
    "failures": frames.failures,
    "reviews": agreement.reviews,
}
"""The frames of a run, by the name that its handle has for them."""

# What spreadsheets take for a formula, https://owasp.org/www-community/attacks/CSV_Injection, and
# the mark itself, so that a reader may take off every one.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "'")


def write_parquet(frame: pl.DataFrame, to: Path) -> None:
    """Write a frame with the types that it has."""
    frame.write_parquet(to)


def write_csv(frame: pl.DataFrame, to: Path) -> None:
    """Write a frame for spreadsheets: nested values as JSON; null is empty, no text is ``""``.

    Text that a spreadsheet would compute gets a ``'`` in front, and so does text that begins with
    one: a ``'`` at the front never belongs to the text.
    """
    import polars as pl

    flat = []
    for series in frame:
        values: list[Any] = series.to_list()
        if series.dtype.is_nested() or series.dtype == pl.Object:
            texts = [None if value is None else _json(value) for value in values]
        elif series.dtype == pl.String:
            texts = [None if value is None else _harmless(value) for value in values]
        else:
            flat.append(series.alias(_harmless(series.name)))
            continue
        flat.append(pl.Series(_harmless(series.name), texts, pl.String()))
    pl.DataFrame(flat).write_csv(to)


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
