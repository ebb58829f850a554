"""TOML files that people write by hand: a mistake is shown in its line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from toolkit.errors import ToolkitError

__all__ = ["Table", "TomlFile"]


@dataclass(frozen=True)
class Table:
    """One ``[[…]]`` section: its values, and the lines (from 0) that it stands on."""

    file: TomlFile
    values: dict[str, Any]
    start: int
    end: int

    def error(self, key: str, message: str, value: str = "") -> ToolkitError:
        """The error of the line that a key is on, or the value in its list where that is seen."""
        return self.file.error(self.file.line(key, self.start, self.end, value), message)

    def texts(self, key: str) -> Iterator[str]:
        """The texts of a list, or the one text that stands in place of a list.

        Raises:
            ToolkitError: It is something else.
        """
        given = self.values.get(key, [])
        if not isinstance(given, str | list):
            raise self.error(key, f"'{key}' takes a list of texts.")
        for text in [given] if isinstance(given, str) else given:
            if not isinstance(text, str):
                raise self.error(key, f"'{key}' takes texts in quotes, not {text!r}.")
            yield text

    def number(self, key: str, default: float, least: float = 0.0, most: float = 1.0) -> float:
        """A number within limits.

        Raises:
            ToolkitError: It is something else.
        """
        given = self.values.get(key, default)
        is_number = isinstance(given, int | float) and not isinstance(given, bool)
        if not is_number or not least <= given <= most:
            within = f"from {least:g}" + ("" if most == float("inf") else f" to {most:g}")
            raise self.error(key, f"'{key}' takes a number {within}, not {given!r}.")
        return float(given)


class TomlFile:
    """A file of ``[[header]]`` sections. Its lines are kept for showing mistakes.

    Args:
        path: The file.
        what: What people call it, such as "rule file".
        kind: The error that its mistakes are.

    Raises:
        ToolkitError: The file cannot be read.
    """

    def __init__(self, path: Path, what: str, kind: type[ToolkitError]) -> None:
        self.path = path
        self._what = what
        self._kind = kind
        try:
            self.text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise kind(
                f"The {what} '{path}' cannot be read: {reason}.",
                hint="Relative paths start at the config file's folder.",
                path=str(path),
            ) from error
        self.lines = self.text.splitlines()

    def error(self, line: int, message: str) -> ToolkitError:
        """The error of this line, counted from 1."""
        return self._kind(f"{self.path}:{line}: {message}", path=str(self.path), line=line)

    def tables(self, header: str) -> list[Table]:
        """The sections, in order.

        Raises:
            ToolkitError: It is no TOML, or holds something else; the message names the line.
        """
        try:
            data = tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            # The parser gives the place in its message alone, and none at the end of the file.
            place = re.search(r"\(at line (\d+), column \d+\)", str(error))
            line = int(place[1]) if place else len(self.lines)
            reason = re.sub(r" \(at .*\)$", "", str(error))
            raise self.error(line, f"This is not TOML: {reason}.") from error
        for key in data:
            if key != header:
                hint = f"A {self._what} holds [[{header}]] sections and nothing else."
                raise self.error(self.line(key, 0, len(self.lines)), f"Unknown '{key}'. {hint}")
        begins = re.compile(rf"\s*\[\[\s*[\"']?{header}[\"']?\s*\]\]\s*(#.*)?")
        found = data.get(header, [])
        starts = [i for i, line in enumerate(self.lines) if begins.fullmatch(line)]
        if not isinstance(found, list) or len(starts) != len(found):
            raise self.error(1, f"Begin each {header} with a line [[{header}]].")
        bounds = pairwise([*starts, len(self.lines)])
        return [Table(self, one, *lines) for one, lines in zip(found, bounds, strict=True)]

    def line(self, key: str, start: int, end: int, value: str = "") -> int:
        """The line (from 1) that a key is on, or the value in its list where that is seen."""
        written = re.compile(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[=.]|\s*\[+\s*{re.escape(key)}\b")
        at = next((i for i in range(start, end) if written.match(self.lines[i])), start)
        if value:
            at = next((i for i in range(at, end) if value in self.lines[i]), at)
        return at + 1
