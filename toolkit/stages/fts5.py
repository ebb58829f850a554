"""What a person types -> what FTS5 is asked."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["terms"]

_TERM = re.compile(r'"([^"]*)"?|([^"\s]+)')


def terms(words: str) -> list[str]:
    """The words and quoted phrases, each once, as FTS5 string literals.

    A string literal has no operators in it, so that no input is a syntax error
    (https://sqlite.org/fts5.html, "FTS5 Strings"). What holds no letter or digit is left out: it
    can match nothing, and all terms have to match.

    >>> terms('red "fast car" (NOT -- blue')
    ['"red"', '"fast car"', '"NOT"', '"blue"']
    """
    # SQLite ends a query at a NUL, and text that is not Unicode cannot be passed at all.
    text = words.replace("\0", " ").encode(errors="replace").decode()
    found = (phrase or word for phrase, word in _TERM.findall(text))
    return list(dict.fromkeys(f'"{term}"' for term in found if any(map(_in_token, term))))


def _in_token(character: str) -> bool:
    """Whether the tokenizer unicode61 makes the character part of a word."""
    category = unicodedata.category(character)
    return category[0] in "LN" or category == "Co"
