"""New thresholds and calibrations in a vocabulary file, whose every other character stays."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from toolkit.errors import VocabularyError
from toolkit.media.files import written
from toolkit.records import Label
from toolkit.records.vocabulary import folded
from toolkit.tomls import TomlFile
from toolkit.vocabulary import load_vocabulary

__all__ = ["edited", "write"]

_KEY = r"^[ \t]*[\"']?{key}[\"']?[ \t]*=[ \t]*"
_VALUES = {"threshold": r"[^#\s]+", "calibration": r"\[[^\]]*\]"}


def edited(path: Path, labels: Iterable[Label]) -> str:
    """The text of a vocabulary file with these labels' thresholds and calibrations.

    A value that is there keeps its place and its comment; a new one stands below the name.

    Raises:
        VocabularyError: The file cannot be read.
    """
    wanted = {folded(label.name): label for label in labels}
    tables = TomlFile(path, "vocabulary file", VocabularyError).tables("label")
    # As it is, with whichever line ends.
    lines = path.read_bytes().decode("utf-8").splitlines(keepends=True)
    end = "\r\n" if any(line.endswith("\r\n") for line in lines) else "\n"
    for table in reversed(tables):
        if label := wanted.get(folded(str(table.values["name"]))):
            part = slice(table.start, table.end)
            lines[part] = [_changed("".join(lines[part]), label, end)]
    return "".join(lines)


def _changed(text: str, label: Label, end: str) -> str:
    text = _put(text, "threshold", repr(label.threshold), "name", end)
    if label.calibration is None:
        return text
    a, b = label.calibration
    above = "threshold" if re.search(_KEY.format(key="threshold"), text, re.MULTILINE) else "name"
    return _put(text, "calibration", f"[{a!r}, {b!r}]", above, end)


def _put(text: str, key: str, value: str, above: str, end: str) -> str:
    there = re.search(f"({_KEY.format(key=key)})({_VALUES[key]})", text, re.MULTILINE)
    if there:
        return text[: there.start(2)] + value + text[there.end(2) :]
    line = re.search(_KEY.format(key=above) + r"[^\r\n]*", text, re.MULTILINE)
    place = line.end() if line else len(text)
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
