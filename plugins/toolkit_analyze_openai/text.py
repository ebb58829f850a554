"""Text from text: the notes about a video as a chat without frames."""

from __future__ import annotations

import re
import time

from toolkit.records import Evidence
from toolkit.stages.writing import Prompt, Written
from toolkit_analyze_openai import OpenAIOptions
from toolkit_analyze_openai.server import Server

__all__ = ["estimate", "write"]

_PART = re.compile(r"[a-zA-Z]+|[^\sa-zA-Z]|\n")


def estimate(text: str) -> int:
    """About how many tokens a text has, rather too many: servers have no way to ask.

    A word is a token for every four letters begun, and a digit or a sign is one, in most
    vocabularies; letters beyond ASCII are one for every two of their bytes.
    """
    parts = _PART.findall(text)
    return sum(-(-len(part) // 4) if part.isascii() else len(part.encode()) // 2 for part in parts)


async def write(server: Server, options: OpenAIOptions, prompt: Prompt, limit: int) -> Written:
    """What the model writes.

    Raises:
        ModelError: Nothing can be written at all.
        AnalysisError: This cannot.
    """
    started = time.perf_counter()
    await server.check()
    messages = [
        {"role": "system", "content": prompt.system},
        {"role": "user", "content": prompt.user},
    ]
    expected = estimate(prompt.system) + estimate(prompt.user) + limit
    said = await server.say(messages, max_tokens=limit, expected=expected)
    evidence = Evidence(
        model=options.model,
        revision=said.revision,
        tokens_in=said.tokens_in,
        tokens_out=said.tokens_out,
        cost=(said.tokens_in * options.price_in + said.tokens_out * options.price_out) / 1e6,
        finish_reason=said.finish_reason or "stop",
        seconds=time.perf_counter() - started,
    )
    return Written(said.text.strip(), evidence)
