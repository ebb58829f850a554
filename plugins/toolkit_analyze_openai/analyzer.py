"""The analyzer: scenes side by side, and about each all that is asked."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import JsonValue

from toolkit.errors import AnalysisError, ModelError, ToolkitError
from toolkit.records import Answer, AnswerType, Ask, AskKind, Evidence, SynthesisKind, digest
from toolkit.stages.analysis import Analyzer, Look, Reply
from toolkit.stages.component import Cancel
from toolkit.stages.prompts import Prompts
from toolkit.stages.verdicts import (
    NOT_VISIBLE,
    SENTIMENTS,
    abstains,
    candidates,
    empty_frames,
    verdict,
)
from toolkit.stages.writing import Prompt, Writer, Written
from toolkit_analyze_openai import NAME, OpenAIOptions, is_loopback
from toolkit_analyze_openai.answers import Given, Talk
from toolkit_analyze_openai.conversation import jpegs, parts
from toolkit_analyze_openai.loop import Background
from toolkit_analyze_openai.server import Server
from toolkit_analyze_openai.text import estimate, write

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["OpenAIAnalyzer"]

T = TypeVar("T")
log = logging.getLogger(__name__)

_SENTIMENT = AnswerType(kind="one_of", choices=SENTIMENTS)
_PIXELS_A_TOKEN = 28 * 28  # Qwen's; only an estimate, put right by what the server counts


class OpenAIAnalyzer(Analyzer, Writer):
    """Describes scenes, answers questions, judges sentiment and scores labels, by a server's model.

    Writes about whole videos from what it said about their scenes. Requests run in an event loop
    of their own thread: so a cancelled run closes its connections, and a server that watches them
    stops working.
    """

    overhead = 64  # of chat templates
    kinds: frozenset[AskKind] = frozenset(
        {"description", "question", "sentiment", "labels", "tags"}
    )

    def __init__(self, options: OpenAIOptions, base: Path) -> None:
        self.remote = not is_loopback(options.url)
        self.batch_size = options.concurrency
        self._options = options
        self._prompts = Prompts.read(
            base / Path(options.prompts).expanduser() if options.prompts else None,
            options.style,
            base / Path(options.examples).expanduser() if options.examples else None,
        )
        self._background: Background | None = None
        self._server: Server | None = None
        self._scenes: asyncio.Semaphore | None = None
        self._empty: Talk | None = None

    def identity(self) -> dict[str, JsonValue]:
        return {"prompts": self._prompts.shared_hash}

    def asks(self, wanted: Iterable[Ask]) -> Sequence[Ask]:
        return [self._prompts.ask(ask) for ask in wanted]

    def analyze(
        self, looks: Sequence[Look], fingerprint: str, cancel: Cancel
    ) -> Iterator[Sequence[Reply]]:
        cancel.check()
        background, _ = self._begun()
        scenes = [background.start(self._scene(look, fingerprint)) for look in looks]
        try:
            for scene in scenes:
                replies = _result(scene, cancel)
                errors = [reply[1] for reply in replies if isinstance(reply, tuple)]
                hopeless = [error for error in errors if isinstance(error, ModelError)]
                if replies and len(hopeless) == len(replies):
                    raise hopeless[0]
                yield replies
        finally:
            for scene in scenes:
                scene.cancel()

    def wording(self, kind: SynthesisKind, name: str) -> Prompt:
        return self._prompts.wording(kind, name)

    def count(self, texts: Sequence[str], cancel: Cancel) -> list[int]:
        return [estimate(text) for text in texts]

    def write(self, prompts: Sequence[Prompt], limit: int, cancel: Cancel) -> list[Written]:
        cancel.check()
        background, server = self._begun()
        texts = [background.start(write(server, self._options, one, limit)) for one in prompts]
        try:
            return [_result(text, cancel) for text in texts]
        finally:
            for text in texts:
                text.cancel()

    def _begun(self) -> tuple[Background, Server]:
        if self._background is None:
            self._background = Background(f"{NAME}-requests")
            self._background.start(self._begin()).result()
        assert self._server
        self._server.recover()
        return self._background, self._server

    async def _begin(self) -> None:
        self._server = Server(self._options)
        self._scenes = asyncio.Semaphore(self._options.concurrency)
        grey, times_s = empty_frames()
        self._empty = self._talk(grey, times_s.tolist(), None)

    def _talk(
        self, rgb: npt.NDArray[np.uint8], times_s: Sequence[float], empty: Talk | None
    ) -> Talk:
        assert self._server
        options = self._options
        shown = parts(jpegs(rgb, options.jpeg_quality), as_video=options.frames == "video")
        system, line = self._prompts.system, self._prompts.line(times_s)
        tokens = rgb.size // 3 // _PIXELS_A_TOKEN + 100 + len(self._prompts.examples) // 4
        return Talk(self._server, system, shown, line, tokens, empty)

    def close(self) -> None:
        background, server = self._background, self._server
        self._background = self._server = self._empty = None
        if background is None:
            return
        if server:
            background.start(server.close()).result()
            log.info(
                "%s: %d requests, %d tokens in, %d out, cost %.4f",
                self._options.url,
                server.requests,
                server.tokens_in,
                server.tokens_out,
                self._cost(server.tokens_in, server.tokens_out),
            )
        background.close()

    def _cost(self, tokens_in: int, tokens_out: int) -> float:
        options = self._options
        return (tokens_in * options.price_in + tokens_out * options.price_out) / 1e6

    async def _scene(self, look: Look, fingerprint: str) -> list[Reply]:
        """The replies about one scene.

        The first ask goes alone, so that a server that keeps prefixes has the frames when the
        others come, all at once.
        """
        if not look.asks:
            return []
        if not len(look.frames):
            error = AnalysisError("The scene has no frames to look at.")
            return [(ask, error) for ask in look.asks]
        assert self._server
        assert self._scenes
        async with self._scenes:  # the frames of waiting scenes are not encoded yet
            try:
                await self._server.check()
            except ModelError as error:
                return [(ask, error) for ask in look.asks]
            times_s = look.frames.pts_s.tolist()
            talk = await asyncio.to_thread(self._talk, look.frames.rgb, times_s, self._empty)
            first, *others = look.asks
            replies = [await self._reply(talk, look, first, fingerprint)]
            replies += await asyncio.gather(
                *(self._reply(talk, look, ask, fingerprint) for ask in others)
            )
            return replies

    async def _reply(self, talk: Talk, look: Look, ask: Ask, fingerprint: str) -> Reply:
        started = time.perf_counter()
        try:
            given = await self._answer(talk, ask)
        except ToolkitError as error:
            return ask, error
        tokens_in = sum(said.tokens_in for said in given.said)
        tokens_out = sum(said.tokens_out for said in given.said)
        height, width = look.frames.rgb.shape[1:3]
        evidence = Evidence(
            frame_times_s=tuple(look.frames.pts_s.tolist()),
            frame_size=(width, height),
            model=self._options.model,
            revision=next((said.revision for said in given.said), ""),
            prompt_hash=digest("prompt", ask.prompt),
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            cost=self._cost(tokens_in, tokens_out),
            finish_reason=given.finish_reason,
            seconds=time.perf_counter() - started,
        )
        return Answer.of(
            look.frames.scene,
            fingerprint,
            NAME,
            ask,
            text=given.text,
            value=given.value,
            confidence=given.confidence,
            abstained=given.abstained,
            evidence=evidence,
        )

    async def _answer(self, talk: Talk, ask: Ask) -> Given:
        options, questions = self._options, self._prompts.questions(ask)
        counted: list[list[float]] = []
        if ask.kind == "labels" or ask.type.kind == "many_of":
            given, counted = await talk.each(questions)
        elif candidates(ask):
            form = _SENTIMENT if ask.kind == "sentiment" else ask.type
            given, found = await talk.chosen(questions[0], form)
            counted = [found] if found else []
        else:
            limit = options.max_answer_tokens
            if ask.kind == "description":
                limit = options.max_description_tokens
            elif ask.type.kind == "json":
                limit = options.max_json_tokens
            given = await talk.written(questions[0], ask.type, limit)
        if counted:
            decided = verdict(ask, counted)
            given.text, given.value = decided.text, decided.value
            # Of words without probabilities nobody knows how sure the model was.
            is_scored = given.finish_reason == "scored"
            given.confidence = decided.confidence if is_scored else None
        if abstains(ask, given.confidence, options.abstain_below):
            given.text, given.value, given.abstained = NOT_VISIBLE, None, True
        return given


def _result(work: concurrent.futures.Future[T], cancel: Cancel) -> T:
    while not work.done():
        concurrent.futures.wait([work], timeout=0.1)
        cancel.check()
    return work.result()
