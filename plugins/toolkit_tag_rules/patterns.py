"""Words, wildcards and regular expressions: what a rule looks for in texts."""

from __future__ import annotations

import re

__all__ = ["compile_pattern"]


def compile_pattern(text: str) -> re.Pattern[str]:
    r"""A pattern that finds what ``text`` stands for, in any case.

    "dark" is the whole word; "dark*" any word that begins so; "red car" the words in a row;
    "/dark(er|ness)?/", between slashes, a regular expression of Python's ``re``.

    >>> [bool(compile_pattern("dark*").search(text)) for text in ("A Darker room", "The ark")]
    [True, False]

    Raises:
        ValueError: There is nothing to look for, or the regular expression has a mistake.
    """
    if len(text) > 1 and text.startswith("/") and text.endswith("/"):
        body = text[1:-1]
        try:
            pattern = re.compile(body, re.IGNORECASE)
        except re.error as error:
            raise ValueError(f"the regular expression {text} is wrong: {error}") from error
        if pattern.search(""):
            raise ValueError(f"the regular expression {text} fits every text, even an empty one")
        return pattern
    words = [re.escape(word).replace(r"\*", r"\w*") for word in text.split()]
    if not text.replace("*", "").strip():
        raise ValueError(f"'{text}' holds no word to look for")
    # Not \b, which finds no edge beside a word such as "c++".
    return re.compile(r"(?<!\w)" + r"\s+".join(words) + r"(?!\w)", re.IGNORECASE)
