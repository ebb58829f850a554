"""A loaded Qwen-VL: frames are encoded once, and every question branches off what was read.

The prompt of a scene is a prefix (system, frames, frames line), the same for all that is asked,
and a question. The prefix goes through the model once; its key-value cache is then repeated, a
row a question, and only the question's tokens and the answer's are computed.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolkit.records import AnswerType
from toolkit.stages.effort import note
from toolkit_analyze_qwen2vl.decoding import Grammars, Guide, is_decoded
from toolkit_analyze_qwen2vl.preparing import MARK, Preparation, Prepared
from toolkit_analyze_qwen2vl.speed import branch_cache
from toolkit_analyze_qwen2vl.stepping import Recorder

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["Branch", "Prefix", "VisionModel"]


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
class Branch:
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
        self._chat = processor.apply_chat_template
        self._preparation = Preparation(copy.deepcopy(processor), pin=model.device.type == "cuda")
        ends = model.generation_config.eos_token_id
        ends = ends if isinstance(ends, list) else [ends]
        self.end: int = self._tokenizer.eos_token_id
        self.ends = frozenset({*ends, self.end})
        self.recorder = Recorder(model)

    @property
    def dtype(self) -> str:
        """The number format of the weights."""
        return str(self._model.dtype).removeprefix("torch.")

    @property
    def device(self) -> str:
        """Where the model takes its input: "cpu", "cuda:0"."""
        return str(self._model.device)

    @property
    def token_bytes(self) -> int:
        """What keys and values of a token take, in all layers."""
        config = self._model.config.get_text_config()
        width = getattr(config, "head_dim", None)
        width = width or config.hidden_size // config.num_attention_heads
        numbers = 2 * config.num_hidden_layers * config.num_key_value_heads * width
        return int(numbers * self._model.dtype.itemsize)

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
        # Counted on the CPU: asking the GPU would wait for it.
        tokens = prepared.inputs["attention_mask"].sum(1).tolist()
        note(tokens_in=sum(tokens))
        with torch.inference_mode():
            seen = self._model(**inputs, use_cache=True, logits_to_keep=1)
        return Prefix(
            cache=seen.cache,
            mask=inputs["attention_mask"],
            shift=self._model.model.rope_deltas.clone(),
            tail=prepared.tail,
            tokens=tokens,
            frame_sizes=prepared.frame_sizes,
        )

    def read_text(self, conversations: Sequence[Any]) -> Prefix:
        """Read prompts without frames up to :data:`MARK`, which ends the user's words."""
        import torch

        chats = [self._chat(chat, add_generation_prompt=True) for chat in conversations]
        heads = [chat.rpartition(MARK)[0] for chat in chats]
        inputs = self._tokenizer(
            heads, add_special_tokens=False, padding=True, return_tensors="pt"
        ).to(self._model.device)
        mask = inputs["attention_mask"]
        places = (mask.cumsum(1) - 1).clamp(min=0)
        tokens = mask.sum(1).tolist()
        note(tokens_in=sum(tokens))
        with torch.inference_mode():
            seen = self._model(
                **inputs,
                position_ids=places.expand(3, *places.shape),
                use_cache=True,
                logits_to_keep=1,
            )
        return Prefix(
            cache=seen.cache,
            mask=mask,
            shift=mask.new_zeros(len(heads), 1),
            tail=chats[0].rpartition(MARK)[2],
            tokens=tokens,
            frame_sizes=[],
        )

    def ids(self, text: str) -> list[int]:
        """The tokens of a text."""
        ids: list[int] = self._tokenizer(text, add_special_tokens=False).input_ids
        return ids

    def text(self, ids: Sequence[int]) -> str:
        """The text of some tokens."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=True))

    @functools.cached_property
    def grammars(self) -> Grammars:
        """What keeps answers within their types."""
        return Grammars(self._tokenizer, self._model.lm_head.out_features, self.ends)

    def guide(self, form: AnswerType) -> Guide | None:
        """The way through the grammar of an answer; None where it is free."""
        return self.grammars.guide(form) if is_decoded(form) else None

    def branch(
        self, prefix: Prefix, scenes: Sequence[int], prompts: Sequence[list[int]], **options: int
    ) -> Branch:
        """Continue the prefix of each row's scene with the row's tokens."""
        import torch

        note(tokens_in=sum(map(len, prompts)))
        device = self._model.device
        rows = torch.tensor(list(scenes), device=device)
        padded = self._tokenizer.pad({"input_ids": list(prompts)}, return_tensors="pt").to(device)
        mask = torch.cat([prefix.mask[rows], padded["attention_mask"]], 1)
        places = (mask.cumsum(1) - 1)[:, prefix.mask.shape[1] :] + prefix.shift[rows]
        cache = branch_cache(prefix.cache, rows)
        return self.forward(padded["input_ids"], mask, places, cache, **options)

    def forward(self, ids: Any, mask: Any, places: Any, cache: Any, **options: Any) -> Branch:
        """Go on with tokens at these places, for which the cache has what came before."""
        out = self._model(
            input_ids=ids,
            attention_mask=mask,
            # Text has the same position in time, height and width.
            position_ids=places.expand(3, *places.shape),
            cache=cache,
            use_cache=True,
            **options,
        )
        return Branch(cache, mask, places, out.logits)
