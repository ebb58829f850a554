"""Words of a text as search compares them: without case, accents and endings."""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

__all__ = ["Term", "Word", "snippet", "stems", "terms", "words"]

Term = tuple[str, ...]
"""The stems of a word, or of the words of a phrase, in their order."""

_MOST = 10_000  # a document may have 16 MiB, and its words take more room than its text
_LONGEST = 256
_SHOWN = 24
_BEFORE = 4
# Letters and digits, and the accents that stand as characters of their own.
_WORD = re.compile(r"[^\W_](?:[^\W_]|[\u0300-\u036f])*")
_TERM = re.compile(r'"([^"]*)"?|([^"\s]+)')
_own = threading.local()


class Word(NamedTuple):
    """A word's place in its text, and its stem."""

    start: int
    end: int
    stem: str


def words(text: str) -> Iterator[Word]:
    """The first ten thousand words."""
    for match in islice(_WORD.finditer(text), _MOST):
        yield Word(match.start(), match.end(), _stem(match[0][:_LONGEST]))


def stems(text: str) -> list[str]:
    """The stems of the words, in their order.

    >>> stems("Two DOGS, running in a café")
    ['two', 'dog', 'run', 'in', 'a', 'cafe']
    """
    return [_stem(match[0][:_LONGEST]) for match in islice(_WORD.finditer(text), _MOST)]


def terms(asked: str) -> list[Term]:
    """What a person types -> its words and quoted phrases, each once.

    There are no operators, so that no input is a mistake; what holds no letter or digit is left
    out, for it can match nothing, and all terms have to match.

    >>> terms('red "fast cars" (OR -- red')
    [('red',), ('fast', 'car'), ('or',)]
    """
    found = (tuple(stems(phrase or word)) for phrase, word in _TERM.findall(asked))
    return list(dict.fromkeys(term for term in found if term))


def snippet(text: str, wanted: Sequence[Term]) -> str:
    """The 24 words that show most of the terms, each match in [ ].

    >>> snippet("A red car, two red cars", [("red", "car")])
    'A [red car], two [red cars]'
    """
    said = list(words(text))
    marks = list(_matches([word.stem for word in said], wanted))
    shown, most = 0, 0
    for i, (at, _, _) in enumerate(marks):
        near = {term for first, _, term in marks[i : i + _SHOWN] if first < at + _SHOWN}
        if len(near) > most:
            shown, most = at, len(near)
    low = max(0, min(shown - _BEFORE, len(said) - _SHOWN))
    high = min(len(said), low + _SHOWN)
    begin = said[low].start if low else 0
    end = said[high - 1].end if high < len(said) else len(text)
    parts = ["…" if low else ""]
    for first, last, _ in marks:
        # Of matches that overlap the first one is marked.
        if low <= first < high and said[first].start >= begin:
            start, stop = said[first].start, said[min(last, high) - 1].end
            parts += [text[begin:start], "[", text[start:stop], "]"]
            begin = stop
    return "".join([*parts, text[begin:end], "…" if high < len(said) else ""])


def _matches(said: Sequence[str], wanted: Sequence[Term]) -> Iterator[tuple[int, int, Term]]:
    """Where terms stand: index of the first word, index after the last, the term."""
    by_first: dict[str, list[Term]] = {}
    for term in sorted(wanted, key=len, reverse=True):
        by_first.setdefault(term[0], []).append(term)
    for at, stem in enumerate(said):
        for term in by_first.get(stem, ()):
            if tuple(said[at : at + len(term)]) == term:
                yield at, at + len(term), term


@lru_cache(maxsize=100_000)
def _stem(word: str) -> str:
    """A word without accents, case and endings (Porter 1980), as SQLite's FTS5 does it."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c))
    plain = plain.casefold()
    if not plain.isascii() or not 2 < len(plain) <= 64:
        return plain
    if not hasattr(_own, "porter"):
        import snowballstemmer

        _own.porter = snowballstemmer.stemmer("porter")  # it keeps state: one a thread
    return str(_own.porter.stemWord(plain))
