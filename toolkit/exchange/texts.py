"""Text from files, sites and models, made safe to stand in a line."""

from __future__ import annotations

import re

__all__ = ["one_line", "printable"]

# C0 and C1 but for tab and newline, and what Unicode's UAX #9 has to override directions.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """The text with control characters replaced.

    They could move a terminal's cursor, change its title or turn the order of letters around.
    """
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def one_line(text: str) -> str:
    """The text as one printable line."""
    return printable(" ".join(text.split()))
