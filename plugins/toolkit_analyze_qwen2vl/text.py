"""Text from text: the same model, without frames."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from toolkit.errors import AnalysisError
from toolkit.records import AnswerType, Evidence
from toolkit.stages.component import Cancel
from toolkit.stages.writing import Prompt, Written
from toolkit_analyze_qwen2vl.generating import Request, generate
from toolkit_analyze_qwen2vl.memory import is_out_of_memory
from toolkit_analyze_qwen2vl.model import VisionModel
from toolkit_analyze_qwen2vl.preparing import MARK

__all__ = ["TextModel"]

log = logging.getLogger(__name__)
_AT_ONCE = 4


class TextModel:
    """A model as a writer. Belongs to one thread at a time.

    Args:
        model: The model.
        evidence: What all texts rest on: model, revision, number format.
    """

    def __init__(self, model: VisionModel, evidence: Evidence) -> None:
        self._model = model
        self._evidence = evidence
        self._fits = _AT_ONCE

    def count(self, texts: Sequence[str]) -> list[int]:
        """The number of tokens of each text."""
        return [len(self._model.ids(text)) for text in texts]

    def write(self, prompts: Sequence[Prompt], limit: int, cancel: Cancel) -> list[Written]:
        """A text for each prompt, word by word, always taking the likeliest.

        A few at once; when memory runs out, half as many from then on.

        Raises:
            AnalysisError: Not even one prompt fits into memory.
            CancelledError: ``cancel`` was set; looked at before every token.
        """
        written: list[Written] = []
        while len(written) < len(prompts):
            cancel.check()
            batch = prompts[len(written) : len(written) + self._fits]
            try:
                written += self._batch(batch, limit, cancel)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                if len(batch) == 1:
                    raise AnalysisError(
                        "The notes about the video do not fit into memory beside the model.",
                        hint="Lower synthesis_tokens in [analysis], or take a smaller model.",
                    ) from error.with_traceback(None)  # else it holds on to the memory
                self._fits = len(batch) // 2
                log.warning("%d texts at once do not fit into memory", len(batch))
        return written

    def _batch(self, prompts: Sequence[Prompt], limit: int, cancel: Cancel) -> list[Written]:
        started = time.perf_counter()
        prefix = self._model.read_text(
            [
                [
                    {"role": "system", "content": prompt.system},
                    {"role": "user", "content": prompt.user + MARK},
                ]
                for prompt in prompts
            ]
        )
        requests = [Request(row, "", AnswerType(), limit) for row in range(len(prompts))]
        written = []
        for said in generate(self._model, prefix, requests, cancel):
            if isinstance(said, AnalysisError):
                raise said
            evidence = self._evidence.model_copy(
                update={
                    "tokens_in": said.tokens_in,
                    "tokens_out": said.tokens_out,
                    "finish_reason": said.finish_reason,
                    "seconds": (time.perf_counter() - started) / len(prompts),
                }
            )
            written.append(Written(said.text, evidence))
        return written
