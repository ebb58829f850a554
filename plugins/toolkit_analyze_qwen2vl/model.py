"""A loaded Qwen-VL: frames are encoded once, and every question branches off what was read.

The prompt of a scene is a prefix (system, frames, frames line), the same for all that is asked,
and a question. The prefix goes through the model once; its key-value cache is then repeated, a
row a question, and only the question's tokens and the answer's are computed.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolkit.stages.component import Cancel
from toolkit_analyze_qwen2vl.preparing import Preparation, Prepared
from toolkit_analyze_qwen2vl.speed import branch_cache

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["Generated", "Prefix", "VisionModel"]


@dataclass(frozen=True)
class Prefix:
    """What the model read of a batch of scenes.

    Attributes:
        cache: Keys and values of every layer, a row a scene.
        mask: 1 where a row has a token, 0 where it is padded, as (scenes, tokens).
        shift: What M-RoPE adds to a token's place to get its position, as (scenes, 1).
        tail: What follows a question, up to where the answer begins.
        tokens: Number of tokens of each scene.
        frame_sizes: Width and height in pixels of each scene's frames as the model saw them.
    """

    cache: Any
    mask: Any
    shift: Any
    tail: str
    tokens: list[int]
    frame_sizes: list[tuple[int, int]]


@dataclass(frozen=True)
class Generated:
    """An answer: its text, how sure each token was on average, and how it ended."""

    text: str
    confidence: float
    tokens_in: int
    tokens_out: int
    finish_reason: str


@dataclass(frozen=True)
class _Branch:
    """Rows that continue a prefix: cache, mask, places, and the last logits."""

    cache: Any
    mask: Any
    places: Any
    logits: Any


class VisionModel:
    """A checkpoint and its processor. All but `prepare` is for one thread at a time."""

    def __init__(self, model: Any, processor: Any) -> None:
        self._model = model
        self._tokenizer = processor.tokenizer
        self._preparation = Preparation(copy.deepcopy(processor), pin=model.device.type == "cuda")
        ends = model.generation_config.eos_token_id
        ends = ends if isinstance(ends, list) else [ends]
        self._ends = {*ends, self._tokenizer.eos_token_id}

    @property
    def dtype(self) -> str:
        """The number format of the weights."""
        return str(self._model.dtype).removeprefix("torch.")

    @property
    def device(self) -> str:
        """Where the model takes its input: "cpu", "cuda:0"."""
        return str(self._model.device)

    def tokens(self, frames: int, height: int, width: int) -> int:
        """About how many tokens a scene's prompt has; see :meth:`Preparation.tokens`."""
        return self._preparation.tokens(frames, height, width)

    def prepare(
        self,
        videos: Sequence[npt.NDArray[np.uint8]],
        times_s: Sequence[npt.NDArray[np.float64]],
        conversations: Sequence[Any],
        *,
        max_pixels: int = 0,
    ) -> Prepared:
        """See :meth:`Preparation.prepare`; may be called from a second thread."""
        return self._preparation.prepare(videos, times_s, conversations, max_pixels=max_pixels)

    def read(self, prepared: Prepared) -> Prefix:
        """Encode the frames of some scenes and read their prompts up to the question."""
        import torch

        device = self._model.device
        inputs = {
            # From pinned memory the copy runs while the GPU still works on what came before.
            name: value.to(device, non_blocking=True) if hasattr(value, "to") else value
            for name, value in prepared.inputs.items()
        }
        with torch.inference_mode():
            seen = self._model(**inputs, use_cache=True, logits_to_keep=1)
        return Prefix(
            cache=seen.cache,
            mask=inputs["attention_mask"],
            shift=self._model.model.rope_deltas.clone(),
            tail=prepared.tail,
            # Counted on the CPU: asking the GPU would wait for it.
            tokens=prepared.inputs["attention_mask"].sum(1).tolist(),
            frame_sizes=prepared.frame_sizes,
        )

    def generate(
        self,
        prefix: Prefix,
        scenes: Sequence[int],
        questions: Sequence[str],
        limits: Sequence[int],
        cancel: Cancel,
    ) -> list[Generated]:
        """Answer questions word by word, always taking the likeliest.

        Args:
            prefix: What the model read.
            scenes: For each question, the scene it is about.
            questions: The questions, as many rows of one batch.
            limits: For each question, the most tokens of its answer.
            cancel: Looked at before every token.

        Raises:
            CancelledError: ``cancel`` was set.
        """
        import torch

        prompts = [self._ids(question + prefix.tail) for question in questions]
        answers: list[list[int]] = [[] for _ in questions]
        log_p = [0.0] * len(questions)
        live = list(range(len(questions)))
        with torch.inference_mode():
            cancel.check()
            branch = self._branch(prefix, scenes, prompts, logits_to_keep=1)
            while True:
                best, tokens = branch.logits[:, -1].float().log_softmax(-1).max(-1)
                for row, gained, token in zip(live, best.tolist(), tokens.tolist(), strict=True):
                    log_p[row] += gained
                    answers[row].append(token)
                going = [
                    place
                    for place, row in enumerate(live)
                    if answers[row][-1] not in self._ends and len(answers[row]) < limits[row]
                ]
                if not going:
                    break
                cancel.check()
                live = [live[place] for place in going]
                branch = self._step(branch, tokens, going)
        return [
            Generated(
                text=self._tokenizer.decode(answer, skip_special_tokens=True).strip(),
                confidence=math.exp(total / len(answer)),
                tokens_in=prefix.tokens[scene] + len(prompt),
                tokens_out=len(answer),
                finish_reason="stop" if answer[-1] in self._ends else "length",
            )
            for scene, prompt, answer, total in zip(scenes, prompts, answers, log_p, strict=True)
        ]

    def score(
        self,
        prefix: Prefix,
        scenes: Sequence[int],
        question: str,
        labels: Sequence[str],
        cancel: Cancel,
    ) -> list[list[Generated]]:
        """How likely each scene's answer to the question starts with each of the labels.

        The probability of a label is that of its tokens in a row; ``confidence`` is its share
        among the labels, so that the labels of a scene add up to 1.

        Raises:
            CancelledError: ``cancel`` was set.
        """
        import torch

        prompt = self._ids(question + prefix.tail)
        words = [self._ids(label) for label in labels]
        rows = [scene for scene in scenes for _ in labels]
        wanted = words * len(scenes)
        cancel.check()
        with torch.inference_mode():
            branch = self._branch(
                prefix,
                rows,
                [prompt + word for word in wanted],
                logits_to_keep=1 + max(map(len, words)),
            )
            log_p = branch.logits[:, :-1].float().log_softmax(-1)
            # Rows are padded on the left, so a label's tokens are predicted by the last places.
            totals = torch.stack(
                [
                    line[-len(word) :].gather(-1, line.new_tensor(word).long()[:, None]).sum()
                    for line, word in zip(log_p, wanted, strict=True)
                ]
            )
            shares = totals.view(len(scenes), len(labels)).softmax(-1).tolist()
        return [
            [
                Generated(label, share, prefix.tokens[scene] + len(prompt), len(word), "stop")
                for label, share, word in zip(labels, line, words, strict=True)
            ]
            for scene, line in zip(scenes, shares, strict=True)
        ]

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer(text, add_special_tokens=False).input_ids
        return ids

    def _branch(
        self, prefix: Prefix, scenes: Sequence[int], prompts: Sequence[list[int]], **options: int
    ) -> _Branch:
        """Continue the prefix of each row's scene with the row's tokens."""
        import torch

        device = self._model.device
        rows = torch.tensor(list(scenes), device=device)
        padded = self._tokenizer.pad({"input_ids": list(prompts)}, return_tensors="pt").to(device)
        mask = torch.cat([prefix.mask[rows], padded["attention_mask"]], 1)
        places = (mask.cumsum(1) - 1)[:, prefix.mask.shape[1] :] + prefix.shift[rows]
        return self._forward(
            padded["input_ids"], mask, places, branch_cache(prefix.cache, rows), **options
        )

    def _step(self, branch: _Branch, tokens: Any, going: list[int]) -> _Branch:
        """Take in each row's last token; rows that are done leave the batch."""
        import torch

        mask, places = branch.mask, branch.places
        if len(going) < len(tokens):
            rows = torch.tensor(going, device=tokens.device)
            branch.cache.batch_select_indices(rows)
            tokens, mask, places = tokens[rows], mask[rows], places[rows]
        mask = torch.cat([mask, mask.new_ones(len(mask), 1)], 1)
        return self._forward(tokens[:, None], mask, places[:, -1:] + 1, branch.cache)

    def _forward(self, ids: Any, mask: Any, places: Any, cache: Any, **options: int) -> _Branch:
        out = self._model(
            input_ids=ids,
            attention_mask=mask,
            # Text has the same position in time, height and width.
            position_ids=places.expand(3, *places.shape),
            cache=cache,
            use_cache=True,
            **options,
        )
        return _Branch(cache, mask, places, out.logits)
