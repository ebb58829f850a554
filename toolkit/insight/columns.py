"""Record fields -> Polars types, so that a frame without rows has the columns of one with many."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin

from pydantic import BaseModel, JsonValue

if TYPE_CHECKING:
    import polars as pl

__all__ = ["as_json", "dtype", "frame", "free", "of_one_type", "place", "schema", "struct"]


def schema(kind: type[BaseModel], *, leave_out: Sequence[str] = ()) -> dict[str, pl.DataType]:
    """The columns of a record's fields."""
    fields = kind.model_fields.items()
    return {name: dtype(info.annotation) for name, info in fields if name not in leave_out}


def place() -> dict[str, pl.DataType]:
    """The first columns of every frame whose rows lie in a video: which, and where in it."""
    import polars as pl

    return {
        "video_id": pl.String(),
        "title": pl.String(),
        "path": pl.String(),
        "index": pl.Int64(),
        "start_s": pl.Float64(),
        "end_s": pl.Float64(),
    }


def dtype(annotation: Any) -> pl.DataType:
    """The Polars type of a field's type; what has none of its own becomes a string."""
    import polars as pl

    parts = get_args(annotation)
    if get_origin(annotation) in (Union, UnionType):
        (annotation,) = [part for part in parts if part is not NoneType]
        return dtype(annotation)
    if get_origin(annotation) is tuple:
        return pl.List(dtype(parts[0]))
    if get_origin(annotation) is dict:
        return pl.List(pl.Struct({"key": pl.String(), "value": dtype(parts[1])}))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return pl.Struct(schema(annotation))
    plain: dict[Any, pl.DataType] = {
        int: pl.Int64(),
        float: pl.Float64(),
        bool: pl.Boolean(),
        datetime: pl.Datetime("us", "UTC"),
    }
    return plain.get(annotation, pl.String())


def struct(
    rows: Sequence[dict[str, JsonValue]],
) -> tuple[list[dict[str, JsonValue] | None], pl.DataType]:
    """Flat JSON objects as the values of one struct column, and its type.

    A field has the type of its values; where they differ or are nested, they become JSON text. An
    object without fields is null. If all are, so is the type: Polars cannot write a struct without
    fields to a Parquet file.
    """
    import polars as pl

    kinds: dict[str, set[type]] = {}
    for row in rows:
        for name, value in row.items():
            kinds.setdefault(name, set()).add(type(value))
    mixed: dict[str, bool] = {}
    types: dict[str, pl.DataType] = {}
    for name, seen in kinds.items():
        seen.discard(NoneType)
        common = float if seen == {int, float} else next(iter(seen), str)
        mixed[name] = len(seen - {int} if common is float else seen) > 1 or common in (list, dict)
        types[name] = pl.String() if mixed[name] else dtype(common)
    values = [
        {n: as_json(v) if mixed[n] and v is not None else v for n, v in row.items()} or None
        for row in rows
    ]
    return values, pl.Struct(types) if types else pl.Null()


def of_one_type(values: Sequence[JsonValue]) -> tuple[list[Any], pl.DataType]:
    """JSON values as those of one column, and its type.

    Bools, numbers, texts and lists of texts keep their type, whole numbers as integers where all
    are. Anything else, and values of several types, become text: JSON where they are no text.
    """
    import polars as pl

    seen = {type(value) for value in values if value is not None}
    if seen <= {int, float} and seen:
        kind: type = float if float in seen else int
        return [None if value is None else kind(value) for value in values], dtype(kind)
    if seen == {bool}:
        return list(values), pl.Boolean()
    lists = [value for value in values if isinstance(value, list)]
    if seen == {list} and all(isinstance(item, str) for each in lists for item in each):
        return list(values), pl.List(pl.String())
    texts = [
        value if value is None or isinstance(value, str) else as_json(value) for value in values
    ]
    return texts, pl.String()


def as_json(value: JsonValue) -> str:
    """A value as a line of JSON."""
    return json.dumps(value, ensure_ascii=False)


def free(question: str, taken: Collection[str]) -> str:
    """The name of a question's column: its words, unless another column has that name."""
    return f"{question} (question)" if question in taken else question


def frame(rows: Sequence[Sequence[Any]], schema: dict[str, pl.DataType]) -> pl.DataFrame:
    """Rows, each with a value for every column, as a frame of these columns."""
    import polars as pl

    series = []
    for i, (name, dtype) in enumerate(schema.items()):
        series.append(pl.Series(name, [row[i] for row in rows], dtype))
    return pl.DataFrame(series)
