"""Change a config file's text and leave its comments, its order and its other lines alone."""

from __future__ import annotations

import re
from collections.abc import Mapping

from toolkit.config.reading import HEADER, KEY

__all__ = ["edited"]

_COMMENT = re.compile(r"^\s*[#;]")


def edited(text: str, changes: Mapping[str, Mapping[str, str]]) -> str:
    """The text of a config file with these values.

    A key that is there keeps its place; another one comes at the end of its section, and a
    section that is missing at the end of the file.

    Args:
        text: The file's text; "" for a new file.
        changes: Section -> key -> value, as people write it; lines are kept.
    """
    lines = text.splitlines()
    for section, values in changes.items():
        for key, value in values.items():
            _put(lines, section, key, value)
    return "\n".join(lines).strip("\n") + "\n" if lines else ""


def _put(lines: list[str], section: str, key: str, value: str) -> None:
    written = _written(key, value)
    first, last = _span(lines, section)
    if first < 0:
        if lines and lines[-1].strip():
            lines.append("")
        lines += [f"[{section}]", *written]
        return
    for place in range(first + 1, last):
        found = KEY.match(lines[place])
        if found and found["name"].strip().lower() == key:
            lines[place : _value_end(lines, place, last)] = written
            return
    while last > first + 1 and not lines[last - 1].strip():
        last -= 1
    lines[last:last] = written


def _span(lines: list[str], section: str) -> tuple[int, int]:
    """The line of a section's header and that after its last; -1 where it is missing."""
    first = -1
    for place, line in enumerate(lines):
        if header := HEADER.match(line):
            if first >= 0:
                return first, place
            if header["name"] == section:
                first = place
    return first, len(lines)


def _value_end(lines: list[str], place: int, last: int) -> int:
    """The line after a value's last one: more lines of it are indented."""
    end = place + 1
    while end < last and lines[end][:1].isspace() and lines[end].strip():
        if _COMMENT.match(lines[end]):
            break
        end += 1
    return end


def _written(key: str, value: str) -> list[str]:
    parts = [part.strip() for part in value.splitlines() if part.strip()]
    if len(parts) < 2:
        return [f"{key} = {''.join(parts)}".rstrip()]
    return [f"{key} =", *(f"    {part}" for part in parts)]
