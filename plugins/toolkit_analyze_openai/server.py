"""One server: requests that wait their turn, are repeated where that helps, and are counted."""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar, cast

from pydantic import JsonValue

from toolkit.errors import AnalysisError, ModelError, choices
from toolkit.records import digest
from toolkit.stages.effort import note
from toolkit_analyze_openai import OpenAIOptions, is_loopback
from toolkit_analyze_openai.causes import SECTION, explain, retry_after_s, said_of
from toolkit_analyze_openai.conversation import Message
from toolkit_analyze_openai.limits import Gate
from toolkit_analyze_openai.said import Said, read

__all__ = ["Server"]

T = TypeVar("T")
log = logging.getLogger(__name__)

ALTERNATIVES = 20  # the most that the protocol allows
_NO_LIST = frozenset({400, 403, 404, 405, 422, 501})
"""Statuses that refuse the list of models and say nothing about the models themselves."""
_LONGEST_PAUSE_S = 300.0
_ENOUGH = 10
"""After so many requests in a row that the server failed, no further one is made."""
_WORDS = {
    "response_format": ("response_format", "json_schema", "schema", "structured", "guided"),
    "logprobs": ("logprob",),
    "temperature": ("temperature",),
    "max_tokens": ("max_completion_tokens", "max_tokens"),
}
"""What of a request a server may not know, and the words of a refusal that mean it."""


class Server:
    """Talks to a server. Made and used in one event loop.

    Args:
        options: The plugin's.
    """

    def __init__(self, options: OpenAIOptions) -> None:
        import openai

        self._options = options
        self._gate = Gate(
            options.concurrency,
            requests_per_minute=options.requests_per_minute,
            tokens_per_minute=options.tokens_per_minute,
        )
        key = options.api_key.get_secret_value() if options.api_key else ""
        self._client = openai.AsyncOpenAI(
            base_url=options.url,
            # Without one the library would take OPENAI_API_KEY, whosever the server is.
            api_key=key or "none",
            timeout=openai.Timeout(options.timeout_s, connect=min(10.0, options.timeout_s)),
            max_retries=0,
            http_client=openai.DefaultAsyncHttpxClient(**_ways(options.url)),
        )
        self._headers: dict[str, Any] = {} if key else {"Authorization": openai.Omit()}
        self._unknown: set[str] = set()
        self._failed = 0
        self._out: ModelError | None = None
        self._is_checked = False
        self._checking = asyncio.Lock()
        self.requests = self.tokens_in = self.tokens_out = 0

    async def check(self) -> None:
        """See that the server is there and has the model; asked once.

        Raises:
            ModelError: It is not, or has not; the message names those that it has.
        """
        async with self._checking:
            if self._is_checked or self._out or not self._options.check_model:
                return
            try:
                names = await self._with_retries(self._models)
                if names and not _lists(names, self._options.model):
                    raise self._no_model(names)
            except AnalysisError as error:
                self._out = _hopeless(error)
                raise self._out from error.__cause__
            self._is_checked = True

    def recover(self) -> None:
        """Try again what seemed hopeless before."""
        if self._out:
            self._out, self._failed = None, 0

    async def _models(self) -> list[str]:
        """Names of the server's models; none where it does not say."""
        import openai

        try:
            async with asyncio.timeout(self._options.timeout_s):
                page: Any = await self._client.models.list(extra_headers=self._headers)
        except openai.APIStatusError as error:
            if error.status_code not in _NO_LIST:
                raise
            log.debug("The server has no list of models: %s", error)
            return []
        found = getattr(page, "data", None)
        return [str(getattr(model, "id", "")) for model in found] if isinstance(found, list) else []

    def _no_model(self, names: Sequence[str]) -> ModelError:
        model = self._options.model
        return ModelError(
            f"The server {self._options.url} has no model '{model}'.",
            hint=f"{choices(model, names)} Set model in {SECTION}; or check_model = no there, if "
            "the list is not complete.",
            model=model,
        )

    async def say(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        expected: int,
        schema: dict[str, JsonValue] | None = None,
    ) -> Said:
        """Let the model answer.

        Args:
            messages: The chat.
            max_tokens: Where the answer is cut.
            expected: How many tokens this will probably take, in and out.
            schema: What the answer must fit; a server may ignore it.

        Raises:
            ModelError: Nothing can be answered at all.
            AnalysisError: This cannot be answered.
        """
        if self._out:
            raise self._out

        async def once() -> Said:
            async with self._gate.enter(expected):
                said = await self._ask(messages, max_tokens, schema)
            self._gate.took(said.tokens_in + said.tokens_out, expected=expected)
            return said

        try:
            said = await self._with_retries(once)
        except AnalysisError as error:
            self._failed += error.retriable
            if isinstance(error, ModelError) or self._failed >= _ENOUGH:
                self._out = self._out or _hopeless(error)
            raise
        self._failed = 0
        return said

    async def _with_retries(self, once: Callable[[], Awaitable[T]]) -> T:
        import openai

        options, tried = self._options, 0
        while True:
            try:
                return await once()
            except (openai.OpenAIError, TimeoutError, ValueError) as error:
                found = explain(error, options.url, options.timeout_s)
                wait_s = retry_after_s(error)
            if not found.retriable or tried >= options.retries:
                raise found
            if wait_s is None:
                wait_s = options.backoff_s * 2**tried * random.uniform(0.5, 1.0)
            elif wait_s > _LONGEST_PAUSE_S:
                raise found
            else:
                self._gate.pause(wait_s)
            tried += 1
            note(retries=1)
            log.info("%s Trying again in %.1f s", found.message, wait_s)
            await asyncio.sleep(wait_s)

    async def _ask(
        self,
        messages: Sequence[Message],
        max_tokens: int,
        schema: dict[str, JsonValue] | None,
    ) -> Said:
        """One answer; what the server does not know is left out from then on."""
        import openai

        # A server may know of schemas and not take this one: others are still worth a try.
        names = {"logprobs": "logprobs", "temperature": "temperature", "max_tokens": "max_tokens"}
        if schema is not None:
            names["response_format"] = f"response_format {digest(schema)}"
        wishes = {wish for wish, name in names.items() if name not in self._unknown}
        left_out: set[str] = set()
        while True:
            try:
                said = await self._once(messages, max_tokens, schema, wishes)
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                meant = _meant(said_of(error), wishes)
                if not meant:
                    raise
                log.debug("Asking again without %s: %s", ", ".join(sorted(meant)), error)
                wishes, left_out = wishes - meant, left_out | meant
            else:
                # Only now is it sure that they were the reason.
                self._unknown |= {names[wish] for wish in left_out}
                return said

    async def _once(
        self,
        messages: Sequence[Message],
        max_tokens: int,
        schema: dict[str, JsonValue] | None,
        wishes: set[str],
    ) -> Said:
        asked: dict[str, Any] = {}
        if "response_format" in wishes:
            form = {"name": "answer", "strict": True, "schema": schema}
            asked["response_format"] = {"type": "json_schema", "json_schema": form}
        if "logprobs" in wishes:
            asked |= {"logprobs": True, "top_logprobs": ALTERNATIVES}
        if "temperature" in wishes:
            asked["temperature"] = 0
        # Newer hosted models know the second name alone, older servers the first.
        limit = "max_tokens" if "max_tokens" in wishes else "max_completion_tokens"
        asked[limit] = max_tokens
        self.requests += 1
        # The client's own limit is for each part of an answer, however many come.
        async with asyncio.timeout(self._options.timeout_s):
            completion: Any = await self._client.chat.completions.create(
                model=self._options.model,
                messages=cast("Any", messages),
                extra_headers=self._headers,
                **asked,
            )
        said = read(completion)
        self.tokens_in += said.tokens_in
        self.tokens_out += said.tokens_out
        note(tokens_in=said.tokens_in, tokens_out=said.tokens_out)
        return said

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def _ways(url: str) -> dict[str, Any]:
    """How the client may go: frames go where the config says and nowhere else."""
    if not is_loopback(url):
        return {"follow_redirects": False}
    # No proxy of the environment between two programs of one machine; its certificates count.
    return {
        "follow_redirects": False,
        "trust_env": False,
        "verify": ssl.create_default_context(),
    }


def _hopeless(error: AnalysisError) -> ModelError:
    """The same, said of all further requests."""
    if isinstance(error, ModelError):
        return error
    return ModelError(
        f"{error.message} It failed too often to go on.",
        hint=error.hint,
        retriable=error.retriable,
        **error.context,
    )


def _lists(names: Sequence[str], model: str) -> bool:
    """Whether a model is listed: Ollama lists it with ``:latest``, Google with ``models/``."""
    return any(model in {n, n.removesuffix(":latest"), n.removeprefix("models/")} for n in names)


def _meant(said: str, wishes: set[str]) -> set[str]:
    """The wishes that a refusal is about; those that servers know least where it names none."""
    said = said.lower()
    named = {wish for wish in wishes if any(word in said for word in _WORDS[wish])}
    return named or wishes & {"response_format", "logprobs"}
