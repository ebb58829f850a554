"""Typed answers of the Qwen2-VL analyzer: they always parse, say how sure they are, and abstain."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, Self

import pytest
from pydantic import BaseModel, JsonValue

import toolkit as tk
from toolkit.errors import AnalysisError, ConfigError
from toolkit.hooks.specs import Context
from toolkit.records import Answer, AnswerType, Ask, Question
from toolkit.stages.analysis import Analyzer, Look
from toolkit.stages.component import Cancel
from toolkit.stages.prompts import Prompts
from toolkit.testing.analyzers import sample_frames
from toolkit.testing.clips import random_truth, render, write_clip
from toolkit_analyze_qwen2vl import Qwen2VLOptions, make
from toolkit_analyze_qwen2vl.generating import Generated, Request, generate
from toolkit_analyze_qwen2vl.loading import load
from toolkit_analyze_qwen2vl.model import Prefix, VisionModel
from toolkit_analyze_qwen2vl.preparing import MARK
from toolkit_analyze_qwen2vl.repetition import Repetition
from toolkit_analyze_qwen2vl.scoring import Candidate, log_probabilities, shares

TINY = Path(__file__).parents[1] / "models" / "tiny-qwen2vl"


class Part(BaseModel):
    """A part of a vehicle, with parts of its own."""

    name: str
    parts: list[Part] = []


class Vehicle(BaseModel):
    """What a person would ask of a vehicle: every kind of value that JSON has."""

    kind: str
    plate: str | None
    doors: int
    length_m: float
    is_moving: bool
    colours: list[str]
    frame: Part


SCHEMAS: list[dict[str, JsonValue]] = [
    Vehicle.model_json_schema(),
    {"type": "array", "items": {"type": "string", "minLength": 3}, "minItems": 4},
    {"type": "object", "additionalProperties": {"type": "number"}},
    {"type": "string", "pattern": "^[A-Z]{2}-[0-9]{4}$"},
    {"enum": ["left lane", "right lane", 3, None]},
    {"anyOf": [{"type": "null"}, {"type": "array", "items": {"type": "integer"}}]},
    {"type": "number"},
    {},
]
QUESTIONS = [
    Question("Is it raining?", type="yes/no"),
    Question("How many people are there?", type="number"),
    Question("What is the weather?", choices=["sun", "rain", "snow on the ground"]),
    Question("Which are visible?", choices=["car", "bus", "bicycle"], many=True),
    Question("What does the sign say?", max_chars=12),
    *(Question(f"Say it as JSON {place}.", type=schema) for place, schema in enumerate(SCHEMAS)),
]
ASKS = [
    *(Ask(kind="question", name=each.text, type=each.type) for each in QUESTIONS),
    Ask(kind="description"),
    Ask(kind="sentiment"),
    Ask(kind="labels", type=AnswerType(kind="many_of", choices=("car", "a red bus", "night"))),
]


def build(base: Path, **options: Any) -> Analyzer:
    return make(
        Qwen2VLOptions(**{"model": str(TINY), "device": "cpu"} | options), Context(base, base)
    )


def answers(analyzer: Analyzer, *looks: Look) -> list[list[Answer]]:
    found = [list(replies) for replies in analyzer.analyze(looks, "f", Cancel())]
    assert all(isinstance(reply, Answer) for replies in found for reply in replies), found
    return found  # type: ignore[return-value]


@pytest.fixture(scope="module")
def analyzer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Analyzer]:
    with build(tmp_path_factory.mktemp("base")) as analyzer:
        yield analyzer


@pytest.fixture(scope="module")
def tiny() -> VisionModel:
    return load(TINY, "tiny", device="cpu", dtype="auto", min_pixels=0, max_pixels=0)


@pytest.fixture(scope="module", params=[0.02, 0.3])
def untrained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny checkpoint, its weights replaced by chance: near to even, and far from it."""
    import torch
    from transformers import AutoConfig, AutoModelForImageTextToText

    folder = tmp_path_factory.mktemp("untrained") / "model"
    shutil.copytree(TINY, folder)
    torch.manual_seed(1)
    config = AutoConfig.from_pretrained(TINY)
    config.text_config.initializer_range = request.param
    AutoModelForImageTextToText.from_config(config).save_pretrained(folder)
    return folder


def prefix_of(model: VisionModel, *scenes: int) -> Prefix:
    frames = [sample_frames(scene, count=2 + scene) for scene in scenes]
    prompts = Prompts.read(None)
    prepared = model.prepare(
        [each.rgb for each in frames],
        [each.pts_s for each in frames],
        [prompts.conversation(each.pts_s.tolist(), MARK) for each in frames],
    )
    return model.read(prepared)


@pytest.mark.parametrize("tokens", [4, 40])
def test_an_untrained_model_answers_in_the_type_every_time(
    untrained: Path, tmp_path: Path, tokens: int
) -> None:
    limits = {"max_json_tokens": tokens, "max_answer_tokens": tokens, "abstain_below": 0.0}
    with build(tmp_path, model=str(untrained), **limits) as analyzer:
        asks = analyzer.asks(ASKS)
        looks = [Look(sample_frames(scene), asks) for scene in range(3)]
        for replies in answers(analyzer, *looks):
            for ask, answer in zip(asks, replies, strict=True):
                if ask.kind == "question":
                    assert answer.value == ask.type.parse(answer.text)
                    json.dumps(answer.value, allow_nan=False)
                    if ask.name == "Say it as JSON 0.":
                        Vehicle.model_validate(answer.value, extra="forbid")
                    assert 0 <= (answer.confidence or 0) <= 1
                    assert not answer.abstained
                elif ask.kind == "labels":
                    assert isinstance(answer.value, dict)
                    assert list(answer.value) == list(ask.type.choices)
                scored = ask.kind in {"sentiment", "labels"} or ask.type.kind in {
                    "yes_no",
                    "one_of",
                    "many_of",
                }
                assert (answer.evidence.finish_reason == "scored") == scored
                assert answer.evidence.tokens_out <= 128


@pytest.mark.slow
def test_asked_together_or_alone_it_answers_the_same(untrained: Path, tmp_path: Path) -> None:
    """In float32: equal words and values, and probabilities within 1e-4."""
    with build(tmp_path, model=str(untrained), max_json_tokens=24) as analyzer:
        asks = analyzer.asks(ASKS)
        looks = [
            Look(sample_frames(0), asks),
            Look(sample_frames(1, count=1, height=96, width=240), asks[::2]),
            Look(sample_frames(2, count=7), asks[::-1]),
        ]
        for look, replies in zip(looks, answers(analyzer, *looks), strict=True):
            for ask, together in zip(look.asks, replies, strict=True):
                [[alone]] = answers(analyzer, Look(look.frames, [ask]))
                assert together.text == alone.text
                if ask.kind == "labels":
                    assert together.value == pytest.approx(alone.value, abs=1e-4)
                else:
                    assert together.value == alone.value
                assert together.confidence == pytest.approx(alone.confidence, abs=1e-4)


def test_packed_scores_are_those_of_whole_prompts(tiny: VisionModel) -> None:
    prefix = prefix_of(tiny, 0, 1, 2)
    questions = ["Is it night?", 'Does the tag "a red bus" fit this video?', "Is it day?"]
    candidates = [
        Candidate(tuple(tiny.ids(question + prefix.tail)), tuple(tiny.ids(answer)))
        for question in questions
        for answer in ("Yes", "No", "a red circle", "a red square")
    ]
    packed = log_probabilities(tiny, prefix, [0, 1, 2], candidates, Cancel())
    for scene in range(3):
        for place, candidate in enumerate(candidates):
            # One row, and the whole of it, as generation does it.
            ids = [*candidate.question, *candidate.answer]
            kept = len(candidate.answer) + 1
            import torch

            with torch.inference_mode():
                logits = tiny.branch(prefix, [scene], [ids], logits_to_keep=kept).logits
            log_p = logits[0, :-1].log_softmax(-1)
            alone = sum(log_p[i, token].item() for i, token in enumerate(candidate.answer))
            assert packed[scene][place] == pytest.approx(alone, abs=1e-4)


def test_many_candidates_are_scored_in_several_passes(
    tiny: VisionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix = prefix_of(tiny, 1)
    question = tuple(tiny.ids("What is it?" + prefix.tail))
    candidates = [Candidate(question, tuple(tiny.ids(f"a {n}"))) for n in range(12)]
    [whole] = log_probabilities(tiny, prefix, [0], candidates, Cancel())
    monkeypatch.setattr("toolkit_analyze_qwen2vl.scoring.MOST_LOGITS", 5)
    [parts] = log_probabilities(tiny, prefix, [0], candidates, Cancel())
    assert parts == pytest.approx(whole, abs=1e-4)


def test_longer_choices_are_not_at_a_disadvantage() -> None:
    half = math.log(0.5)
    assert shares([half, 2 * half, 3 * half], [1, 2, 3]) == pytest.approx([1 / 3] * 3)
    assert shares([half, 2 * half], [1, 1]) == pytest.approx([2 / 3, 1 / 3])


def test_a_choice_that_begins_with_another_can_be_told_apart(tmp_path: Path) -> None:
    with build(tmp_path, abstain_below=0.0) as analyzer:
        form = AnswerType(kind="one_of", choices=("red circle", "red"))
        asks = analyzer.asks([Ask(kind="question", name="What colour is the shape?", type=form)])
        [[answer]] = answers(analyzer, Look(sample_frames(), asks))
    assert answer.value in form.choices
    assert (answer.confidence or 0) < 1  # without an end the second would be sure to win


def test_below_the_threshold_it_is_not_visible(tmp_path: Path) -> None:
    asks = [ask for ask in ASKS if ask.kind != "description"]
    asks.append(Ask(kind="question", name="What colour is the shape?"))
    with build(tmp_path, abstain_below=1.0, max_json_tokens=24) as analyzer:
        asked = analyzer.asks(asks)
        [unsure] = answers(analyzer, Look(sample_frames(), asked))
    with build(tmp_path, abstain_below=0.0, max_json_tokens=24) as analyzer:
        [sure] = answers(analyzer, Look(sample_frames(), analyzer.asks(asks)))
    for ask, low, high in zip(asked, unsure, sure, strict=True):
        assert low.confidence == high.confidence
        assert not high.abstained
        if ask.kind == "question" and not ask.type.is_plain and (low.confidence or 0) < 1:
            assert (low.abstained, low.text, low.value) == (True, "not visible", None)
        else:
            assert (low.abstained, low.text, low.value) == (False, high.text, high.value)
    assert sum(answer.abstained for answer in unsure) >= 5


def said(tokens: list[int]) -> tuple[int, int]:
    """After how many tokens a loop is noticed, and how many are left of them."""
    watch = Repetition()
    for length in range(1, len(tokens) + 1):
        if repeated := watch.repeated(tokens[:length]):
            return length, length - repeated
    return 0, len(tokens)


def test_a_loop_is_noticed_and_its_first_round_kept() -> None:
    start, unit = [1, 2, 3, 4, 5], [7, 8, 9, 7, 6]
    length, kept = said(start + unit * 10)
    assert (start + unit * 10)[:kept] == start + unit
    assert length == len(start) + 4 * len(unit)
    assert said([1, 2] + [5] * 30) == (15, 3)
    assert said([*range(60)] * 5) == (240, 60)


def test_what_is_no_loop_is_let_be() -> None:
    three = [1, 2, 3, 4, 5, 6] * 3
    assert said([*three, 9, *three]) == (0, 37)
    assert said([5] * 12) == (0, 12)  # "1000000000000" is a number
    assert said([0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8]) == (0, 16)


@pytest.mark.parametrize("untrained", [0.02], indirect=True)
def test_an_untrained_models_loops_end_early_and_say_so(untrained: Path) -> None:
    model = load(untrained, "untrained", device="cpu", dtype="auto", min_pixels=0, max_pixels=0)
    prefix = prefix_of(model, 0, 1)
    forms = [AnswerType(), AnswerType(max_chars=400), AnswerType(kind="json", json_schema={})]
    requests = [
        Request(scene, question, form, 400)
        for scene in (0, 1)
        for question in ("What?", "Who is it?", "Where?")
        for form in forms
    ]
    found = generate(model, prefix, requests, Cancel())
    looped = 0
    for request, answer in zip(requests, found, strict=True):
        assert isinstance(answer, Generated)
        request.form.parse(answer.text)
        looped += answer.finish_reason == "loop"
        if answer.finish_reason == "loop":
            assert answer.tokens_out < 400
    assert looped


def test_json_that_cannot_be_completed_is_an_error(
    analyzer: Analyzer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("toolkit_analyze_qwen2vl.decoding._CLOSING", 8)
    schema: dict[str, JsonValue] = {"type": "array", "items": {"type": "null"}, "minItems": 40}
    asks = [Ask(kind="question", name="Nulls?", type=AnswerType(kind="json", json_schema=schema))]
    with build(tmp_path, max_json_tokens=4) as short:
        look = Look(sample_frames(), short.asks([*asks, Ask(kind="sentiment")]))
        [[failed, felt]] = [list(each) for each in short.analyze([look], "f", Cancel())]
    assert isinstance(felt, Answer)
    assert isinstance(failed, tuple)
    assert isinstance(failed[1], AnalysisError)
    assert "max_json_tokens" in str(failed[1].hint)


def test_a_schema_that_cannot_be_kept_to_is_refused_at_once(analyzer: Analyzer) -> None:
    form = AnswerType(kind="json", json_schema={"not": {"type": "string"}})
    with pytest.raises(ConfigError, match="not"):
        analyzer.asks([Ask(kind="question", name="What?", type=form)])


@pytest.mark.parametrize(
    ("start", "schema"),
    [
        ('{"name": "a \\', Part.model_json_schema()),
        ('{"name": "x", "parts": [{"name": "y", "parts": [{', Part.model_json_schema()),
        ('["abc", "a', SCHEMAS[1]),
        ('{"a": -', SCHEMAS[2]),
        ('"A', SCHEMAS[3]),
        ('"ri', SCHEMAS[4]),
        ('{"é": ["', {}),
    ],
)
def test_a_cut_answer_is_closed_by_the_grammar(
    tiny: VisionModel, start: str, schema: dict[str, JsonValue]
) -> None:
    form = AnswerType(kind="json", json_schema=schema)
    guide = tiny.grammars.guide(form)
    tokens = tiny.ids(start)
    for token in tokens:
        guide.take(token)
    lacking = guide.close(tokens)
    assert lacking is not None
    form.parse(tiny.text([*tokens, *lacking]))
    assert len(lacking) < 40


STRICT: list[dict[str, JsonValue]] = [
    *SCHEMAS,
    {
        "type": "object",
        "properties": {
            "email": {"type": "string", "pattern": "^[a-z]+@[a-z]+[.]com$"},
            "when": {"type": "string", "format": "date-time"},
            "id": {"type": "string", "format": "uuid"},
        },
        "required": ["email", "when", "id"],
    },
    {
        "type": "array",
        "items": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
        "minItems": 3,
    },
    {"allOf": [{"properties": {"a": {"type": "integer"}}, "required": ["a"]}, SCHEMAS[2]]},
    {
        "type": "object",
        "properties": {"share": {"type": "number", "exclusiveMinimum": 0, "maximum": 1}},
        "required": ["share"],
    },
]


def test_wherever_json_is_cut_it_can_be_closed(tiny: VisionModel) -> None:
    rng = Random(7)
    for _ in range(400):
        form = AnswerType(kind="json", json_schema=rng.choice(STRICT))
        guide = tiny.grammars.guide(form)
        tokens: list[int] = []
        for _ in range(rng.randint(1, 60)):
            mask = int.from_bytes(guide.mask(), "little")
            allowed = [token for token in range(mask.bit_length()) if mask >> token & 1]
            token = rng.choice(allowed)
            if token in tiny.ends:
                break
            guide.take(token)
            tokens.append(token)
        lacking = guide.close(tokens)
        assert lacking is not None, (form.json_schema, tiny.text(tokens))
        form.parse(tiny.text([*tokens, *lacking]))


class Counted:
    """Counts, while it is entered, what goes through a model's parts."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.encoded = self.tokens = 0

    def __enter__(self) -> Self:
        def encode(module: Any, args: Any, kwargs: Any) -> None:
            grid = kwargs.get("grid_thw", args[1] if len(args) > 1 else None)
            self.encoded += len(grid)

        def embed(module: Any, args: Any) -> None:
            if args[0].shape[1] > 1:  # a token on its own is decoding
                self.tokens += args[0].numel()

        inner = self.model.model
        self.hooks = [
            inner.visual.register_forward_pre_hook(encode, with_kwargs=True),
            inner.get_input_embeddings().register_forward_pre_hook(embed),
        ]
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self.hooks:
            hook.remove()


def test_five_prompts_cost_a_third_of_asking_one_by_one(analyzer: Any) -> None:
    asks = analyzer.asks(
        [
            Ask(kind="description"),
            Ask(kind="question", name="What colour is the shape?"),
            Ask(kind="question", name="How many shapes are there?", type=QUESTIONS[1].type),
            Ask(kind="question", name="Is it night?", type=QUESTIONS[0].type),
            Ask(kind="sentiment"),
        ]
    )
    # So many that a scene is longer than its questions, as scenes are that a model of use reads.
    frames = [sample_frames(scene, count=32, height=224, width=224) for scene in range(4)]
    answers(analyzer, Look(frames[0], asks))  # loads the model, and reads the empty input
    network = analyzer._model._model
    with Counted(network) as shared:
        answers(analyzer, *(Look(each, asks) for each in frames))
    with Counted(network) as alone:
        for each in frames:
            for ask in asks:
                answers(analyzer, Look(each, [ask]))
    assert shared.encoded == 4
    assert alone.encoded == 20
    assert alone.tokens >= 3 * shared.tokens


def test_frame_times_and_styles_are_in_the_prompt(tmp_path: Path) -> None:
    prompts = {
        style: build(tmp_path, style=style).asks([Ask(kind="description")])[0].prompt
        for style in ("short", "detailed", "accessibility", "search")
    }
    assert len(set(prompts.values())) == 4
    plain = build(tmp_path).asks([Ask(kind="description")])
    assert plain[0].prompt == prompts["short"]
    conversation = Prompts.read(None).conversation([0.5, 1.25], "What?")
    assert "0.5, 1.2 seconds" in json.dumps(conversation)


def test_words_around_a_question_can_be_changed_and_are_hashed(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "number.md").write_text("{question} Digits only. {schema}\n")
    one, other = build(tmp_path), build(tmp_path, prompts="mine")
    tell = [
        mine.key == packaged.key
        for mine, packaged in zip(other.asks(ASKS), one.asks(ASKS), strict=True)
    ]
    assert [ask.type.kind for ask, same in zip(ASKS, tell, strict=True) if not same] == ["number"]
    assert other.asks(ASKS)[1].prompt.endswith("How many people are there? Digits only. {schema}")
    (tmp_path / "mine" / "label.md").write_text("Does it fit?")
    with pytest.raises(ConfigError, match=r"\{label\}"):
        build(tmp_path, prompts="mine")


def test_what_fills_a_hole_is_left_as_it_is() -> None:
    form = AnswerType(kind="many_of", choices=("{label}", "b"))
    ask = Ask(kind="question", name="Is {choice} here?", type=form)
    assert Prompts.read(None).questions(ask) == [
        'Is {choice} here? Does "{label}" apply? Answer Yes or No.',
        'Is {choice} here? Does "b" apply? Answer Yes or No.',
    ]


@pytest.mark.slow
def test_typed_questions_from_a_config_to_the_frame(tmp_path: Path) -> None:
    truth = random_truth(Random(5))
    film = tmp_path / "film.mp4"
    write_clip(render(truth, Random(5), 48, 240, 320), film, fps=24)
    (tmp_path / "config.ini").write_text(
        f"[analysis]\nplugin = qwen2vl\nmodel = {TINY}\ndevice = cpu\nabstain_below = 0\n"
        "questions =\n  How many shapes are there? [number]\n  Is it night? [yes/no]\n"
        "labels = red, night\n"
    )
    run = tk.analyze(
        film,
        ask=[
            "Which are there? [many of: red, blue]",
            tk.Question("What?", type={"type": "object"}),
        ],
        config=tmp_path / "config.ini",
        progress=False,
    )
    [scene] = run.scenes.to_dicts()
    assert isinstance(scene["How many shapes are there?"], int)
    assert isinstance(scene["Is it night?"], bool)
    assert isinstance(scene["Which are there?"], list)
    assert isinstance(json.loads(scene["What?"]), dict)
    assert list(scene["labels"]) == ["red", "night"]
    assert len(run.failures) == 0
