"""Answers compared rather than written: how likely a model is to give each of some answers.

All candidates of a scene go through the model in one pass. They are laid out as a tree of tokens
behind the scene's prefix, so that what they begin with in common is computed once, and a mask lets
every token see the prefix and its own way through the tree alone (tree attention: Miao et al.,
"SpecInfer", 2023). Numerically it is what one pass for each candidate would give.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from toolkit.stages.component import Cancel
from toolkit.stages.effort import note
from toolkit_analyze_qwen2vl.model import Prefix, VisionModel
from toolkit_analyze_qwen2vl.speed import branch_cache

__all__ = ["Candidate", "log_probabilities", "shares"]

MOST_LOGITS = 1024
MOST_TOKENS = 8192
"""Rows of logits, and tokens, of all scenes in one pass: what fits beside a 2B model's cache."""
_AT_ONCE = 4  # scenes


@dataclass(frozen=True)
class Candidate:
    """A question's tokens, and those of one answer to it."""

    question: tuple[int, ...]
    answer: tuple[int, ...]


@dataclass
class _Tree:
    """Candidates as a tree. A node's parent is -1 where it follows the prefix."""

    tokens: list[int] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)
    read: list[tuple[int, int, int]] = field(default_factory=list)
    """(candidate, node, token): the node's logits tell the token's probability."""
    nodes: set[int] = field(default_factory=set)
    """Those whose logits are read."""
    _known: dict[tuple[int, int], int] = field(default_factory=dict)

    def add(self, number: int, candidate: Candidate) -> None:
        """Grow the branch of a candidate."""
        node = -1
        for token in candidate.question:
            node = self._grow(node, token)
        for place, token in enumerate(candidate.answer):
            self.read.append((number, node, token))
            self.nodes.add(node)
            if place + 1 < len(candidate.answer):
                node = self._grow(node, token)

    def _grow(self, parent: int, token: int) -> int:
        node = self._known.get((parent, token))
        if node is None:
            node = self._known[parent, token] = len(self.tokens)
            self.tokens.append(token)
            self.parents.append(parent)
            self.depths.append(0 if parent < 0 else self.depths[parent] + 1)
        return node


def log_probabilities(
    model: VisionModel,
    prefix: Prefix,
    scenes: Sequence[int],
    candidates: Sequence[Candidate],
    cancel: Cancel,
) -> list[list[float]]:
    """The log-probability of each candidate's answer, for each of some scenes.

    Args:
        model: The model.
        prefix: What it read.
        scenes: Rows of the prefix.
        candidates: What is compared, the same for all these scenes.
        cancel: Looked at before every pass.

    Returns:
        For each scene, the sum of the log-probabilities of each answer's tokens.

    Raises:
        CancelledError: ``cancel`` was set.
    """
    import torch

    totals = torch.zeros(len(scenes), len(candidates), dtype=torch.float64)
    for tree in _trees(candidates, len(scenes)):
        cancel.check()
        note(tokens_in=len(tree.tokens) * len(scenes))
        nodes = sorted(tree.nodes)
        row = {node: place for place, node in enumerate(nodes)}
        owners, places, tokens = zip(
            *((number, row[node], token) for number, node, token in tree.read), strict=True
        )
        with torch.inference_mode():
            logits = _forward(model, prefix, scenes, tree, nodes)
            # In parts: in float32 they take twice the memory, and their powers as much again.
            whole = torch.cat([part.float().logsumexp(-1) for part in logits.split(_AT_ONCE)])
            gained = logits[:, list(places), list(tokens)].float() - whole[:, list(places)]
            gained = gained.cpu().double()
        totals.index_add_(1, torch.tensor(owners), gained)
    return totals.tolist()  # type: ignore[no-any-return]


def _trees(candidates: Sequence[Candidate], scenes: int) -> Iterator[_Tree]:
    """The candidates in as few trees as fit into memory."""
    tree = _Tree()
    for number, candidate in enumerate(candidates):
        longer = len(tree.tokens) + len(candidate.question) + len(candidate.answer)
        logits = len(tree.nodes) + len(candidate.answer)
        if tree.read and (longer * scenes > MOST_TOKENS or logits * scenes > MOST_LOGITS):
            yield tree
            tree = _Tree()
        tree.add(number, candidate)
    if tree.read:
        yield tree


def _forward(
    model: VisionModel, prefix: Prefix, scenes: Sequence[int], tree: _Tree, nodes: list[int]
) -> Any:
    """The logits of some nodes, as (scenes, nodes, vocabulary)."""
    import torch

    device = prefix.mask.device
    size = len(tree.tokens)
    sees = torch.zeros(size, size, dtype=torch.bool)
    for node, parent in enumerate(tree.parents):
        if parent >= 0:
            sees[node] = sees[parent]
        sees[node, node] = True
    rows = torch.tensor(list(scenes), device=device)
    before = prefix.mask[rows]
    mask = torch.cat(
        [
            before.bool()[:, None].expand(-1, size, -1),
            sees.to(device)[None].expand(len(rows), -1, -1),
        ],
        -1,
    )
    start = before.sum(1, keepdim=True) + prefix.shift[rows]
    places = torch.tensor(tree.depths, device=device)[None] + start
    cache = branch_cache(prefix.cache, rows)
    # Added to the attention's scores, which every implementation but flash attention takes.
    dtype = cache.layers[0].keys.dtype
    bias = torch.zeros(mask.shape, dtype=dtype, device=device)
    bias = bias.masked_fill(~mask, torch.finfo(dtype).min)[:, None]
    ids = torch.tensor(tree.tokens, device=device).expand(len(rows), -1)
    keep = torch.tensor(nodes, device=device)
    return model.forward(ids, bias, places, cache, logits_to_keep=keep).logits


def shares(totals: Sequence[float], lengths: Sequence[int]) -> list[float]:
    """What part of the probability each answer has among the answers, which add up to 1.

    Answers of several lengths are compared by the mean log-probability of a token, times their
    mean length: a longer answer is not at a disadvantage, and answers of one length are compared
    by their probability.
    """
    mean = sum(lengths) / len(lengths)
    scores = [mean * total / length for total, length in zip(totals, lengths, strict=True)]
    return _softmax(scores)


def _softmax(scores: Sequence[float]) -> list[float]:
    most = max(scores)
    weights = [math.exp(score - most) for score in scores]
    return [weight / sum(weights) for weight in weights]
