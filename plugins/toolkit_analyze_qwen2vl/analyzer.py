"""The analyzer: asks into prompts, batches that fit into memory, answers with their evidence."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from toolkit.errors import AnalysisError, CancelledError, ToolkitError
from toolkit.records import Answer, Ask, AskKind, Evidence, digest
from toolkit.stages.analysis import Analyzer, Look, Reply
from toolkit.stages.component import Cancel
from toolkit.stages.prompts import Prompts
from toolkit_analyze_qwen2vl import NAME, Qwen2VLOptions
from toolkit_analyze_qwen2vl.answers import Answering, Said
from toolkit_analyze_qwen2vl.decoding import check_form
from toolkit_analyze_qwen2vl.loading import load
from toolkit_analyze_qwen2vl.model import MARK, Prefix, VisionModel, is_out_of_memory
from toolkit_analyze_qwen2vl.weights import Weights, check

__all__ = ["Qwen2VLAnalyzer"]

log = logging.getLogger(__name__)


class Qwen2VLAnalyzer(Analyzer):
    """Describes scenes, answers questions, judges sentiment and scores labels, from one look."""

    kinds: frozenset[AskKind] = frozenset({"description", "question", "sentiment", "labels"})

    def __init__(self, options: Qwen2VLOptions, base: Path) -> None:
        self.batch_size = options.batch_size
        self._options = options
        self._prompts = Prompts.read(
            base / Path(options.prompts).expanduser() if options.prompts else None, options.style
        )
        self._weights = Weights.of(options.model, options.revision, base)
        self._identity = ""
        self._model: VisionModel | None = None
        self._asked: Answering | None = None
        self._revision = ""
        self._lock = threading.Lock()
        self._fits = options.batch_size

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
            self._asked = None
        if was_loaded:
            import torch

            torch.cuda.empty_cache()  # else torch keeps the GPU's memory for itself

    def analyze(
        self, looks: Sequence[Look], fingerprint: str, cancel: Cancel
    ) -> Iterator[Sequence[Reply]]:
        cancel.check()
        model = self._load()
        done = 0
        while done < len(looks):
            batch = looks[done : done + self._fits]
            seen = [look for look in batch if look.asks and len(look.frames)]
            replies = iter(self._replies(model, seen, fingerprint, cancel))
            for look in batch:
                if not look.asks:
                    yield []
                elif not len(look.frames):
                    yield _failed(look, AnalysisError("The scene has no frames to look at."))
                else:
                    yield next(replies)
            done += len(batch)

    def _load(self) -> VisionModel:
        with self._lock:
            if self._model is None:
                options = self._options
                folder, revision = self._weights.fetch(local_files_only=options.local_files_only)
                check(folder, options.model)
                self._model = load(
                    folder,
                    options.model,
                    device=options.device,
                    dtype=options.dtype,
                    min_pixels=options.min_pixels,
                    max_pixels=options.max_pixels,
                )
                self._revision = revision
            return self._model

    def _replies(
        self, model: VisionModel, looks: Sequence[Look], fingerprint: str, cancel: Cancel
    ) -> list[list[Reply]]:
        """Replies to a batch; one that fails is halved, down to the scene that is to blame."""
        if not looks:
            return []
        half = len(looks) // 2
        try:
            return self._look(model, looks, fingerprint, cancel)
        except CancelledError:
            raise
        except Exception as error:  # whatever torch and the processor raise
            is_short = is_out_of_memory(error)
            log.debug("%d scenes at once failed", len(looks), exc_info=True)
            if not half:
                return [_failed(looks[0], _explained(error, is_short))]
            if is_short:
                log.warning("%d scenes at once do not fit into memory, trying %d", len(looks), half)
                self._fits = min(self._fits, half)
        # Outside of the handler, whose error holds on to the memory of the attempt.
        return [
            *self._replies(model, looks[:half], fingerprint, cancel),
            *self._replies(model, looks[half:], fingerprint, cancel),
        ]

    def _look(
        self, model: VisionModel, looks: Sequence[Look], fingerprint: str, cancel: Cancel
    ) -> list[list[Reply]]:
        """Replies to a batch: one reading of the frames, then all that is asked about them."""
        started = time.perf_counter()
        cancel.check()
        frames = [look.frames for look in looks]
        prefix = model.read(
            [each.rgb for each in frames],
            [each.pts_s for each in frames],
            [self._prompts.conversation(each.pts_s.tolist(), MARK) for each in frames],
        )
        answers = self._answering(model).answer(prefix, [look.asks for look in looks], cancel)
        shared = {
            "model": self._options.model,
            "revision": self._revision,
            "dtype": model.dtype,
            "seconds": (time.perf_counter() - started) / sum(map(len, answers)),
        }
        return [
            [
                _reply(look, ask, fingerprint, said, shared | {"frame_size": size})
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
        """What the model reads of two grey frames: an empty input."""
        import numpy as np

        times_s = np.array([0.0, 1.0])
        grey = np.full((2, 112, 112, 3), 128, np.uint8)
        return model.read([grey], [times_s], [self._prompts.conversation(times_s.tolist(), MARK)])


def _reply(
    look: Look, ask: Ask, fingerprint: str, said: Said | AnalysisError, shared: dict[str, Any]
) -> Reply:
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


def _explained(error: Exception, is_short_of_memory: bool) -> AnalysisError:
    if is_short_of_memory:
        message = "The scene's frames do not fit into memory beside the model."
        hint = "Set max_pixels in [analysis], take fewer frames in [sampling], or a smaller model."
    else:
        message = f"The model could not answer: {error}."
        hint = None
    explained = AnalysisError(message, hint=hint)
    # Its frames would keep the attempt's tensors in memory.
    explained.__cause__ = error.with_traceback(None)
    return explained


def _failed(look: Look, error: ToolkitError) -> list[Reply]:
    return [(ask, error) for ask in look.asks]
