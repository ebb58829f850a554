"""Answers written word by word, many at once, each within its grammar."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from toolkit.errors import AnalysisError
from toolkit.records import AnswerType
from toolkit.stages.component import Cancel
from toolkit.stages.effort import note
from toolkit_analyze_qwen2vl.decoding import Grammars, Guide, is_decoded
from toolkit_analyze_qwen2vl.model import Prefix, VisionModel
from toolkit_analyze_qwen2vl.repetition import Repetition
from toolkit_analyze_qwen2vl.stepping import steps

__all__ = ["Generated", "Request", "generate", "replay"]

_MANY = 2  # or more: a token was chosen out of several


@dataclass(frozen=True)
class Request:
    """A question to be answered in words.

    Attributes:
        scene: The row of the prefix that it is about.
        question: Its words.
        form: The type of the answer.
        limit: Most tokens of the answer.
    """

    scene: int
    question: str
    form: AnswerType
    limit: int


@dataclass(frozen=True)
class Generated:
    """An answer in words.

    Attributes:
        text: The words.
        confidence: Geometric mean of the tokens' probabilities among those that were allowed, of
            the tokens that had an alternative.
        tokens_in: Tokens of the whole prompt.
        tokens_out: Tokens that the model wrote.
        finish_reason: "stop", "length" or "loop".
    """

    text: str
    confidence: float
    tokens_in: int
    tokens_out: int
    finish_reason: str


@dataclass
class _Row:
    """An answer while it is written."""

    limit: int
    ends: frozenset[int]
    guide: Guide | None
    repetition: Repetition
    tokens: list[int] = field(default_factory=list)
    log_p: list[float] = field(default_factory=list)
    finish_reason: str = ""
    written: int = 0

    def take(self, token: int, log_p: float, choices: int) -> None:
        """Take in the likeliest token, one out of so many that were allowed."""
        self.written += 1
        if choices > 1:
            self.log_p.append(log_p)
        if token in self.ends:
            self.finish_reason = "stop"
            return
        self.tokens.append(token)
        if self.guide:
            self.guide.take(token)
        if repeated := self.repetition.repeated(self.tokens):
            self.finish_reason = "loop"
            del self.tokens[-repeated:]
            if self.guide:
                self.guide.back(repeated)
        elif self.guide and self.guide.is_over:
            self.finish_reason = "stop"
        elif self.written == self.limit:
            self.finish_reason = "length"

    def complete(self) -> None:
        """Add what an answer that was cut lacks to be in its type.

        Raises:
            AnalysisError: There is no short way to its end.
        """
        if self.guide and self.finish_reason != "stop":
            lacking = self.guide.close(self.tokens)
            if lacking is None:
                raise AnalysisError(
                    f"The answer was cut after {self.limit} tokens and could not be completed.",
                    hint="Raise max_json_tokens in [analysis], or ask for less.",
                )
            self.tokens += lacking

    @property
    def confidence(self) -> float:
        return math.exp(sum(self.log_p) / len(self.log_p)) if self.log_p else 1.0


def generate(
    model: VisionModel, prefix: Prefix, requests: Sequence[Request], cancel: Cancel
) -> list[Generated | AnalysisError]:
    """Answer questions word by word, as rows of one batch, always taking the likeliest token.

    Args:
        model: The model.
        prefix: What it read.
        requests: The questions.
        cancel: Looked at before every token.

    Returns:
        The answers, in order; an error for one that cannot be brought into its type.

    Raises:
        CancelledError: ``cancel`` was set.
    """
    import torch

    prompts = [model.ids(request.question + prefix.tail) for request in requests]
    cancel.check()
    with torch.inference_mode():
        branch = model.branch(
            prefix, [request.scene for request in requests], prompts, logits_to_keep=1
        )
        rows = [_row(one.form, one.limit, model.ends, model.guide(one.form)) for one in requests]
        live = list(rows)
        going_on = steps(model, branch)
        del branch  # else the memory of its cache stays taken
        while True:
            logits = going_on.logits.float()
            choices = _mask(logits, live)
            best, tokens = logits.log_softmax(-1).max(-1)
            for row, token, gained, count in zip(
                live, tokens.tolist(), best.tolist(), choices, strict=True
            ):
                row.take(token, gained, count)
            going = [place for place, row in enumerate(live) if not row.finish_reason]
            if not going:
                break
            cancel.check()
            live = [live[place] for place in going]
            going_on.take(tokens, going)
    note(tokens_out=sum(row.written for row in rows))
    return [
        _generated(row, model.text, prefix.tokens[request.scene] + len(prompt))
        for request, row, prompt in zip(requests, rows, prompts, strict=True)
    ]


def replay(
    steps: Iterable[tuple[int, float]],
    form: AnswerType,
    limit: int,
    *,
    ends: frozenset[int],
    grammars: Grammars,
    text: Callable[[Sequence[int]], str],
    tokens_in: int,
) -> Generated | AnalysisError:
    """What :func:`generate` would have made of tokens that were chosen elsewhere.

    Args:
        steps: The tokens, each with its log-probability among those that the grammar allows.
        form: The type of the answer.
        limit: Most tokens of the answer.
        ends: The tokens that end an answer.
        grammars: Of the tokenizer.
        text: The text of some tokens.
        tokens_in: Tokens of the whole prompt.
    """
    row = _row(form, limit, ends, grammars.guide(form) if is_decoded(form) else None)
    for token, log_p in steps:
        if row.finish_reason:
            break
        row.take(token, log_p, _choices(row.guide.mask()) if row.guide else _MANY)
    row.finish_reason = row.finish_reason or "length"
    return _generated(row, text, tokens_in)


def _row(form: AnswerType, limit: int, ends: frozenset[int], guide: Guide | None) -> _Row:
    # A list of numbers may rightly be the same one many times.
    repetition = Repetition(least=48) if form.kind == "json" else Repetition()
    return _Row(limit, ends, guide, repetition)


def _mask(logits: Any, rows: Sequence[_Row]) -> list[int]:
    """Rule out what the rows' grammars do not allow; the number of tokens left for each row."""
    import torch

    width = logits.shape[-1]
    choices = [width] * len(rows)
    masks = {place: row.guide.mask() for place, row in enumerate(rows) if row.guide}
    if not masks:
        return choices
    for place, mask in masks.items():
        choices[place] = _choices(mask)
    packed = torch.frombuffer(bytearray(b"".join(masks.values())), dtype=torch.uint8)
    packed = packed.view(len(masks), -1).to(logits.device)
    bits = packed[..., None] >> torch.arange(8, dtype=torch.uint8, device=logits.device) & 1
    allowed = bits.flatten(1)[:, :width].bool()
    places = torch.tensor(list(masks), device=logits.device)
    logits[places] = logits[places].masked_fill(~allowed, -math.inf)
    return choices


def _choices(mask: bytes) -> int:
    return int.from_bytes(mask, "little").bit_count()


def _generated(
    row: _Row, text: Callable[[Sequence[int]], str], tokens_in: int
) -> Generated | AnalysisError:
    try:
        row.complete()
    except AnalysisError as error:
        return error
    # A text may be cut within a character of several tokens.
    words = text(row.tokens).rstrip("\ufffd").strip()
    return Generated(words, row.confidence, tokens_in, row.written, row.finish_reason)
