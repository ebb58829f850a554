"""Where the library's plain way wastes time: attention, patches, a growing cache.

Each gives the same numbers as what it replaces, but for the order of additions.
"""

from __future__ import annotations

import functools
from collections import deque
from typing import Any

__all__ = ["ATTENTION", "FRAMES", "branch_cache", "by_matrix", "register"]

ATTENTION = "toolkit_grouped"
FRAMES = "toolkit_flash_frames"
"""Names under which :func:`register` makes our attention known to transformers: of the text, and of
the frames. The library gives one that has "flash" in its name all frames at once."""
_ROOM = 64  # tokens; answers are seldom longer


def register() -> None:
    """Make known how the text attends, and how frames do.

    Several query heads share one head of keys. Where a mask is needed, transformers repeats the
    keys, six times or more, all of a long prefix for the few tokens of a question. Here the heads
    that share keys are put behind each other as if they were more queries.
    See https://huggingface.co/docs/transformers/attention_interface.
    """
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.integrations.sdpa_attention import sdpa_attention_forward
    from transformers.masking_utils import sdpa_mask

    def attend(module: Any, query: Any, key: Any, value: Any, mask: Any, **options: Any) -> Any:
        import torch

        rows, heads, length, width = query.shape
        groups = module.num_key_value_groups
        # The mask grows instead of the keys: that pays for short questions, not for a prefix.
        pays = 1 < length <= key.shape[1] * width and groups > 1 and mask is not None
        if not pays or mask.shape[1] != 1:
            return sdpa_attention_forward(module, query, key, value, mask, **options)
        out = torch.nn.functional.scaled_dot_product_attention(
            query.reshape(rows, heads // groups, groups * length, width),
            key,
            value,
            attn_mask=mask.repeat(1, 1, groups, 1),
            scale=options.get("scaling"),
        )
        return out.reshape(rows, heads, length, width).transpose(1, 2).contiguous(), None

    AttentionInterface.register(ATTENTION, attend)
    AttentionMaskInterface.register(ATTENTION, sdpa_mask)
    AttentionInterface.register(FRAMES, _attend_frames())


def _attend_frames() -> Any:
    """Attention within each of many pictures, those of one size in one call.

    transformers calls once for each picture of each scene, and in every layer asks the GPU how
    large they are, which waits for all that it has to do.
    """
    known: deque[tuple[Any, list[tuple[int, Any]]]] = deque(maxlen=4)

    def sizes(ends: Any) -> list[tuple[int, Any]]:
        """Each length, and the tokens of the pictures that have it, as (pictures * length,)."""
        import torch

        for given, found in known:  # all layers are given the same
            if given is ends:
                return found
        lengths = ends.diff()
        of_token = lengths.repeat_interleave(lengths)
        found = [
            (length, torch.nonzero(of_token == length).flatten())
            for length in lengths.unique().tolist()
        ]
        known.append((ends, found))
        return found

    def attend(
        _: Any, query: Any, key: Any, value: Any, *, cu_seq_lens_q: Any, scaling: float, **__: Any
    ) -> Any:
        import torch

        out = torch.empty_like(query[0].transpose(0, 1))  # (tokens, heads, width)
        groups = sizes(cu_seq_lens_q)
        for length, places in groups:
            each = (
                tensor[0] if len(groups) == 1 else tensor[0, :, places]
                for tensor in (query, key, value)
            )
            attended = torch.nn.functional.scaled_dot_product_attention(
                *(tensor.unflatten(1, (-1, length)).transpose(0, 1) for tensor in each),
                scale=scaling,
            )
            flat = attended.transpose(1, 2).flatten(0, 1)
            if len(groups) == 1:
                return flat[None], None
            out[places] = flat
        return out[None], None

    return attend


def by_matrix(convolution: Any) -> Any:
    """A convolution whose steps do not overlap, as the matrix product that it is.

    torch's takes seven times as long on a CPU for the patches of a picture.
    """
    import torch

    class Patches(torch.nn.Linear):  # type: ignore[misc]
        def forward(self, patches: Any) -> Any:
            return super().forward(patches.flatten(1))

    if convolution.kernel_size != convolution.stride:
        raise ValueError("the convolution's steps overlap")
    weight = convolution.weight
    matrix = Patches(1, 1, bias=convolution.bias is not None, device="meta")
    matrix.weight = torch.nn.Parameter(weight.flatten(1), requires_grad=False)
    matrix.bias = convolution.bias
    return matrix


def branch_cache(cache: Any, rows: Any) -> Any:
    """The cache for these rows of ``cache``, which stays as it is; more tokens cost no copy.

    Args:
        cache: Keys and values of a prefix, a row a scene.
        rows: Which of its rows, one or several times each.
    """
    import copy

    branched = copy.copy(cache)
    branched.layers = [_roomy()(layer, rows) for layer in cache.layers]
    return branched


@functools.cache
def _roomy() -> Any:
    """A layer of keys and values that writes new tokens into room that it keeps free.

    transformers' own makes a copy of all it holds for each token that is added.
    """
    from transformers.cache_utils import DynamicLayer

    class Roomy(DynamicLayer):  # type: ignore[misc]
        def __init__(self, layer: Any, rows: Any) -> None:
            super().__init__()
            self.device, self.is_initialized = layer.keys.device, True
            rows = rows.to(self.device)
            self.keys, self.values = layer.keys[rows], layer.values[rows]
            self._held = (self.keys, self.values)

        def update(self, key_states: Any, value_states: Any, *_: Any, **__: Any) -> Any:
            start = self.keys.shape[-2]
            end = start + key_states.shape[-2]
            if end > self._held[0].shape[-2]:
                self._held = tuple(
                    each.new_empty(*each.shape[:-2], end + _ROOM, each.shape[-1])
                    for each in (self.keys, self.values)
                )
                for held, each in zip(self._held, (self.keys, self.values), strict=True):
                    held[..., :start, :] = each
            for held, new in zip(self._held, (key_states, value_states), strict=True):
                held[..., start:end, :] = new
            self.keys, self.values = (held[..., :end, :] for held in self._held)
            return self.keys, self.values

        def batch_select_indices(self, indices: Any) -> None:
            length = self.keys.shape[-2]
            self._held = tuple(held[indices.to(self.device)] for held in self._held)
            self.keys, self.values = (held[..., :length, :] for held in self._held)

    return Roomy
