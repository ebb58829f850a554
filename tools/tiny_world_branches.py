"""Many questions about one clip in one row: they share its prefix and do not see each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

PREFIX, PADDING = 0, -1


@dataclass(frozen=True, slots=True)
class Branch:
    """Token ids that follow a prefix, of which those from `answer` on are to be learnt."""

    ids: list[int]
    answer: int


def pack(
    prefixes: Sequence[tuple[list[int], list[int]]],
    branches: Sequence[Sequence[Branch]],
    pad_id: int,
) -> dict[str, torch.Tensor]:
    """Rows of a prefix and its branches, as tensors (rows, tokens).

    Takes each prefix's token ids and kinds of token (0 text, 1 image, 2 video). Returns
    `input_ids`, `mm_token_type_ids`, `owner` (a token's branch from 1 on, `PREFIX` or `PADDING`),
    `place` (its index within branch or prefix), `labels` (-100 where nothing is learnt) and
    `weights`, which keep a long answer from counting as much more than a short one.
    """
    length = max(
        len(ids) + sum(len(branch.ids) for branch in row)
        for (ids, _), row in zip(prefixes, branches, strict=True)
    )
    shape = (len(prefixes), length)
    packed = {
        "input_ids": torch.full(shape, pad_id),
        "mm_token_type_ids": torch.zeros(shape, dtype=torch.long),
        "owner": torch.full(shape, PADDING),
        "place": torch.zeros(shape, dtype=torch.long),
        "labels": torch.full(shape, -100),
        "weights": torch.zeros(shape),
    }
    for index, ((ids, kinds), row) in enumerate(zip(prefixes, branches, strict=True)):
        end = len(ids)
        packed["input_ids"][index, :end] = torch.tensor(ids)
        packed["mm_token_type_ids"][index, :end] = torch.tensor(kinds)
        packed["owner"][index, :end] = PREFIX
        packed["place"][index, :end] = torch.arange(end)
        for number, branch in enumerate(row, 1):
            start, end = end, end + len(branch.ids)
            packed["input_ids"][index, start:end] = torch.tensor(branch.ids)
            packed["owner"][index, start:end] = number
            packed["place"][index, start:end] = torch.arange(end - start)
            learnt = slice(start + branch.answer, end)
            packed["labels"][index, learnt] = packed["input_ids"][index, learnt]
            packed["weights"][index, learnt] = max(1, len(branch.ids) - branch.answer) ** -0.5
    return packed


def attention(owner: torch.Tensor) -> torch.Tensor:
    """What is added to a token's attention, (rows, 1, tokens, tokens).

    It is 0 for its prefix and what comes before it in its own branch, else minus infinity.
    """
    same = owner[:, :, None] == owner[:, None, :]
    seen = ((owner == PREFIX)[:, None, :] | same).tril()[:, None]
    return torch.zeros(seen.shape).masked_fill_(~seen, -math.inf)


def positions(model: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """M-RoPE positions (3, rows, tokens): every branch goes on where its prefix ends."""
    prefix = batch["owner"] == PREFIX
    if not batch["mm_token_type_ids"].any():
        start = prefix.sum(1, keepdim=True)
        own = torch.where(prefix, batch["place"], batch["place"] + start)
        return own.expand(3, *own.shape)
    in_prefix, shift = model.get_rope_index(
        batch["input_ids"],
        batch["mm_token_type_ids"],
        batch.get("image_grid_thw"),
        batch.get("video_grid_thw"),
        attention_mask=prefix,
    )
    after = batch["place"] + prefix.sum(1, keepdim=True) + shift.view(-1, 1)
    return torch.where(prefix, in_prefix, after)
