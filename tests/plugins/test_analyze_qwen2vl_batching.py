"""Batches of the Qwen2-VL analyzer: who shares one, and that nobody's answer depends on it."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from toolkit.errors import AnalysisError, ModelError
from toolkit.hooks.specs import Context
from toolkit.records import Answer, Ask
from toolkit.stages.analysis import Analyzer, Look, Reply
from toolkit.stages.component import Cancel
from toolkit.testing.analyzers import sample_frames
from toolkit_analyze_qwen2vl import Qwen2VLOptions, make
from toolkit_analyze_qwen2vl.batching import batch_tokens, next_batch

TINY = Path(__file__).parents[1] / "models" / "tiny-qwen2vl"
WANTED = [
    Ask(kind="description"),
    Ask(kind="question", name="What colour is the shape?"),
    Ask(kind="sentiment"),
]


def build(base: Path, **options: Any) -> Analyzer:
    return make(
        Qwen2VLOptions(**{"model": str(TINY), "device": "cpu"} | options), Context(base, base)
    )


def replies(analyzer: Analyzer, looks: list[Look]) -> list[list[Reply]]:
    return [list(each) for each in analyzer.analyze(looks, "f", Cancel())]


@contextmanager
def little_memory(*, rows: int = 10**9, tokens: int = 10**9) -> Iterator[list[int]]:
    """As if memory held only so much: the embedding, where a batch begins, runs out of it."""
    import torch

    attempts: list[int] = []

    def embed(module: object, args: tuple[Any, ...]) -> None:
        if isinstance(module, torch.nn.Embedding):
            attempts.append(len(args[0]))
            if len(args[0]) > rows or args[0].numel() > tokens:
                raise torch.OutOfMemoryError("CUDA out of memory.")

    hook = torch.nn.modules.module.register_module_forward_pre_hook(embed)
    try:
        yield attempts
    finally:
        hook.remove()


def test_a_batch_holds_scenes_of_like_length_within_the_budget() -> None:
    lengths = dict(enumerate([100, 900, 110, 100, 450, 105]))
    assert next_batch(lengths, 450) == [0, 2, 3, 5]
    assert next_batch(lengths, 330) == [0, 3, 5]
    assert next_batch({1: 900, 4: 450}, 1800) == [1, 4]
    assert next_batch({1: 900, 4: 449}, 9000) == [1]
    assert next_batch({7: 900}, 100) == [7]
    for _ in range(50):
        waiting = {place: random.randint(50, 2000) for place in range(20)}
        while waiting:
            first = min(waiting)
            batch = next_batch(waiting, 3000)
            assert first in batch
            assert len(batch) == 1 or batch_tokens([waiting[place] for place in batch]) <= 3000
            waiting = {place: size for place, size in waiting.items() if place not in batch}


@pytest.mark.parametrize("batch_tokens", [1, 300, 100_000])
def test_answers_depend_neither_on_the_batch_nor_on_the_order(
    tmp_path: Path, batch_tokens: int
) -> None:
    shapes = [(4, 120, 160), (1, 96, 240), (8, 120, 160), (3, 240, 96), (2, 40, 40), (7, 300, 400)]
    with build(tmp_path) as one, build(tmp_path, batch_tokens=batch_tokens) as other:
        asks = one.asks(WANTED)
        looks = [
            Look(
                sample_frames(place, count=count, height=height, width=width),
                asks if place % 2 else asks[::-1][: 1 + place % 3],
            )
            for place, (count, height, width) in enumerate(shapes * 2)
        ]
        alone = {look.frames.scene.id: replies(one, [look])[0] for look in looks}
        random.Random(batch_tokens).shuffle(looks)
        for look, given in zip(looks, replies(other, looks), strict=True):
            for reply, known in zip(given, alone[look.frames.scene.id], strict=True):
                assert isinstance(reply, Answer)
                assert isinstance(known, Answer)
                assert (reply.id, reply.text, reply.value) == (known.id, known.text, known.value)
                assert reply.confidence == pytest.approx(known.confidence, abs=1e-5)
                same = {"seconds", "prompt_hash"}
                assert reply.evidence.model_dump(exclude=same) == known.evidence.model_dump(
                    exclude=same
                )


@pytest.mark.parametrize("rows", [1, 0])
def test_out_of_memory_halves_the_batch(tmp_path: Path, rows: int) -> None:
    with build(tmp_path, batch_tokens=400) as analyzer:
        asks = analyzer.asks(WANTED[1:2])
        looks = [Look(sample_frames(index), asks) for index in range(6)]
        replies(analyzer, looks[:1])
        with little_memory(rows=rows) as attempts:
            given = replies(analyzer, looks)
    assert len(given) == 6
    assert attempts[:3] == [4, 2, 1]
    assert max(attempts[3:]) <= 2  # the smaller batch is kept
    for look, [reply] in zip(looks, given, strict=True):
        if rows:
            assert isinstance(reply, Answer)
            assert reply.scene_id == look.frames.scene.id
            assert reply.evidence.reduced_from is None
        else:
            assert isinstance(reply, tuple)
            assert isinstance(reply[1], AnalysisError)
            assert not isinstance(reply[1], ModelError)
            assert "memory" in str(reply[1])


def test_a_scene_that_does_not_fit_is_seen_with_fewer_pixels_and_says_so(tmp_path: Path) -> None:
    with build(tmp_path) as analyzer:
        asks = analyzer.asks(WANTED[:2])  # short questions: what is compared is read at once
        small, large = Look(sample_frames(1, count=2), asks), Look(sample_frames(2, count=8), asks)
        [[whole, *_]] = replies(analyzer, [large])
        with little_memory(tokens=90):
            first, second = replies(analyzer, [large, small])
    assert isinstance(whole, Answer)
    assert whole.evidence.frame_size == (112, 84)
    assert len(first) == len(second) == len(asks)
    for reply in first:
        assert isinstance(reply, Answer)
        assert reply.evidence.frame_size is not None
        assert reply.evidence.frame_size < (112, 84)
        assert reply.evidence.reduced_from == (112, 84)
        assert reply.evidence.tokens_in < whole.evidence.tokens_in
    for reply in second:
        assert isinstance(reply, Answer)
        assert reply.evidence.frame_size == (112, 84)
        assert reply.evidence.reduced_from is None


def test_an_abandoned_look_leaves_no_thread(tmp_path: Path) -> None:
    with build(tmp_path, batch_tokens=1) as analyzer:
        asks = analyzer.asks(WANTED[1:2])
        looks = [Look(sample_frames(index), asks) for index in range(4)]
        given = iter(analyzer.analyze(looks, "f", Cancel()))
        next(given)
        assert any(thread.name.startswith("prepare") for thread in threading.enumerate())
        given.close()  # type: ignore[attr-defined]
        assert not any(thread.name.startswith("prepare") for thread in threading.enumerate())
