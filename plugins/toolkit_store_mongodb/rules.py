"""What a server lets into a collection: documents whose fields have the types of the record's.

The toolkit writes nothing else; the rules are for all other programs that may write there. They say
nothing of fields that they do not know, nor which words a field may hold: a newer toolkit may have
more of both, and an older one beside it must not keep it from writing.
"""

from __future__ import annotations

from datetime import datetime
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from toolkit.records import Record

__all__ = ["CLOSED", "lacking", "validator"]

_TITLE = "video-analysis-toolkit"
_WHOLE = ["int", "long"]
_PLAIN: dict[Any, list[str]] = {
    str: ["string"],
    bool: ["bool"],
    int: _WHOLE,
    float: ["double", *_WHOLE],  # other clients write 1 where they mean 1.0
    datetime: ["date"],
}

CLOSED: dict[str, Any] = {"$jsonSchema": {"title": _TITLE, "required": ["toolkit_closed"]}}
"""Rules that no record keeps; where a process died with them on, the next one mends them."""


def validator(kind: type[Record]) -> dict[str, Any]:
    """The rules of a kind's collection, https://www.mongodb.com/docs/manual/core/schema-validation."""
    rules = _object(kind)
    rules["properties"] = {k: v for k, v in rules["properties"].items() if k != "id"}
    rules["properties"]["seq"] = {"bsonType": _WHOLE}
    required = [field for field in rules.get("required", ()) if field != "id"]
    rules["required"] = [*required, "seq"]
    return {"$jsonSchema": {"title": _TITLE, **rules}}


def lacking(wanted: dict[str, Any], there: dict[str, Any]) -> bool:
    """Whether a collection has no rules, or the toolkit's own without some of those wanted.

    Rules that somebody else made are left alone.
    """
    if not there:
        return True
    ours = there.get("$jsonSchema", {})
    if ours.get("title") != _TITLE:
        return False
    known = ours.get("properties", {})
    return any(known.get(k) != v for k, v in wanted["$jsonSchema"]["properties"].items())


def _object(model: type[BaseModel]) -> dict[str, Any]:
    fields = model.model_fields
    rules: dict[str, Any] = {
        "bsonType": ["object"],
        "properties": {name: _field(info.annotation) for name, info in fields.items()},
    }
    if required := [name for name, info in fields.items() if info.is_required()]:
        rules["required"] = required
    return rules


def _field(annotation: Any) -> dict[str, Any]:
    """The rules of a field with this type; none for JSON values."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        none = [{"bsonType": ["null"]}] if NoneType in parts else []
        some = [_field(part) for part in parts if part is not NoneType]
        if len(some) > 1:
            return {"anyOf": [*some, *none]}
        (rules,) = some
        return {**rules, "bsonType": [*rules["bsonType"], *(["null"] if none else [])]}
    if annotation in _PLAIN:
        return {"bsonType": _PLAIN[annotation]}
    if origin is Literal:
        return {"bsonType": ["string"]}
    if origin is tuple:
        of_one = parts[-1] is Ellipsis
        return {"bsonType": ["array"], **({"items": _field(parts[0])} if of_one else {})}
    if origin is dict:
        return {"bsonType": ["object"]}
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _object(annotation)
    return {}
