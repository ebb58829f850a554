"""Patterns masked in texts: addresses, numbers, plates, and what the settings name."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pydantic import JsonValue

from toolkit.config.privacy import Redaction
from toolkit.errors import ConfigError, MissingExtraError

__all__ = ["Masks"]

_VERSION = 1  # changes when the same settings mask something else
_MOST = 8 << 20  # bytes of memory that a pattern's automaton may take

# Every repeat has a limit, so that the time they take grows with the text's length and no faster.
_MAIL = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,64}@[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,6}", re.IGNORECASE
)
_PHONE = re.compile(r"(?<![\w.])(?:\+|\(|00)?\d(?:[ ()./-]{0,2}\d){6,14}(?![\w])")
_PLATE = re.compile(
    r"(?<![\w-])[A-ZÄÖÜ0-9]{1,4}(?:[ -][A-ZÄÖÜ0-9]{1,4}){0,2}(?![\w-])|"
    r"(?<![\w-])[A-ZÄÖÜ0-9]{5,8}(?![\w-])"
)
_DATE = re.compile(
    r"(?:19|20)\d\d[-./](?:0?\d|1[0-2])[-./]\d{1,2}|"
    r"\d{1,2}[-./](?:0?\d|1[0-2])[-./](?:19|20)\d\d"
)


def _phone(match: re.Match[str]) -> str:
    return match[0] if _DATE.fullmatch(match[0]) else "[phone]"


def _plate(match: re.Match[str]) -> str:
    """Letters and figures, five to eight of them, two figures at least: as plates are."""
    signs = [sign for sign in match[0] if sign.isalnum()]
    figures = sum(sign.isdigit() for sign in signs)
    fits = 5 <= len(signs) <= 8 and 2 <= figures < len(signs)
    return "[plate]" if fits else match[0]


_KNOWN: dict[str, Callable[[str], str]] = {
    "mail": lambda text: _MAIL.sub("[mail]", text),
    "phone": lambda text: _PHONE.sub(_phone, text),
    "plate": lambda text: _PLATE.sub(_plate, text),
}


class Masks:
    """Masks what the settings name.

    A pattern that people give is read by RE2, whose time grows with the text's length alone: one
    that would keep Python's own ``re`` busy for years does no harm here.

    Args:
        options: What is masked.

    Raises:
        ConfigError: A pattern has a mistake.
        MissingExtraError: There are patterns, and RE2 is not installed.
    """

    def __init__(self, options: Redaction) -> None:
        self._options = options
        self._ways = [_KNOWN[kind] for kind in options.mask]
        self._ways += [_masking(pattern) for pattern in options.mask_patterns]

    @classmethod
    def of(cls, options: Redaction) -> Masks | None:
        """What masks; None where nothing is to be."""
        return cls(options) if options.mask or options.mask_patterns else None

    def identity(self) -> dict[str, JsonValue]:
        """What changes the texts."""
        options = self._options
        return {
            "version": _VERSION,
            "mask": list(options.mask),
            "patterns": list(options.mask_patterns),
        }

    def __call__(self, text: str) -> str:
        """The text, masked."""
        for way in self._ways:
            text = way(text)
        return text

    def value(self, value: JsonValue) -> JsonValue:
        """A JSON value, its texts masked; names in it are left."""
        if isinstance(value, str):
            return self(value)
        if isinstance(value, list):
            return [self.value(one) for one in value]
        if isinstance(value, dict):
            return {key: self.value(one) for key, one in value.items()}
        return value


def _masking(pattern: str) -> Callable[[str], str]:
    try:
        import re2
    except ImportError as error:
        raise MissingExtraError("redaction by patterns", "redaction", cause=error) from error
    options: Any = re2.Options()
    options.max_mem = _MOST
    options.log_errors = False
    try:
        compiled = re2.compile(pattern, options=options)
    except re2.error as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else error
        raise ConfigError(
            f"[redaction] mask_patterns: '{pattern}' is no regular expression: {reason}.",
            hint="RE2 knows no lookaround and no backreferences: "
            "https://github.com/google/re2/wiki/Syntax",
        ) from None
    if compiled.search(""):
        raise ConfigError(f"[redaction] mask_patterns: '{pattern}' fits every text.")
    return lambda text: str(compiled.sub("[masked]", text))
