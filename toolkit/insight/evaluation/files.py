"""Truth files: JSON lines or CSV, read whole or not at all."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from toolkit.errors import TruthError, choices
from toolkit.insight.evaluation.truth import Truth, TruthRow
from toolkit.records.types import no_constant

__all__ = ["read_truth"]

_ANSWER = "answer:"
_LISTS = ("labels", "without")
_SHOWN = 5


class _MistakeError(Exception):
    """What is wrong with a line."""


def read_truth(path: Path) -> Truth:
    """The truth of a ``.jsonl`` or ``.csv`` file, see docs/evaluation.md.

    Raises:
        TruthError: It cannot be read or has mistakes; the message names the lines.
    """
    readers = {".jsonl": _json_lines, ".csv": _csv_lines}
    read = readers.get(path.suffix.lower())
    if read is None:
        raise TruthError(
            f"The truth file {path} is neither .jsonl nor .csv.",
            hint="docs/evaluation.md says how one is written.",
            path=path,
        )
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        reason = error.strerror or str(error)
        raise TruthError(f"The truth file {path} cannot be read: {reason}.", path=path) from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise TruthError(f"{path.name}, line {line}: it is not UTF-8.", path=path) from error
    rows: list[TruthRow] = []
    lines: dict[tuple[object, ...], int] = {}
    mistakes: list[tuple[int, str]] = []
    for line, data in read(text):
        try:
            row = _row(data)
            place = (row.video, row.start_s, row.end_s)
            if place in lines:
                raise _MistakeError(f"it is about the same stretch as line {lines[place]}")
        except _MistakeError as mistake:
            mistakes.append((line, str(mistake)))
            continue
        lines[place] = line
        rows.append(row)
    if mistakes:
        raise _refused(path, mistakes)
    if not rows:
        raise TruthError(f"The truth file {path} says nothing: it has no rows.", path=path)
    return Truth(tuple(rows), path.name)


def _refused(path: Path, mistakes: list[tuple[int, str]]) -> TruthError:
    shown = "; ".join(f"line {line}: {reason}" for line, reason in mistakes[:_SHOWN])
    more = f"; and {len(mistakes) - _SHOWN} more" if len(mistakes) > _SHOWN else ""
    return TruthError(
        f"{path.name}, {shown}{more}.",
        hint="Nothing of the file was used.",
        path=path,
        lines=[line for line, _ in mistakes],
    )


def _row(data: dict[str, Any] | _MistakeError) -> TruthRow:
    if isinstance(data, _MistakeError):
        raise data
    unknown = next((name for name in data if name not in TruthRow.model_fields), None)
    if unknown is not None:
        hint = choices(unknown, TruthRow.model_fields).removesuffix(".")
        raise _MistakeError(f"'{unknown}' is no field ({hint})")
    for name in _LISTS:
        value = data.get(name)
        if isinstance(value, list) and not all(isinstance(v, str) and v.strip() for v in value):
            raise _MistakeError(f"{name} holds what is no label")
    try:
        return TruthRow.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        reason = first["msg"].removeprefix("Value error, ")
        field = ".".join(map(str, first["loc"]))
        if not field:
            raise _MistakeError(reason) from None
        if first["type"] == "missing":
            raise _MistakeError(f"{field} is missing") from None
        given = repr(first["input"])
        given = given if len(given) <= 60 else f"{given[:57]}..."
        raise _MistakeError(f"{field} is {given}: {reason[:1].lower()}{reason[1:]}") from None


def _json_lines(text: str) -> Iterator[tuple[int, dict[str, Any] | _MistakeError]]:
    for line, words in enumerate(text.split("\n"), start=1):
        if not words.strip():
            continue
        try:
            data = json.loads(words, parse_constant=no_constant, object_pairs_hook=_once)
        except (ValueError, RecursionError) as error:
            yield line, _MistakeError(f"it is no JSON that can be used ({error})")
            continue
        if isinstance(data, dict):
            yield line, data
        else:
            yield line, _MistakeError("it is no JSON object")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"'{twice}' is there twice")
    return data


def _csv_lines(text: str) -> Iterator[tuple[int, dict[str, Any] | _MistakeError]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    head: list[str] | None = None
    line = 0
    while True:
        line = reader.line_num + 1  # a quoted cell may go over several lines: this is the first
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield line, _MistakeError(f"it is no CSV that can be used ({error})")
            return
        if cells is None:
            return
        if not any(cell.strip() for cell in cells):
            continue
        if head is None:
            head = [name.strip() for name in cells]
            mistake = _wrong_head(head)
            if mistake:
                yield line, mistake
                return
        elif len(cells) != len(head):
            yield line, _MistakeError(f"it has {len(cells)} cells, and the head {len(head)}")
        else:
            yield line, _of_cells(dict(zip(head, map(str.strip, cells), strict=True)))


def _wrong_head(head: list[str]) -> _MistakeError | None:
    known = set(TruthRow.model_fields) - {"answers", "wrong_answers"}
    for name in head:
        if head.count(name) > 1:
            return _MistakeError(f"the column '{name}' is there twice")
        if name not in known and not name.removeprefix(_ANSWER).strip():
            return _MistakeError("a column has no name")
        if name not in known and not name.startswith(_ANSWER):
            hint = choices(name, [*known, "answer:QUESTION"]).removesuffix(".")
            return _MistakeError(f"'{name}' is no column ({hint})")
    return None if "video" in head else _MistakeError("there is no column 'video'")


def _of_cells(cells: dict[str, str]) -> dict[str, Any]:
    """A row's data; an empty cell says nothing, and "-" that there is none."""
    data: dict[str, Any] = {}
    answers: dict[str, Any] = {}
    for name, cell in cells.items():
        if not cell:
            continue
        if name.startswith(_ANSWER):
            answers[name.removeprefix(_ANSWER).strip()] = None if cell == "-" else cell
        elif name in _LISTS:
            data[name] = [] if cell == "-" else [word.strip() for word in cell.split(";")]
        else:
            data[name] = cell
    return {**data, "answers": answers}
