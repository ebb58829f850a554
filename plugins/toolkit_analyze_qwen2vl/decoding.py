"""Constrained decoding: which tokens may come next so that an answer fits its type.

llguidance (https://github.com/guidance-ai/llguidance) walks a grammar beside the model and tells
before every token which ones keep the answer within it. Masking the others makes any model answer
in the type, an untrained one too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from toolkit.errors import ConfigError
from toolkit.records import AnswerType

__all__ = ["Grammars", "Guide", "check_form", "constraint", "is_decoded"]

NUMBER = r"-?(0|[1-9][0-9]{0,8})(\.[0-9]{1,4})?"
"""Bounded, so that a number ends by itself."""
LARGEST = 1e12
"""A bound for numbers in JSON that have none: without, 1e9999 would be in the grammar."""
_TEXT = r"[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]{0,%d}"
_DATA = ("enum", "const", "default", "examples")  # keys of a schema that hold values, not schemas
_OPEN = {"additionalProperties", "patternProperties", "anyOf", "oneOf", "$ref"}
_WRITTEN = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
"""How JSON is set; the key is llguidance's own."""
_CLOSING = 512  # tokens; what a schema still requires is rarely a tenth of it
_OUTSIDE = '}]",:10ntf-{[ '
_INSIDE = '"@.-_/: abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ'
"""Characters outside and inside of strings, those that lead to an end first."""


def is_decoded(form: AnswerType) -> bool:
    """Whether an answer of this type is written under a grammar."""
    return form.kind in {"number", "json"} or form.max_chars is not None


def check_form(form: AnswerType) -> None:
    """Refuse a type that has no grammar, before any work is done.

    Raises:
        ConfigError: The JSON schema says something that cannot be kept while answering.
    """
    if form.kind != "json":
        return
    from llguidance import LLMatcher

    failed, messages = LLMatcher.validate_grammar_with_warnings(_grammar(form))
    if failed:
        raise ConfigError(
            f"The JSON schema cannot be kept to while answering: {messages[0]}.",
            hint="Leave that out of the schema, or say it in simpler keywords.",
        )


class Grammars:
    """The grammars of a tokenizer.

    Args:
        tokenizer: A fast tokenizer of transformers.
        vocabulary: How many logits the model gives, which may be more than there are tokens.
        ends: The tokens that end an answer.
    """

    def __init__(self, tokenizer: Any, vocabulary: int, ends: Iterable[int]) -> None:
        import llguidance.hf

        self._tokenizer = llguidance.hf.from_tokenizer(
            tokenizer, n_vocab=vocabulary, eos_token=sorted(ends)
        )
        self._outside = self._singles(_OUTSIDE)
        self._inside = self._singles(_INSIDE)

    def guide(self, form: AnswerType) -> Guide:
        """A new guide through an answer of this type."""
        from llguidance import LLMatcher

        matcher = LLMatcher(self._tokenizer, _grammar(form), log_level=0)
        return Guide(matcher, self._tokenizer, self._outside, self._inside)

    def _singles(self, characters: str) -> list[int]:
        """The tokens of single characters; every byte is one, so that each has one."""
        return [self._tokenizer.tokenize_str(character)[0] for character in characters]


class Guide:
    """The way of one answer through its grammar."""

    def __init__(
        self, matcher: Any, tokenizer: Any, outside: Sequence[int], inside: Sequence[int]
    ) -> None:
        self._matcher = matcher
        self._tokenizer = tokenizer
        self._outside = outside
        self._inside = inside

    @property
    def is_over(self) -> bool:
        """Whether nothing can follow but the end."""
        return bool(self._matcher.is_stopped())

    def mask(self) -> bytes:
        """The tokens that may come next, a bit each, the lowest first."""
        return bytes(self._matcher.compute_bitmask())

    def take(self, token: int) -> None:
        """Go on with a token that may come next."""
        self._matcher.consume_token(token)

    def back(self, tokens: int) -> None:
        """Forget the last tokens."""
        self._matcher.rollback(tokens)

    def close(self, answer: Sequence[int]) -> list[int] | None:
        """Tokens that complete a started answer, in few steps and without the model.

        Brackets and quotes are closed as soon as the grammar lets them, and what it still requires
        is filled with the least; None where that leads nowhere.
        """
        added: list[int] = []
        while not self._matcher.is_accepting():
            forced = self._matcher.compute_ff_tokens() or [self._nearest([*answer, *added])]
            if len(added) > _CLOSING or not self._matcher.consume_tokens(forced):
                return None
            added += forced
        return added

    def _nearest(self, answer: list[int]) -> int:
        """The token that most likely leads to the end."""
        text = self._tokenizer.decode_bytes(answer).decode("utf-8", "replace")
        mask = int.from_bytes(self.mask(), "little")
        wanted = self._inside if _in_string(text) else self._outside
        for token in wanted:
            if mask >> token & 1:
                return token
        return max((mask & -mask).bit_length() - 1, 0)


def _in_string(text: str) -> bool:
    inside = escaped = False
    for character in text:
        if escaped:
            escaped = False
        elif inside and character == "\\":
            escaped = True
        elif character == '"':
            inside = not inside
    return inside


def constraint(form: AnswerType) -> dict[str, Any]:
    """What an answer of a decoded type is held to: a "regex", or a schema as "json"."""
    if form.kind == "number":
        return {"regex": NUMBER}
    if form.kind != "json":
        return {"regex": _TEXT % ((form.max_chars or 1) - 1)}
    schema = form.json_schema
    is_one = '"allOf"' not in json.dumps(schema)  # each part of such would refuse the others'
    return {"json": {**_narrowed(schema, close=is_one), "x-guidance": _WRITTEN}}


def _grammar(form: AnswerType) -> str:
    from llguidance import LLMatcher

    held_to = constraint(form)
    if "regex" in held_to:
        return str(LLMatcher.grammar_from_regex(held_to["regex"]))
    return str(LLMatcher.grammar_from_json_schema(json.dumps(held_to["json"])))


def _narrowed(schema: Any, *, close: bool) -> Any:
    """The schema without what nobody asks for: numbers beyond bounds, properties without a name.

    What fits it fits the schema as well. ``close`` leaves out the properties.
    """
    if isinstance(schema, list):
        return [_narrowed(item, close=close) for item in schema]
    if not isinstance(schema, dict):
        return schema
    narrowed = {k: v if k in _DATA else _narrowed(v, close=close) for k, v in schema.items()}
    kinds = schema.get("type")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if "number" in kinds or "integer" in kinds:
        if not {"minimum", "exclusiveMinimum"} & set(schema):
            narrowed["minimum"] = -LARGEST
        if not {"maximum", "exclusiveMaximum"} & set(schema):
            narrowed["maximum"] = LARGEST
    if (
        close
        and schema.get("type") == "object"
        and "properties" in schema
        and not _OPEN & set(schema)
    ):
        narrowed["additionalProperties"] = False
    return narrowed
