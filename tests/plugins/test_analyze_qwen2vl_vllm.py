"""Qwen2-VL on vLLM's engine: what is asked of it, and what is made of its answers.

vLLM asks for other versions of torch and transformers than the rest. Where it is installed
(docs/models.md), the tests at the end run it; elsewhere its outputs are given as plain data.
"""

from __future__ import annotations

import importlib.util
import math
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from toolkit.errors import CancelledError, MissingExtraError, ModelError
from toolkit.hooks.specs import Context
from toolkit.records import Answer, AnswerType, Ask, Frames, Scene
from toolkit.stages.analysis import Analyzer, Look
from toolkit.stages.component import Cancel
from toolkit.stages.writing import Prompt
from toolkit.testing.analyzers import sample_frames
from toolkit.testing.clips import ATTRIBUTES, ClipTruth, render
from toolkit_analyze_qwen2vl import Qwen2VLOptions, make
from toolkit_analyze_qwen2vl.calling import Decision, Shown
from toolkit_analyze_qwen2vl.engine import Call, Output, prompt, read, sampling
from toolkit_analyze_qwen2vl.generating import Generated, replay
from toolkit_analyze_qwen2vl.loading import load
from toolkit_analyze_qwen2vl.model import VisionModel

TINY = Path(__file__).parents[1] / "models" / "tiny-qwen2vl"
HAS_VLLM = importlib.util.find_spec("vllm") is not None
NUMBER = AnswerType(kind="number")
VIDEO = (np.zeros((2, 28, 28, 3), np.uint8), {"fps": 1.0, "do_sample_frames": False})
SHOWN = Shown((1, 2, 3), " tail", VIDEO, "frames-0", (28, 28))


def build(base: Path, **options: Any) -> Any:
    named = {"model": str(TINY), "device": "cpu", "backend": "vllm"}
    return make(Qwen2VLOptions(**named | options), Context(base, base))


def told(*steps: tuple[int, dict[int, float]], prompt_length: int = 9) -> Any:
    """A ``RequestOutput`` as vLLM gives it: the tokens, and of each place the likely ones."""
    places = [{t: SimpleNamespace(logprob=p) for t, p in likely.items()} for _, likely in steps]
    said = SimpleNamespace(token_ids=[token for token, _ in steps], logprobs=places)
    return SimpleNamespace(outputs=[said], prompt_token_ids=[0] * prompt_length)


@pytest.mark.skipif(HAS_VLLM, reason="vLLM is installed")
def test_without_vllm_the_message_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(MissingExtraError, match="not installed") as caught:
        build(tmp_path)
    assert "pip install 'video-analysis-toolkit[vllm]'" in str(caught.value.hint)


def test_a_call_shows_its_video_once_by_name() -> None:
    call = Call((1, 2), (3,), VIDEO, "frames-7", limit=5)
    made = prompt(call)
    assert made["prompt_token_ids"] == [1, 2, 3]
    assert made["multi_modal_data"]["video"] is VIDEO
    assert made["multi_modal_uuids"] == {"video": ["frames-7"]}
    assert set(prompt(Call((1,), (2,)))) == {"prompt_token_ids"}


def test_sampling_is_greedy_and_held_to_the_type() -> None:
    free = sampling(Call((), (1,), limit=7), {5, 4})
    assert (free["temperature"], free["max_tokens"], free["stop_token_ids"]) == (0.0, 7, [4, 5])
    assert "structured_outputs" not in free
    assert free["repetition_detection"]["max_pattern_size"] == 64
    number = sampling(Call((), (1,), form=NUMBER), {5})
    assert "[0-9]" in number["structured_outputs"]["regex"]
    form = AnswerType(kind="json", json_schema={"type": "array", "items": {"type": "integer"}})
    listed = sampling(Call((), (1,), form=form), {5})
    assert listed["structured_outputs"]["json"]["items"]["maximum"]  # else numbers never end
    assert "repetition_detection" not in listed
    scored = sampling(Call((), (1,), among=(8, 9)), {5})
    assert (scored["max_tokens"], scored["logprob_token_ids"]) == (1, [8, 9])


def test_what_comes_back_is_read() -> None:
    found = read(Call((), (1,)), told((7, {7: -0.5, 8: -1.0}), (4, {4: -0.25}), prompt_length=12))
    assert found == Output([(7, -0.5), (4, -0.25)], {}, 12)
    scored = read(Call((), (1,), among=(8, 9)), told((7, {7: -0.1, 8: -3.0, 9: -4.0})))
    assert scored.among == {8: -3.0, 9: -4.0}


def test_answers_are_compared_by_all_of_their_tokens() -> None:
    decision = Decision(SHOWN, (20, 21), [(5, 6), (5, 7), (8,)])
    assert [(call.tokens, call.among) for call in decision.calls] == [
        ((20, 21), (5, 8)),
        ((20, 21, 5), (6, 7)),
    ]
    assert all(call.name == "frames-0" and call.limit == 1 for call in decision.calls)
    half = math.log(0.5)
    outputs = [Output([], {5: half, 8: half}, 5), Output([], {6: math.log(0.9), 7: -5.0}, 6)]
    first, second, third = decision.shares(outputs)
    assert first + second + third == pytest.approx(1)
    # By the mean log-probability of a token, times the mean length.
    assert first / third == pytest.approx((0.5 * 0.9) ** (5 / 3 / 2) / 0.5 ** (5 / 3))


@pytest.fixture(scope="module")
def tiny() -> VisionModel:
    return load(TINY, "tiny", device="cpu", dtype="float32", min_pixels=0, max_pixels=0)


def replayed(tiny: VisionModel, text: str, form: AnswerType, limit: int = 64) -> Any:
    steps = [(token, -0.5) for token in [*tiny.ids(text), tiny.end]]
    return replay(
        steps, form, limit, ends=tiny.ends, grammars=tiny.grammars, text=tiny.text, tokens_in=9
    )


def test_written_answers_end_as_without_vllm(tiny: VisionModel) -> None:
    whole = replayed(tiny, "Two red circles.", AnswerType())
    assert (whole.text, whole.finish_reason, whole.tokens_in) == ("Two red circles.", "stop", 9)
    assert whole.confidence == pytest.approx(math.exp(-0.5))
    looped = replayed(tiny, "It moves" + " left" * 30, AnswerType())
    assert (looped.text, looped.finish_reason) == ("It moves left", "loop")
    cut = replayed(tiny, "Two red circles move left.", AnswerType(), limit=3)
    assert (cut.text, cut.finish_reason) == ("Two red circles", "length")


def test_json_that_was_cut_is_closed(tiny: VisionModel) -> None:
    schema: Any = {
        "type": "object",
        "properties": {"colour": {"type": "string"}, "count": {"type": "integer"}},
        "required": ["colour", "count"],
    }
    form = AnswerType(kind="json", json_schema=schema)
    text = '{"colour": "re'
    found = replayed(tiny, text, form, limit=len(tiny.ids(text)))
    assert isinstance(found, Generated)
    assert form.parse(found.text).keys() == {"colour", "count"}  # type: ignore[union-attr]
    assert found.finish_reason == "length"


# ------------------------------------------------------------------ with vLLM itself

needs_vllm = pytest.mark.skipif(not HAS_VLLM, reason="vLLM is not installed")
FACTS = ("red", "blue", "circle", "moving left", "day", "night")


@pytest.fixture(scope="module")
def analyzer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")  # GB; a quarter of the memory otherwise
    with build(tmp_path_factory.mktemp("base")) as made:
        yield made


def seen(index: int) -> tuple[ClipTruth, Frames]:
    from random import Random

    rng = Random(index)
    truth = ClipTruth(**{name: rng.choice(values) for name, values in ATTRIBUTES.items()})
    scene = Scene.of("clips", "detector", index, start_s=0.0, end_s=2.0)
    rgb = render(truth, rng, 8, 120, 160)
    return truth, Frames(scene, "sampler", np.arange(8) / 4, rgb)


@needs_vllm
@pytest.mark.slow
def test_vllm_answers_every_type_truly(analyzer: Analyzer) -> None:
    def question(name: str, **form: Any) -> Ask:
        return Ask(kind="question", name=name, type=AnswerType(**form))

    schema = {"type": "object", "properties": {"count": {"type": "integer"}}, "required": ["count"]}
    asks = analyzer.asks(
        [
            Ask(kind="description"),
            question("What colour is the shape?"),
            question("How many shapes are there?", kind="number"),
            question("Is it night?", kind="yes_no"),
            question("Which way does it move?", kind="one_of", choices=ATTRIBUTES["motion"]),
            question("Which of these fit?", kind="many_of", choices=FACTS),
            question("Give the count.", kind="json", json_schema=schema),
            Ask(kind="sentiment"),
            Ask(kind="labels", type=AnswerType(kind="many_of", choices=FACTS)),
        ]
    )
    clips = [seen(index) for index in range(20)]
    looks = [Look(frames, asks) for _, frames in clips]
    right: list[bool] = []
    for (truth, frames), replies in zip(clips, analyzer.analyze(looks, "f", Cancel()), strict=True):
        facts = set(truth.statements().values())
        fits = {fact: fact in facts for fact in FACTS}
        expected: list[Any] = [
            None,
            None,
            truth.number,
            truth.time == "night",
            truth.motion,
            [fact for fact in FACTS if fits[fact]],
            {"count": truth.number},
            truth.sentiment,
        ]
        *others, labels = replies
        for value, answer in zip(expected, others, strict=True):
            assert isinstance(answer, Answer)
            right.append(answer.value == value)
            assert 0 < (answer.confidence or 0) <= 1
            assert answer.evidence.frame_times_s == tuple(frames.pts_s.tolist())
            assert "vLLM" in answer.evidence.device
        assert isinstance(labels, Answer)
        assert isinstance(labels.value, dict)
        right += [(float(str(labels.value[fact])) > 0.5) == fits[fact] for fact in FACTS]
        right.append(others[0].text == truth.caption())  # type: ignore[union-attr]
        right.append(others[1].text == truth.colour)  # type: ignore[union-attr]
    assert sum(right) >= 0.95 * len(right)


@needs_vllm
@pytest.mark.slow
def test_vllm_writes_and_can_be_cancelled(analyzer: Any) -> None:
    class Soon(Cancel):
        looks = 0

        @property
        def asked(self) -> bool:
            self.looks += 1
            return self.looks > 4

    [written] = analyzer.write([Prompt("You write.", "Describe this video.")], 8, Cancel())
    assert written.evidence.tokens_out <= 8
    with pytest.raises(CancelledError):
        analyzer.write([Prompt("You write.", "Describe this video.")], 2000, Soon())
    asks = analyzer.asks([Ask(kind="sentiment")])
    [[after]] = analyzer.analyze([Look(sample_frames(), asks)], "f", Cancel())
    assert isinstance(after, Answer)


@needs_vllm
def test_a_device_that_vllm_was_not_built_for_is_refused(tmp_path: Path) -> None:
    from vllm.platforms import current_platform

    other = "cpu" if current_platform.device_type != "cpu" else "cuda"
    with build(tmp_path, device=other) as made:
        look = Look(sample_frames(), made.asks([Ask(kind="sentiment")]))
        with pytest.raises(ModelError, match=r"no device|made for"):
            list(made.analyze([look], "f", Cancel()))
