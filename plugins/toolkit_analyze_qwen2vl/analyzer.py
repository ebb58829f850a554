"""The analyzer: asks into prompts, batches that fit into memory, answers with their evidence."""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from toolkit.errors import AnalysisError
from toolkit.records import Answer, Ask, AskKind, Evidence, SynthesisKind, digest
from toolkit.stages.analysis import Analyzer, Look, Reply
from toolkit.stages.component import Cancel
from toolkit.stages.loading import loading, unloaded
from toolkit.stages.prompts import Prompts
from toolkit.stages.verdicts import empty_frames
from toolkit.stages.writing import Prompt, Writer, Written
from toolkit_analyze_qwen2vl import NAME, Qwen2VLOptions
from toolkit_analyze_qwen2vl.answers import Answering, Said
from toolkit_analyze_qwen2vl.checking import check
from toolkit_analyze_qwen2vl.decoding import check_form
from toolkit_analyze_qwen2vl.fitting import Fitting, Steps
from toolkit_analyze_qwen2vl.loading import load
from toolkit_analyze_qwen2vl.memory import default_batch_tokens
from toolkit_analyze_qwen2vl.model import Prefix, VisionModel
from toolkit_analyze_qwen2vl.preparing import MARK, Prepared
from toolkit_analyze_qwen2vl.text import TextModel
from toolkit_analyze_qwen2vl.weights import Weights

__all__ = ["Qwen2VLAnalyzer", "reply"]

log = logging.getLogger(__name__)


class Qwen2VLAnalyzer(Analyzer, Writer):
    """Describes scenes, answers questions, judges sentiment and scores labels, from one look.

    Writes about whole videos from what it said about their scenes.
    """

    overhead = 32  # the chat template's
    kinds: frozenset[AskKind] = frozenset(
        {"description", "question", "sentiment", "labels", "tags"}
    )
    accelerated = True
    batch_size = 32  # out of which scenes of like length share batches

    def __init__(self, options: Qwen2VLOptions, base: Path) -> None:
        self._options = options
        self._prompts = Prompts.read(
            base / Path(options.prompts).expanduser() if options.prompts else None,
            options.style,
            base / Path(options.examples).expanduser() if options.examples else None,
        )
        self._weights = Weights.of(options.model, options.revision, base)
        self._identity = ""
        self._model: VisionModel | None = None
        self._text: TextModel | None = None
        self._asked: Answering | None = None
        self._revision = ""
        self._example_tokens = 0
        self._lock = threading.Lock()
        self._fitting: Fitting | None = None

    def identity(self) -> dict[str, JsonValue]:
        # Read once: files that change under a run must not change its keys halfway.
        self._identity = self._identity or self._weights.identity()
        return {"model": self._identity, "prompts": self._prompts.shared_hash}

    def asks(self, wanted: Iterable[Ask]) -> Sequence[Ask]:
        asks = [self._prompts.ask(ask) for ask in wanted]
        for ask in asks:
            check_form(ask.type)
        return asks

    def close(self) -> None:
        with self._lock:
            was_loaded, self._model = self._model is not None, None
            self._asked = self._text = None
        if was_loaded:
            import torch

            torch.cuda.empty_cache()  # else torch keeps the GPU's memory for itself
            unloaded()

    def analyze(
        self, looks: Sequence[Look], fingerprint: str, cancel: Cancel
    ) -> Iterator[Sequence[Reply]]:
        cancel.check()
        model = self._load(cancel)
        if self._fitting is None:
            budget = self._options.batch_tokens or default_batch_tokens(model)
            self._fitting = Fitting(budget)
        steps = Steps(
            tokens=lambda look: model.tokens(*look.frames.rgb.shape[:3]) + self._example_tokens,
            prepare=functools.partial(self._prepare, model),
            answer=lambda looks, prepared: self._look(model, looks, prepared, fingerprint, cancel),
        )
        yield from self._fitting.replies(looks, steps)

    def wording(self, kind: SynthesisKind, name: str) -> Prompt:
        return self._prompts.wording(kind, name)

    def count(self, texts: Sequence[str], cancel: Cancel) -> list[int]:
        return self._writer(cancel).count(texts)

    def write(self, prompts: Sequence[Prompt], limit: int, cancel: Cancel) -> list[Written]:
        cancel.check()
        return self._writer(cancel).write(prompts, limit, cancel)

    def _writer(self, cancel: Cancel) -> TextModel:
        model = self._load(cancel)
        if self._text is None:
            evidence = Evidence(
                model=self._options.model,
                revision=self._revision,
                dtype=model.dtype,
                device=model.device,
            )
            self._text = TextModel(model, evidence)
        return self._text

    def _load(self, cancel: Cancel) -> VisionModel:
        with self._lock:
            if self._model is None:
                options = self._options
                folder, revision = self._weights.fetch(
                    cancel, local_files_only=options.local_files_only
                )
                check(folder, options.model)
                with loading():
                    self._model = load(
                        folder,
                        options.model,
                        device=options.device,
                        dtype=options.dtype,
                        attention=options.attention,
                        min_pixels=options.min_pixels,
                        max_pixels=options.max_pixels,
                    )
                self._revision = revision
                if self._prompts.examples:
                    with_them, without = (
                        len(self._model.ids(text))
                        for text in (self._prompts.system, self._prompts.texts["system"])
                    )
                    self._example_tokens = with_them - without
                    log.info("the examples add %d tokens to each scene", self._example_tokens)
            return self._model

    def _prepare(self, model: VisionModel, looks: Sequence[Look], max_pixels: int) -> Prepared:
        frames = [look.frames for look in looks]
        return model.prepare(
            [each.rgb for each in frames],
            [each.pts_s for each in frames],
            [self._prompts.conversation(each.pts_s.tolist(), MARK) for each in frames],
            max_pixels=max_pixels,
        )

    def _look(
        self,
        model: VisionModel,
        looks: Sequence[Look],
        prepared: Prepared,
        fingerprint: str,
        cancel: Cancel,
    ) -> list[list[Reply]]:
        """Replies to a batch: one reading of the frames, then all that is asked about them."""
        started = time.perf_counter()
        cancel.check()
        prefix = model.read(prepared)
        answers = self._answering(model).answer(prefix, [look.asks for look in looks], cancel)
        shared = {
            "model": self._options.model,
            "revision": self._revision,
            "dtype": model.dtype,
            "device": model.device,
            "seconds": (time.perf_counter() - started) / sum(map(len, answers)),
        }
        return [
            [
                reply(look, ask, fingerprint, said, shared | {"frame_size": size})
                for ask, said in zip(look.asks, each, strict=True)
            ]
            for look, each, size in zip(looks, answers, prefix.frame_sizes, strict=True)
        ]

    def _answering(self, model: VisionModel) -> Answering:
        if self._asked is None:
            self._asked = Answering(
                model, self._prompts, self._options, lambda: self._read_nothing(model)
            )
        return self._asked

    def _read_nothing(self, model: VisionModel) -> Prefix:
        """What the model reads of an empty input."""
        grey, times_s = empty_frames()
        chat = self._prompts.conversation(times_s.tolist(), MARK)
        return model.read(model.prepare([grey], [times_s], [chat]))


def reply(
    look: Look, ask: Ask, fingerprint: str, said: Said | AnalysisError, shared: dict[str, Any]
) -> Reply:
    """What was said, with its evidence; ``shared`` is what all that was said has in common."""
    if isinstance(said, AnalysisError):
        return ask, said
    evidence = Evidence(
        frame_times_s=tuple(look.frames.pts_s.tolist()),
        prompt_hash=digest("prompt", ask.prompt),
        tokens_in=said.tokens_in,
        tokens_out=said.tokens_out,
        finish_reason=said.finish_reason,
        **shared,
    )
    return Answer.of(
        look.frames.scene,
        fingerprint,
        NAME,
        ask,
        text=said.text,
        value=said.value,
        confidence=said.confidence,
        abstained=said.abstained,
        evidence=evidence,
    )
