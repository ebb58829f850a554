"""Steps of rows that are written: as they come, and as a GPU runs what was recorded of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from toolkit.records import AnswerType
from toolkit.stages.component import Cancel
from toolkit.stages.prompts import Prompts
from toolkit.testing.analyzers import sample_frames
from toolkit_analyze_qwen2vl import repetition
from toolkit_analyze_qwen2vl.generating import Generated, Request, generate
from toolkit_analyze_qwen2vl.loading import load
from toolkit_analyze_qwen2vl.model import VisionModel
from toolkit_analyze_qwen2vl.preparing import MARK
from toolkit_analyze_qwen2vl.speed import FRAMES, register

TINY = Path(__file__).parents[1] / "models" / "tiny-qwen2vl"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> VisionModel:
    """The tiny checkpoint with weights by chance: what it writes has no end."""
    from transformers import AutoConfig, AutoModelForImageTextToText

    folder = tmp_path_factory.mktemp("untrained") / "model"
    shutil.copytree(TINY, folder)
    torch.manual_seed(1)
    config = AutoConfig.from_pretrained(TINY)
    config.text_config.initializer_range = 0.3  # far from even: no two tokens are as likely
    AutoModelForImageTextToText.from_config(config).save_pretrained(folder)
    return load(folder, "untrained", device="cpu", dtype="auto", min_pixels=0, max_pixels=0)


class Replayed:
    """What a CUDA graph does, on a CPU: the same work again, its result where it was before."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.work = work
        self.given: Any = None

    def replay(self) -> None:
        done = self.work()
        if self.given is None:
            self.given = done
        self.given.copy_(done)


@pytest.fixture
def recorded(model: VisionModel, monkeypatch: pytest.MonkeyPatch) -> list[Replayed]:
    """The model writes the way it does on a GPU; the recordings that were made."""
    made: list[Replayed] = []

    def record(work: Callable[[], Any]) -> tuple[Replayed, Any]:
        width = model._model.lm_head.out_features
        graph = Replayed(work)
        made.append(graph)
        rows = work.__self__._ids  # type: ignore[attr-defined] # a bound method of the rows
        graph.given = torch.full((len(rows), width), torch.nan)
        return graph, graph.given

    monkeypatch.setattr(model.recorder, "is_on", True)
    monkeypatch.setattr(model.recorder, "record", record)
    return made


def written(model: VisionModel, limits: list[int], form: AnswerType) -> list[Generated]:
    prompts = Prompts.read(None)
    frames = [sample_frames(scene, count=2 + scene) for scene in range(3)]
    prefix = model.read(
        model.prepare(
            [each.rgb for each in frames],
            [each.pts_s for each in frames],
            [prompts.conversation(each.pts_s.tolist(), MARK) for each in frames],
        )
    )
    requests = [
        Request(place % 3, f"What is {'this ' * place}?", form, limit)
        for place, limit in enumerate(limits)
    ]
    found = generate(model, prefix, requests, Cancel())
    assert all(isinstance(each, Generated) for each in found)
    return found  # type: ignore[return-value]  # none is an error


def alike(some: list[Generated], others: list[Generated]) -> bool:
    return [(one.text, one.tokens_out) for one in some] == [
        (one.text, one.tokens_out) for one in others
    ] and [one.confidence for one in some] == pytest.approx(
        [one.confidence for one in others], rel=1e-4
    )


@pytest.mark.parametrize(
    ("limits", "recordings"),
    [
        ([1, 1], 0),  # there was no step
        ([2, 2], 0),  # the first step warms up
        ([5] * 4, 1),
        ([3] * 10 + [9] * 2, 1),  # few rows that stay
        ([3] * 20 + [30] * 5, 2),  # and many
        ([150], 2),  # more tokens than there was room for
        ([9] * 20 + [200] * 3, 3),
    ],
)
def test_recorded_steps_write_what_steps_write(
    model: VisionModel,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    limits: list[int],
    recordings: int,
) -> None:
    monkeypatch.setattr(repetition, "LONGEST", 0)
    plain = written(model, limits, AnswerType())
    assert [each.tokens_out for each in plain] == limits
    made: list[Replayed] = request.getfixturevalue("recorded")
    assert alike(written(model, limits, AnswerType()), plain)
    assert len(made) == recordings


def test_recorded_steps_keep_to_types(model: VisionModel, request: pytest.FixtureRequest) -> None:
    form = AnswerType(kind="json", json_schema={"type": "array", "items": {"type": "integer"}})
    plain = written(model, [40] * 6, form)
    made: list[Replayed] = request.getfixturevalue("recorded")
    assert alike(written(model, [40] * 6, form), plain)
    assert made


def test_a_model_whose_steps_cannot_be_recorded_writes_all_the_same(
    model: VisionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with kernels that ask the GPU something; here there is no GPU at all."""
    plain = written(model, [20] * 5, AnswerType())
    monkeypatch.setattr(model.recorder, "is_on", True)
    monkeypatch.setattr(model.recorder, "record", lambda work: None)
    assert alike(written(model, [20] * 5, AnswerType()), plain)


@pytest.mark.parametrize("lengths", [(12,), (6, 6, 6), (4, 9, 4, 1)])
def test_frames_attend_to_themselves_alone(lengths: tuple[int, ...]) -> None:
    from transformers import AttentionInterface

    register()
    torch.manual_seed(0)
    query, key, value = torch.randn(3, 1, 2, sum(lengths), 16)
    ends = torch.tensor([0, *lengths]).cumsum(0)
    attend = AttentionInterface()[FRAMES]
    parts = [
        torch.nn.functional.scaled_dot_product_attention(*each, scale=0.3).transpose(1, 2)
        for each in zip(*(one.split(lengths, 2) for one in (query, key, value)), strict=True)
    ]
    for _ in range(2):
        found, _ = attend(
            None, query, key, value, attention_mask=None, cu_seq_lens_q=ends, scaling=0.3
        )
        torch.testing.assert_close(found, torch.cat(parts, 1))
