"""The analyzer on vLLM: the same asks and answers, its engine in place of transformers' model."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from toolkit.errors import AnalysisError, CancelledError, ModelError, ToolkitError
from toolkit.records import Evidence
from toolkit.stages.analysis import Look, Reply
from toolkit.stages.component import Cancel
from toolkit.stages.writing import Prompt, Written
from toolkit_analyze_qwen2vl.analyzer import Qwen2VLAnalyzer, reply
from toolkit_analyze_qwen2vl.calling import OfflineModel
from toolkit_analyze_qwen2vl.checking import check
from toolkit_analyze_qwen2vl.engine import start
from toolkit_analyze_qwen2vl.loading import read_processor
from toolkit_analyze_qwen2vl.ways import first_line

__all__ = ["OfflineAnalyzer"]


class OfflineAnalyzer(Qwen2VLAnalyzer):
    """Qwen-VL on vLLM's engine, in this process."""

    _offline: OfflineModel | None = None

    def close(self) -> None:
        with self._lock:
            offline, self._offline = self._offline, None
        if offline:
            offline.engine.close()

    def analyze(
        self, looks: Sequence[Look], fingerprint: str, cancel: Cancel
    ) -> Iterator[Sequence[Reply]]:
        cancel.check()
        model = self._started(cancel)
        seen = [look for look in looks if look.asks and len(look.frames)]
        try:
            replies = iter(self._replies(model, seen, fingerprint, cancel))
        except CancelledError:
            raise
        except Exception:  # noqa: BLE001 - whatever vLLM raises; one scene's trouble is its own
            replies = iter([self._alone(model, look, fingerprint, cancel) for look in seen])
        for look in looks:
            if look.asks and not len(look.frames):
                yield [
                    (ask, AnalysisError("The scene has no frames to look at.")) for ask in look.asks
                ]
            else:
                yield next(replies) if look.asks else []

    def count(self, texts: Sequence[str], cancel: Cancel) -> list[int]:
        model = self._started(cancel)
        return [len(model.ids(text)) for text in texts]

    def write(self, prompts: Sequence[Prompt], limit: int, cancel: Cancel) -> list[Written]:
        model, started = self._started(cancel), time.perf_counter()
        try:
            texts = model.write(prompts, limit, cancel)
        except ToolkitError:
            raise
        except Exception as error:
            raise AnalysisError(f"vLLM could not write: {first_line(error)}.") from error
        shared = self._shared(model, (time.perf_counter() - started) / max(1, len(prompts)))
        return [
            Written(
                text.text,
                Evidence(
                    tokens_in=text.tokens_in,
                    tokens_out=text.tokens_out,
                    finish_reason=text.finish_reason,
                    **shared,
                ),
            )
            for text in texts
        ]

    def _replies(
        self, model: OfflineModel, looks: Sequence[Look], fingerprint: str, cancel: Cancel
    ) -> list[list[Reply]]:
        started = time.perf_counter()
        scenes = [(model.show(look.frames.rgb, look.frames.pts_s), look.asks) for look in looks]
        answers = model.answer(scenes, cancel)
        spent = time.perf_counter() - started
        shared = self._shared(model, spent / max(1, sum(map(len, answers))))
        return [
            [
                reply(look, ask, fingerprint, said, shared | {"frame_size": shown.size})
                for ask, said in zip(look.asks, each, strict=True)
            ]
            for look, each, (shown, _) in zip(looks, answers, scenes, strict=True)
        ]

    def _alone(
        self, model: OfflineModel, look: Look, fingerprint: str, cancel: Cancel
    ) -> list[Reply]:
        try:
            [replies] = self._replies(model, [look], fingerprint, cancel)
        except CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever vLLM and the processor raise
            failed = AnalysisError(f"vLLM could not answer: {first_line(error)}.")
            failed.__cause__ = error.with_traceback(None)
            return [(ask, failed) for ask in look.asks]
        return replies

    def _shared(self, model: OfflineModel, seconds: float) -> dict[str, Any]:
        """What the evidence of a batch has in common."""
        return {
            "model": self._options.model,
            "revision": self._revision,
            "dtype": model.engine.dtype,
            "device": model.engine.device,
            "seconds": seconds,
        }

    def _started(self, cancel: Cancel) -> OfflineModel:
        with self._lock:
            if self._offline is None:
                self._offline = self._start(cancel)
            return self._offline

    def _start(self, cancel: Cancel) -> OfflineModel:
        options = self._options
        fetched = self._weights.fetch(cancel, local_files_only=options.local_files_only)
        folder, self._revision = fetched
        check(folder, options.model, by_transformers=False)
        try:
            processor = read_processor(folder, options.min_pixels, options.max_pixels)
            ends = _ends(folder, processor.tokenizer)
        except Exception as error:  # a damaged file fails in as many ways as it can be damaged
            raise ModelError(
                f"The model '{options.model}' cannot be loaded ({first_line(error)}).",
                hint="`toolkit models check` says which of its files are damaged.",
                model=options.model,
            ) from error
        engine = start(
            folder,
            options.model,
            device=options.device,
            dtype=options.dtype,
            memory_share=options.memory_share,
            ends=ends,
            pixels=dict(processor.video_processor.size),
        )
        return OfflineModel(engine, processor, ends, self._prompts, options)


def _ends(folder: Path, tokenizer: Any) -> frozenset[int]:
    """The tokens that end an answer."""
    from transformers import GenerationConfig

    ends = GenerationConfig.from_pretrained(folder).eos_token_id
    return frozenset({*(ends if isinstance(ends, list) else [ends]), tokenizer.eos_token_id})
