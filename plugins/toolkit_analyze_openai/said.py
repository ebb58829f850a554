"""What is in a server's answer, whatever it made of the protocol."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Said", "Token", "read"]


@dataclass(frozen=True)
class Token:
    """A token of an answer: its log probability, and the likeliest at its place with theirs."""

    text: str
    logprob: float
    likeliest: Mapping[str, float]


@dataclass(frozen=True)
class Said:
    """What the model said; ``tokens`` is empty where the server tells no probabilities."""

    text: str
    finish_reason: str
    tokens_in: int
    tokens_out: int
    revision: str
    tokens: Sequence[Token] = ()

    @property
    def confidence(self) -> float | None:
        """The geometric mean of the tokens' probabilities."""
        if not self.tokens:
            return None
        mean = sum(token.logprob for token in self.tokens) / len(self.tokens)
        return min(1.0, math.exp(mean))


def read(completion: Any) -> Said:
    """What a chat completion of the client library holds.

    Raises:
        ValueError: It is no chat completion.
    """
    try:
        choice = completion.choices[0]
        text = choice.message.content
    except (AttributeError, IndexError, TypeError):
        raise ValueError(f"no chat completion: {str(completion)[:200]}") from None
    if text is not None and not isinstance(text, str):
        raise ValueError(f"its message is no text: {str(text)[:200]}")
    ended = str(choice.finish_reason or "")
    if not text and getattr(choice.message, "refusal", None):
        ended = f"refusal: {choice.message.refusal}"
    usage = getattr(completion, "usage", None)
    return Said(
        text=text or "",
        finish_reason=ended,
        tokens_in=_count(getattr(usage, "prompt_tokens", 0)),
        tokens_out=_count(getattr(usage, "completion_tokens", 0)),
        revision=str(getattr(completion, "system_fingerprint", None) or ""),
        tokens=_tokens(getattr(choice, "logprobs", None)),
    )


def _tokens(logprobs: Any) -> tuple[Token, ...]:
    content = getattr(logprobs, "content", None) or ()
    try:
        return tuple(
            Token(
                str(one.token),
                float(one.logprob),
                {str(other.token): float(other.logprob) for other in one.top_logprobs or ()},
            )
            for one in content
        )
    except (AttributeError, TypeError, ValueError):
        return ()  # probabilities are a help, not a need


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0
