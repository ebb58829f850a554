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

from toolkit_analyze_qwen2vl.decoding import Grammars

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["MARK", "Branch", "Prefix", "VisionModel", "branch_cache", "is_out_of_memory"]

MARK = "\x1fquestion\x1f"
"""Stands for the question while the chat template is applied."""


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
    """A checkpoint and its processor. Belongs to one thread at a time."""

    def __init__(self, model: Any, processor: Any) -> None:
        self._model = model
        self._processor = processor
        self._tokenizer = processor.tokenizer
        ends = model.generation_config.eos_token_id
        ends = ends if isinstance(ends, list) else [ends]
        self.end: int = self._tokenizer.eos_token_id
        self.ends = frozenset({*ends, self.end})

    @property
    def dtype(self) -> str:
        """The number format of the weights."""
        return str(self._model.dtype).removeprefix("torch.")

    def read(
        self,
        videos: Sequence[npt.NDArray[np.uint8]],
        times_s: Sequence[npt.NDArray[np.float64]],
        conversations: Sequence[Any],
    ) -> Prefix:
        """Encode the frames of some scenes and read their prompts up to :data:`MARK`.

        Args:
            videos: The frames of each scene, (n, height, width, 3); n and size may differ.
            times_s: The times of each scene's frames, (n,).
            conversations: The chat about each scene, :data:`MARK` where the question comes.
        """
        import torch

        chats = [
            self._processor.apply_chat_template(chat, add_generation_prompt=True)
            for chat in conversations
        ]
        heads = [chat.partition(MARK)[0] for chat in chats]
        inputs = self._processor(
            text=heads,
            videos=list(videos),
            padding=True,
            return_tensors="pt",
            do_sample_frames=False,
            input_data_format="channels_last",
            video_metadata=[_metadata(times) for times in times_s],
        ).to(self._model.device)
        with torch.inference_mode():
            seen = self._model(**inputs, use_cache=True, logits_to_keep=1)
        patch = self._processor.video_processor.patch_size
        return Prefix(
            cache=seen.cache,
            mask=inputs["attention_mask"],
            shift=self._model.model.rope_deltas.clone(),
            tail=chats[0].partition(MARK)[2],
            tokens=inputs["attention_mask"].sum(1).tolist(),
            frame_sizes=[
                (width * patch, height * patch)
                for _, height, width in inputs["video_grid_thw"].tolist()
            ],
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

    def branch(
        self, prefix: Prefix, scenes: Sequence[int], prompts: Sequence[list[int]], **options: int
    ) -> Branch:
        """Continue the prefix of each row's scene with the row's tokens."""
        import torch

        device = self._model.device
        rows = torch.tensor(list(scenes), device=device)
        padded = self._tokenizer.pad({"input_ids": list(prompts)}, return_tensors="pt").to(device)
        mask = torch.cat([prefix.mask[rows], padded["attention_mask"]], 1)
        places = (mask.cumsum(1) - 1)[:, prefix.mask.shape[1] :] + prefix.shift[rows]
        cache = branch_cache(prefix.cache, rows)
        return self.forward(padded["input_ids"], mask, places, cache, **options)

    def step(self, branch: Branch, tokens: Any, going: list[int]) -> Branch:
        """Take in each row's last token; rows that are done leave the batch."""
        import torch

        mask, places = branch.mask, branch.places
        if len(going) < len(tokens):
            rows = torch.tensor(going, device=tokens.device)
            branch.cache.batch_select_indices(rows)
            tokens, mask, places = tokens[rows], mask[rows], places[rows]
        mask = torch.cat([mask, mask.new_ones(len(mask), 1)], 1)
        return self.forward(tokens[:, None], mask, places[:, -1:] + 1, branch.cache)

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


def branch_cache(cache: Any, rows: Any) -> Any:
    """The cache for these rows of ``cache``, which stays as it is."""
    # A copy that shares the tensors: a layer that grows makes new ones.
    branched = copy.copy(cache)
    branched.layers = [copy.copy(layer) for layer in cache.layers]
    branched.batch_select_indices(rows)
    return branched


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out: the GPU's, or the machine's, which torch tells by text only."""
    import torch

    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError)
        and ("can't allocate memory" in str(error) or "out of memory" in str(error))
    )


def _metadata(times_s: npt.NDArray[np.float64]) -> dict[str, Any]:
    """The frames' times as the processor takes them: Qwen2.5-VL spaces its positions by them."""
    span_s = float(times_s[-1] - times_s[0])
    rate = (len(times_s) - 1) / span_s if span_s > 0 else 1.0
    return {
        "total_num_frames": len(times_s),
        "fps": rate,
        "frames_indices": list(range(len(times_s))),
    }
