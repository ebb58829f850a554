"""Records <-> documents: a collection a kind, a field a field, in the types that MongoDB has.

Three things need help. BSON's moments have milliseconds: the rest is kept in ``micros``. Names of
fields must not hold what MongoDB reads as more than a name. And ``words`` holds the stems of what
people read, for search.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import NoneType, UnionType
from typing import Any, Generic, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel

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
from toolkit_store_mongodb.words import stems

__all__ = ["INDEXES", "NAMES", "SPOKEN", "Shape", "shape"]

# In the order they are written: where a server knows no transactions, what speaks for others (a
# scan is complete, a source is this video) comes after them.
NAMES: dict[type[Record], str] = {
    Video: "videos",
    Scene: "scenes",
    Answer: "answers",
    Tag: "tags",
    Synthesis: "syntheses",
    Review: "reviews",
    Failure: "failures",
    Source: "sources",
    Completion: "completions",
    RunSource: "run_sources",
    Run: "runs",
}
INDEXES: dict[type[Record], tuple[tuple[str, ...], ...]] = {
    Video: (("path",), ("seq",)),
    Scene: (("video_id", "index", "seq"),),
    Answer: (("scene_id",), ("video_id", "analyzer", "ask"), ("words",), ("seq",)),
    Tag: (("scene_id",), ("video_id", "generation"), ("label",), ("seq",)),
    Synthesis: (("video_id", "generation"), ("words",), ("seq",)),
    Review: (("video_id",), ("words",), ("seq",)),
    Failure: (("run_id",), ("video_id",), ("seq",)),
    Source: (("uri",), ("video_id",), ("seq",)),
    Completion: (("item_id", "stage", "key"), ("seq",)),
    RunSource: (("run_id",), ("source_id",), ("video_id",), ("seq",)),
    Run: (("status",), ("seq",)),
}
"""The fields of indexes; the last one of a kind has its documents in their order."""
SPOKEN = ("description", "question", "summary", "chapters")
"""The kinds of answers and syntheses that people read and search."""

R = TypeVar("R", bound=Record)
_AT_ONCE = 10_000  # a query, like a document, has 16 MiB at most
_DEEPEST = 100  # a server's own limit is near 200, a driver's in another language may be lower
_UNSAFE = re.compile(r"[%.\0]|^\$")
_ESCAPED = re.compile(r"%(00|24|25|2E)")


@dataclass(frozen=True)
class Shape(Generic[R]):
    """How a kind of record looks as a document.

    Attributes:
        kind: The kind.
        name: Its collection.
        moments: The fields that are moments.
        nested: The fields that hold objects with any names in them.
    """

    kind: type[R]
    name: str
    moments: tuple[str, ...]
    nested: tuple[str, ...]

    def document(self, record: R) -> dict[str, Any]:
        """All of a record but its id."""
        data = record.model_dump()
        del data["id"]
        for field in self.nested:
            data[field] = _escaped(data[field])
        moments = {field: data[field] for field in self.moments if data[field] is not None}
        data.update({field: at.astimezone(UTC) for field, at in moments.items()})
        if self.moments:
            data["micros"] = {field: at.microsecond % 1000 for field, at in moments.items()}
        if isinstance(record, Answer | Synthesis):
            data["words"] = stems(record.text) if record.kind in SPOKEN else []
        if isinstance(record, Review):
            data["words"] = stems(_said(record))
        return data

    def record(self, document: dict[str, Any]) -> R:
        """The record of a document; a field that is newer than the document has its default.

        Raises:
            StoreError: It does not make one.
        """
        data = {field: document[field] for field in self.kind.model_fields if field in document}
        data["id"] = document["_id"]
        micros = document.get("micros", {})
        try:
            for field in data.keys() & set(self.nested):
                data[field] = _unescaped(data[field])
            for field, rest in micros.items():
                data[field] += timedelta(microseconds=rest)
            return self.kind.model_validate(data)
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
            raise StoreError(
                f"The collection '{self.name}' holds a document that is no {self.kind.__name__}: "
                f"{document['_id']!r} ({type(error).__name__}: {error})",
                hint="It was probably edited by hand: mend or delete it.",
            ) from error

    @property
    def order(self) -> tuple[str, ...]:
        """The fields that documents are sorted by."""
        return INDEXES[self.kind][-1]

    def index(self, where: Collection[str]) -> str:
        """The name of the index to ask with conditions on these fields.

        It is named, because the server may choose to walk through all documents in their order
        where the first few hundred that it tries all fit.
        """
        if "id" in where:
            return "_id_"

        def covered(fields: tuple[str, ...]) -> int:
            return next((i for i, one in enumerate(fields) if one not in where), len(fields))

        best = max(INDEXES[self.kind], key=covered)
        return "_".join(f"{field}_1" for field in (best if covered(best) else self.order))

    def queries(self, where: Mapping[str, Where]) -> Iterator[dict[str, Any]]:
        """Filters that together match what fits, no document twice.

        One is enough unless a collection holds more values than a query can.

        Raises:
            StoreError: The kind has no such field.
        """
        clauses: list[dict[str, Any]] = []
        long: dict[str, list[Any]] = {}
        for field, wanted in where.items():
            if field not in self.kind.model_fields:
                raise StoreError(
                    f"A {self.kind.__name__} has no field '{field}'.",
                    hint=choices(field, self.kind.model_fields),
                    field=field,
                )
            if wanted is None or isinstance(wanted, (str, int, float, datetime)):
                clauses.append(self._equals(field, wanted))
            else:
                long[field] = list(dict.fromkeys(wanted))
        if not long:
            yield {"$and": clauses} if clauses else {}
            return
        if not all(long.values()):
            return
        longest = max(long, key=lambda field: len(long[field]))
        values = long.pop(longest)
        clauses += [self._among(field, others) for field, others in long.items()]
        for i in range(0, len(values), _AT_ONCE):
            yield {"$and": [*clauses, self._among(longest, values[i : i + _AT_ONCE])]}

    def _equals(self, field: str, value: Any) -> dict[str, Any]:
        if isinstance(value, datetime):
            at = value.astimezone(UTC)
            return {field: {"$eq": at}, f"micros.{field}": at.microsecond % 1000}
        return {_stored(field): {"$eq": value}}

    def _among(self, field: str, values: list[Any]) -> dict[str, Any]:
        if field in self.moments:
            return {"$or": [self._equals(field, value) for value in values]}
        return {_stored(field): {"$in": values}}


def shape(kind: type[R]) -> Shape[R]:
    """How this kind looks.

    Raises:
        StoreError: Records of this kind are not kept in a store.
    """
    found = _SHAPES.get(kind)
    if found is None:
        known = choices(kind.__name__, (one.__name__ for one in NAMES))
        raise StoreError(f"A store does not hold records of the kind {kind.__name__}.", hint=known)
    return found


def _said(review: Review) -> str:
    """What a review has a scene say, as far as it is text."""
    is_told = review.target in ("description", "answer") and review.scene_id is not None
    is_text = isinstance(review.value, str) and review.action in ("accept", "edit", "add")
    return str(review.value) if is_told and is_text else ""


def _stored(field: str) -> str:
    return "_id" if field == "id" else field


def _escaped(value: Any, depth: int = 0) -> Any:
    """The value, its names without what means something to MongoDB: ``$`` at the start, ``.``, NUL.

    Raises:
        StoreError: It is nested too deep.
    """
    if depth > _DEEPEST:
        raise StoreError(
            f"A value has lists or objects more than {_DEEPEST} deep inside one another.",
            hint="MongoDB does not take that: make it flatter.",
        )
    if isinstance(value, dict):
        return {
            _UNSAFE.sub(lambda match: f"%{ord(match[0]):02X}", name): _escaped(inner, depth + 1)
            for name, inner in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_escaped(inner, depth + 1) for inner in value]
    return value


def _unescaped(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            _ESCAPED.sub(lambda match: chr(int(match[1], 16)), name): _unescaped(inner)
            for name, inner in value.items()
        }
    return [_unescaped(inner) for inner in value] if isinstance(value, list) else value


def _shape(kind: type[R]) -> Shape[R]:
    moments, nested = [], []
    for field, info in kind.model_fields.items():
        parts = {info.annotation}
        if get_origin(info.annotation) in (Union, UnionType):
            parts = set(get_args(info.annotation))
        parts.discard(NoneType)
        if parts == {datetime}:
            moments.append(field)
        elif not _is_named(info.annotation):
            nested.append(field)
    return Shape(kind, NAMES[kind], tuple(moments), tuple(nested))


def _is_named(annotation: Any) -> bool:
    """Whether all names inside of a value with this type are those of fields of ours."""
    origin = get_origin(annotation)
    if origin in (Union, UnionType, tuple):
        return all(part in (NoneType, Ellipsis) or _is_named(part) for part in get_args(annotation))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return all(_is_named(info.annotation) for info in annotation.model_fields.values())
    return annotation in (str, int, float, bool) or origin is Literal


_SHAPES: dict[type[Record], Shape[Any]] = {kind: _shape(kind) for kind in NAMES}
