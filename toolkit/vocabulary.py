"""The vocabulary file. docs/vocabulary.md explains the format."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from toolkit.errors import VocabularyError, choices
from toolkit.records import Label, Vocabulary
from toolkit.records.calibration import Calibration, rises
from toolkit.records.vocabulary import folded
from toolkit.tomls import Table, TomlFile

__all__ = ["load_vocabulary"]

KEYS = (
    "name",
    "phrasing",
    "synonyms",
    "parent",
    "threshold",
    "exclusive",
    "calibration",
    "similarity_threshold",
    "similarity_calibration",
)


def load_vocabulary(path: Path) -> Vocabulary:
    """Read a vocabulary file, the whole of it or nothing.

    Raises:
        VocabularyError: The file cannot be read or has a mistake; the message names the line.
    """
    tables = TomlFile(path, "vocabulary file", VocabularyError).tables("label")
    labels = [_label(table) for table in tables]
    _check_words(labels, tables)
    _check_tree(labels, tables)
    above = {folded(label.parent) for label in labels}
    labels = [
        label.model_copy(update={"phrasing": ""})
        if folded(label.name) in above and "phrasing" not in table.values
        else label
        for label, table in zip(labels, tables, strict=True)
    ]
    return Vocabulary(labels=tuple(labels))


def _label(table: Table) -> Label:
    for key in table.values:
        if key not in KEYS:
            raise table.error(key, f"A label has no '{key}'. {choices(key, KEYS)}")
    name = _text(table, "name")
    if not name:
        raise table.error("name", 'The label needs a name, as in: name = "night"')
    return Label(
        name=name,
        phrasing=_text(table, "phrasing") or name,
        synonyms=tuple(" ".join(word.split()) for word in table.texts("synonyms")),
        parent=_text(table, "parent"),
        threshold=table.number("threshold", 0.5),
        exclusive=_text(table, "exclusive"),
        calibration=_calibration(table, "calibration"),
        similarity_threshold=table.number("similarity_threshold", 0.3),
        similarity_calibration=_calibration(table, "similarity_calibration"),
    )


def _text(table: Table, key: str) -> str:
    """The text, without spaces around it; "" where the key is missing, and nowhere else."""
    given = table.values.get(key)
    if given is None:
        return ""
    if not isinstance(given, str) or not given.strip():
        raise table.error(key, f"'{key}' takes a text, not {given!r}.")
    return " ".join(given.split())


def _calibration(table: Table, key: str) -> Calibration | None:
    given = table.values.get(key)
    if given is None:
        return None
    if _are_numbers(given):
        a, b = map(float, given)
        if a <= 0:
            raise table.error(key, f"The first number of '{key}' must be above 0, not {a:g}.")
        return a, b
    if not isinstance(given, list) or not given or not all(map(_are_numbers, given)):
        raise table.error(
            key, f"'{key}' takes two numbers, or points [score, probability], not {given!r}."
        )
    points = tuple((float(x), float(y)) for x, y in given)
    if not rises(points):
        raise table.error(
            key, f"The points of '{key}' have to rise: two or more, from 0 to 1, by their scores."
        )
    return points


def _are_numbers(given: Any) -> bool:
    return (
        isinstance(given, list)
        and len(given) == 2
        and all(
            isinstance(one, int | float) and not isinstance(one, bool) and math.isfinite(one)
            for one in given
        )
    )


def _check_words(labels: list[Label], tables: list[Table]) -> None:
    """Every word leads to one label, and every phrasing is asked about once."""
    words: dict[str, str] = {}
    asked: dict[str, str] = {}
    for label, table in zip(labels, tables, strict=True):
        if (name := folded(label.name)) in words:
            raise table.error("name", f"There are two labels '{label.name}'.")
        words[name] = label.name
        other = asked.setdefault(folded(label.phrasing), label.name)
        if other != label.name:
            where = "phrasing" if "phrasing" in table.values else "name"
            raise table.error(where, f"'{label.phrasing}' is the phrasing of '{other}', too.")
    for label, table in zip(labels, tables, strict=True):
        for word in label.synonyms:
            if not word:
                raise table.error("synonyms", "A synonym is empty.")
            other = words.setdefault(folded(word), label.name)
            if other != label.name:
                raise table.error("synonyms", f"The word '{word}' stands for '{other}', too.", word)


def _check_tree(labels: list[Label], tables: list[Table]) -> None:
    by_name = {folded(label.name): label for label in labels}
    for label, table in zip(labels, tables, strict=True):
        if label.parent and folded(label.parent) not in by_name:
            hint = choices(label.parent, (one.name for one in labels))
            raise table.error("parent", f"There is no label '{label.parent}'. {hint}")
    for label, table in zip(labels, tables, strict=True):
        way = [label.name]
        above = label
        while above.parent:
            above = by_name[folded(above.parent)]
            if above.name in way:
                circle = " > ".join([*way, above.name])
                raise table.error("parent", f"The label is its own parent: {circle}.")
            way.append(above.name)
