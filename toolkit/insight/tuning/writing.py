"""New thresholds and calibrations in a vocabulary file, whose every other character stays."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from toolkit.errors import VocabularyError
from toolkit.media.files import written
from toolkit.records import Label
from toolkit.records.calibration import Calibration
from toolkit.records.vocabulary import folded
from toolkit.tomls import TomlFile
from toolkit.vocabulary import load_vocabulary

__all__ = ["edited", "write"]

_KEY = r"^[ \t]*[\"']?{key}[\"']?[ \t]*=[ \t]*"
_NUMBER, _LIST = r"[^#\s]+", r"\[(?:[^\[\]]|\[[^\[\]]*\])*\]"
_VALUES = {  # key -> how its value is written, and below which key a new one comes
    "threshold": (_NUMBER, ("name",)),
    "calibration": (_LIST, ("threshold", "name")),
    "similarity_threshold": (_NUMBER, ("threshold", "name")),
    "similarity_calibration": (_LIST, ("similarity_threshold", "threshold", "name")),
}
_ON_A_LINE = 4  # points of a calibration


def edited(path: Path, labels: Iterable[Label]) -> str:
    """The text of a vocabulary file with these labels' thresholds and calibrations.

    A value that is there keeps its place and its comment; a new one stands below the name.

    Raises:
        VocabularyError: The file cannot be read.
    """
    wanted = {folded(label.name): label for label in labels}
    old = {folded(label.name): label for label in load_vocabulary(path).labels}
    tables = TomlFile(path, "vocabulary file", VocabularyError).tables("label")
    # As it is, with whichever line ends.
    lines = path.read_bytes().decode("utf-8").splitlines(keepends=True)
    end = "\r\n" if any(line.endswith("\r\n") for line in lines) else "\n"
    for table in reversed(tables):
        name = folded(str(table.values["name"]))
        if name in wanted:
            part = slice(table.start, table.end)
            lines[part] = [_changed("".join(lines[part]), old[name], wanted[name], end)]
    return "".join(lines)


def _changed(text: str, old: Label, new: Label, end: str) -> str:
    for key in _VALUES:
        value = getattr(new, key)
        if value is not None and value != getattr(old, key):
            text = _put(text, key, _written(value, end), end)
    return text


def _written(value: float | Calibration, end: str) -> str:
    if isinstance(value, float):
        return repr(value)
    parts = [f"[{one[0]!r}, {one[1]!r}]" if isinstance(one, tuple) else repr(one) for one in value]
    if len(parts) <= _ON_A_LINE:
        return f"[{', '.join(parts)}]"
    rows = [parts[at : at + _ON_A_LINE] for at in range(0, len(parts), _ON_A_LINE)]
    lines = "".join(f"  {', '.join(row)},{end}" for row in rows)
    return f"[{end}{lines}]"


def _put(text: str, key: str, value: str, end: str) -> str:
    written, above = _VALUES[key]
    there = re.search(f"({_KEY.format(key=key)})({written})", text, re.MULTILINE)
    if there:
        return text[: there.start(2)] + value + text[there.end(2) :]
    lines = (re.search(_KEY.format(key=one) + r"[^\r\n]*", text, re.MULTILINE) for one in above)
    place = next((line.end() for line in lines if line), len(text))
    return f"{text[:place]}{end}{key} = {value}{text[place:]}"


def write(path: Path, labels: Iterable[Label]) -> None:
    """Change a vocabulary file, all of it or nothing.

    Raises:
        VocabularyError: The file cannot be read, or is written in a way that this does not know.
        MediaError: It cannot be written.
    """
    labels = list(labels)
    new = {label.name: label for label in labels}
    wanted = tuple(new.get(label.name, label) for label in load_vocabulary(path).labels)
    text = edited(path, labels)
    with written(path, force=True) as draft:
        draft.write_bytes(text.encode())
        try:
            is_right = load_vocabulary(draft).labels == wanted
        except VocabularyError:
            is_right = False
        if not is_right:
            raise VocabularyError(
                f"The vocabulary file '{path}' is written in a way that cannot be changed here.",
                hint="Write a key and its value in one line; or copy the values by hand.",
                path=str(path),
            )
