"""Records <-> rows: which table and columns a kind of record has, and how values are written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from operator import attrgetter
from types import NoneType, UnionType
from typing import Any, Generic, Literal, TypeVar, Union, get_args, get_origin

from pydantic_core import from_json, to_json

from toolkit.errors import StoreError, choices
from toolkit.records import (
    Answer,
    Completion,
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
from toolkit.stages.store import Where

__all__ = ["NAMES", "Table", "table"]

NAMES: dict[type[Record], str] = {
    Source: "sources",
    Video: "videos",
    Scene: "scenes",
    Answer: "answers",
    Tag: "tags",
    Synthesis: "syntheses",
    Review: "reviews",
    Completion: "completions",
    Failure: "failures",
    Run: "runs",
    RunSource: "run_sources",
}
R = TypeVar("R", bound=Record)


def _moment(value: Any) -> Any:
    # Of fixed length, so that text order is order in time.
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return value


def _nested(value: Any) -> str | None:
    return None if value is None else to_json(value).decode()


def _plain(value: Any) -> Any:
    return value


def _writer(annotation: Any) -> Callable[[Any], Any]:
    """How a field with this type is written: as it is, as a moment, or as JSON text."""
    parts = {annotation}
    if get_origin(annotation) in (Union, UnionType):
        parts = set(get_args(annotation))
    parts.discard(NoneType)
    if parts == {datetime}:
        return _moment
    if all(part in (str, int, float, bool) or get_origin(part) is Literal for part in parts):
        return _plain
    return _nested


@dataclass(frozen=True)
class Table(Generic[R]):
    """A kind of record as a table: its SQL, and the way in and out.

    All names in the SQL are those of tables and fields here, never input.
    """

    kind: type[R]
    name: str
    writers: Mapping[str, Callable[[Any], Any]]

    @property
    def columns(self) -> str:
        """The columns, quoted, in the order of the fields."""
        return ", ".join(f'"{field}"' for field in self.writers)

    @property
    def total(self) -> str:
        """The query for the number of rows, to be followed by a WHERE clause."""
        return f"SELECT count(*) FROM {self.name}"  # noqa: S608

    @property
    def removal(self) -> str:
        """The statement that deletes rows, to be followed by a WHERE clause."""
        return f"DELETE FROM {self.name}"  # noqa: S608 - a name of our own

    @property
    def upsert(self) -> str:
        """Insert a row, or update the row with its id in place, so that the order stays."""
        updates = ", ".join(f'"{f}" = excluded."{f}"' for f in self.writers if f != "id")
        holes = ", ".join("?" for _ in self.writers)
        return (
            f"INSERT INTO {self.name} ({self.columns}) VALUES ({holes}) "  # noqa: S608
            f"ON CONFLICT (id) DO UPDATE SET {updates}"
        )

    def select(self, where: str) -> str:
        """The query for rows; scenes by video and index, others in the order first saved."""
        order = 'video_id, "index", seq' if self.kind is Scene else "seq"
        return f"SELECT {self.columns} FROM {self.name} {where} ORDER BY {order}"  # noqa: S608

    def row(self, record: R) -> tuple[Any, ...]:
        """A record's values, in the order of the columns."""
        values = list(attrgetter(*self.writers)(record))
        for i, write in self._writing:
            values[i] = write(values[i])
        return tuple(values)

    @cached_property
    def _writing(self) -> list[tuple[int, Callable[[Any], Any]]]:
        """The places of the columns whose values are not written as they are."""
        writers = enumerate(self.writers.values())
        return [(i, write) for i, write in writers if write is not _plain]

    def records(self, rows: Iterable[Sequence[Any]]) -> list[R]:
        """The records of rows that hold :attr:`columns`.

        Raises:
            StoreError: A row does not make a record.
        """
        fields = tuple(self.writers)
        nested = [i for i, field in enumerate(fields) if self.writers[field] is _nested]
        found = []
        try:
            for row in rows:
                values = list(row)
                for i in nested:
                    if values[i] is not None:
                        values[i] = from_json(values[i])
                found.append(self.kind.model_validate(dict(zip(fields, values, strict=True))))
        except ValueError as error:
            raise StoreError(
                f"The table '{self.name}' holds a row that is no {self.kind.__name__}: {error}",
                hint="It was probably edited by hand: mend or delete it.",
            ) from error
        return found

    def where(self, conditions: Mapping[str, Where]) -> tuple[str, list[Any]]:
        """The WHERE clause and its values; a collection is one JSON value however long it is.

        Raises:
            StoreError: The kind has no such field.
        """
        clauses, values = [], []
        for field, wanted in conditions.items():
            write = self.writers.get(field)
            if write is None:
                raise StoreError(
                    f"A {self.kind.__name__} has no field '{field}'.",
                    hint=choices(field, self.writers),
                    field=field,
                )
            if wanted is None:
                clauses.append(f'"{field}" IS NULL')
            elif isinstance(wanted, (str, int, float, datetime)):
                clauses.append(f'"{field}" = ?')
                values.append(write(wanted))
            else:
                clauses.append(f'"{field}" IN (SELECT value FROM json_each(?))')  # noqa: S608
                values.append(json.dumps([write(value) for value in wanted]))
        return (f"WHERE {' AND '.join(clauses)}" if clauses else ""), values


def table(kind: type[R]) -> Table[R]:
    """The table of a kind.

    Raises:
        StoreError: Records of this kind are not kept in a store.
    """
    found = _TABLES.get(kind)
    if found is None:
        known = choices(kind.__name__, (one.__name__ for one in NAMES))
        raise StoreError(f"A store does not hold records of the kind {kind.__name__}.", hint=known)
    return found


_TABLES: dict[type[Record], Table[Any]] = {
    kind: Table(
        kind,
        name,
        {field: _writer(info.annotation) for field, info in kind.model_fields.items()},
    )
    for kind, name in NAMES.items()
}
