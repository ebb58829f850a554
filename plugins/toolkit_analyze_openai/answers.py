"""What is asked about a scene -> requests, and what comes back -> typed answers."""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from toolkit.errors import AnalysisError
from toolkit.records import AnswerType
from toolkit.stages.verdicts import YES_NO, calibrated
from toolkit_analyze_openai.conversation import Message, ask_again, chat
from toolkit_analyze_openai.said import Said, Token
from toolkit_analyze_openai.server import Server

__all__ = ["Given", "Talk", "shares"]

_WORD_TOKENS = 16  # enough for a short word, and for the object around it
_UNCLEAR = 0.05
"""So much of the probability may fall on beginnings that several words share."""
_FENCE = re.compile(r"```\w*\s*(?P<inside>.*?)\s*```", re.DOTALL)


@dataclass
class Given:
    """An answer as it was given, and what it took."""

    text: str = ""
    value: JsonValue = None
    confidence: float | None = None
    finish_reason: str = ""
    abstained: bool = False
    said: list[Said] = field(default_factory=list)

    def ended(self, said: Said) -> None:
        """The model's last word."""
        self.text = _shown(self.value)
        self.confidence, self.finish_reason = said.confidence, said.finish_reason


@dataclass
class Talk:
    """One scene's frames, ready to be asked about.

    Attributes:
        server: Who is asked.
        system: What the model is told to be.
        shown: The frames, as parts of a message.
        line: Follows the frames in every question.
        tokens: How many all this will probably take.
        empty: The same about an empty input: what is likely there is the model's leaning, and
            counts against an answer. None: of this one itself.
        leanings: What was likely, by question, of an empty input.
    """

    server: Server
    system: str
    shown: Sequence[Message]
    line: str
    tokens: int
    empty: Talk | None = None
    leanings: dict[str, asyncio.Future[list[float]]] = field(default_factory=dict)

    async def written(self, words: str, form: AnswerType, max_tokens: int) -> Given:
        """An answer in words, or of a type that a JSON schema can hold the model to."""
        messages, given = self._messages(words), Given()
        schema, is_wrapped = _schema(form)
        said = await self._say(messages, max_tokens, given, schema)
        try:
            given.value = form.parse(_bare(said.text, is_wrapped=is_wrapped))
        except ValueError as error:
            said = await self._again(messages, said, error, form, max_tokens, given)
        if given.value == "":
            raise AnalysisError(
                f"The model said nothing (it ended with '{said.finish_reason}').",
                hint="A model that thinks first needs higher max_description_tokens and "
                "max_answer_tokens.",
            )
        given.ended(said)
        if form.is_plain:
            given.value = None
        return given

    async def chosen(self, words: str, form: AnswerType) -> tuple[Given, list[float]]:
        """One of a few words, and each one's share; no shares where the server tells none."""
        messages, given, options = self._messages(words), Given(), form.choices or YES_NO
        # A choice is told by its first token; the rest is for servers that tell no probabilities.
        max_tokens = max(_WORD_TOKENS, *map(len, options))
        said = await self._say(messages, max_tokens, given)
        if found := shares(said.tokens, options):
            if self.empty and (leaning := await self.empty.leaning(words, form)):
                found = calibrated(found, leaning)
            given.finish_reason = "scored"
            return given, found
        try:
            given.value = form.parse(_bare(said.text, is_wrapped=True))
        except ValueError as error:
            said = await self._again(messages, said, error, form, max_tokens, given)
        given.ended(said)
        return given, []

    async def each(self, questions: Sequence[str]) -> tuple[Given, list[list[float]]]:
        """The shares of Yes and No as the answers to several questions.

        Where the server tells no probabilities they are 1 and 0, and the finish reason is its own.
        """
        found = await asyncio.gather(
            *(self.chosen(question, AnswerType(kind="yes_no")) for question in questions)
        )
        given, counted = Given(finish_reason="scored"), []
        for one, shared in found:
            yes = float(bool(one.value))
            counted.append(shared or [yes, 1 - yes])
            given.said += one.said
            if not shared:
                given.finish_reason = one.finish_reason
        return given, counted

    async def leaning(self, words: str, form: AnswerType) -> list[float]:
        """What is likely whatever is shown; asked once, however many want to know."""
        asked = self.leanings.get(words)
        if asked is None or (asked.done() and (asked.cancelled() or asked.exception())):
            asked = self.leanings[words] = asyncio.ensure_future(self._leaning(words, form))
        return await asyncio.shield(asked)

    async def _leaning(self, words: str, form: AnswerType) -> list[float]:
        _, found = await self.chosen(words, form)
        return found

    async def _again(
        self,
        messages: Sequence[Message],
        said: Said,
        reason: ValueError,
        form: AnswerType,
        max_tokens: int,
        given: Given,
    ) -> Said:
        """Say what was wrong, once; the second answer's value is put into ``given``."""
        if form.kind == "json" and said.finish_reason == "length":
            raise AnalysisError(
                f"The model's JSON was cut after {max_tokens} tokens.",
                hint="Set max_json_tokens in [analysis.openai] higher.",
            ) from reason
        schema, is_wrapped = _schema(form, must=True)
        more = ask_again(messages, said.text, str(reason))
        said = await self._say(more, max_tokens + _WORD_TOKENS, given, schema)
        try:
            given.value = form.parse(_bare(said.text, is_wrapped=is_wrapped))
        except ValueError as error:
            raise AnalysisError(
                f"The model's answer is not of the type that was asked for, twice: {error}.",
                hint="Put the question in other words, or ask it without a type.",
            ) from error
        return said

    async def _say(
        self,
        messages: Sequence[Message],
        max_tokens: int,
        given: Given,
        schema: dict[str, JsonValue] | None = None,
    ) -> Said:
        said = await self.server.say(
            messages, max_tokens=max_tokens, expected=self.tokens + max_tokens, schema=schema
        )
        given.said.append(said)
        return said

    def _messages(self, words: str) -> list[Message]:
        return chat(self.system, self.shown, f"{self.line}\n{words}".strip())


def shares(tokens: Sequence[Token], words: Sequence[str]) -> list[float]:
    """How the probability of an answer's first token is shared among the words it may begin.

    Empty where the server told no probabilities, no word is among the likeliest, or words begin
    alike, so that the first token does not tell them apart.
    """
    first = next((token for token in tokens if token.text.strip()), None)
    if first is None:
        return []
    found, unclear = [0.0] * len(words), 0.0
    for text, logprob in (first.likeliest or {first.text: first.logprob}).items():
        start = text.strip(" \n\"'.,").casefold()
        meant = [i for i, word in enumerate(words) if start and word.casefold().startswith(start)]
        if len(meant) == 1:
            found[meant[0]] += math.exp(logprob)
        elif meant:
            unclear += math.exp(logprob)
    total = sum(found)
    if total <= 0 or unclear > _UNCLEAR * total:
        return []
    return [share / total for share in found]


def _shown(value: JsonValue) -> str:
    """A value as people read it."""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _schema(form: AnswerType, *, must: bool = False) -> tuple[dict[str, JsonValue] | None, bool]:
    """The schema that holds a model to a type, and whether the value is inside of an object.

    Words need none, unless they ``must``. Servers want an object at the top; what refers to its
    own parts has to stay where it is.
    """
    if form.kind not in {"number", "json"} and not must:
        return None, True
    schema = form.schema()
    if schema.get("type") == "object" or "$defs" in schema:
        return schema, False
    return {
        "type": "object",
        "properties": {"answer": schema},
        "required": ["answer"],
        "additionalProperties": False,
    }, True


def _bare(text: str, *, is_wrapped: bool) -> str:
    """The value's text, without the fence that models put around JSON, and the object around it."""
    text = text.strip()
    if fence := _FENCE.fullmatch(text):
        text = fence["inside"]
    if not is_wrapped or not text.startswith("{"):
        return text
    try:
        inside = json.loads(text)
    except ValueError:
        return text
    if not isinstance(inside, dict) or set(inside) != {"answer"}:
        return text
    answer = inside["answer"]
    return answer if isinstance(answer, str) else json.dumps(answer)
