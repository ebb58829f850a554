"""The analyzer for OpenAI-compatible servers: what it sends, and what it makes of replies."""

from __future__ import annotations

import base64
import io
import json
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chat_server import ChatServer, chat_server
from PIL import Image
from pydantic import BaseModel, SecretStr, ValidationError

from toolkit.errors import AnalysisError, ConfigError
from toolkit.hooks.specs import AnalyzerPlugin, Context
from toolkit.records import Answer, AnswerType, Ask
from toolkit.stages.analysis import Analyzer, Look
from toolkit.stages.component import Cancel
from toolkit.testing.analyzers import AnalyzerSuite, sample_frames
from toolkit_analyze_openai import OpenAIOptions, is_loopback, make, toolkit_analyzers
from toolkit_analyze_openai.answers import shares
from toolkit_analyze_openai.said import Token

DESCRIBE = Ask(kind="description")
COLOUR = Ask(kind="question", name="What colour is it?")
NIGHT = Ask(kind="question", name="Is it night?", type=AnswerType(kind="yes_no"))
COUNT = Ask(kind="question", name="How many?", type=AnswerType(kind="number"))
WEATHER = Ask(
    kind="question",
    name="What is the weather?",
    type=AnswerType(kind="one_of", choices=("sun", "rain", "fog")),
)
SEEN = Ask(
    kind="question", name="What is seen?", type=AnswerType(kind="many_of", choices=("car", "bus"))
)
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"colour": {"type": "string"}, "count": {"type": "integer"}},
    "required": ["colour", "count"],
    "additionalProperties": False,
}
VEHICLE = Ask(
    kind="question",
    name="Describe the vehicle.",
    type=AnswerType(kind="json", json_schema=SCHEMA),
)
LABELS = Ask(kind="labels", type=AnswerType(kind="many_of", choices=("car", "night", "crowd")))
SENTIMENT = Ask(kind="sentiment")
ALL = (DESCRIBE, COLOUR, NIGHT, COUNT, WEATHER, SEEN, VEHICLE, LABELS, SENTIMENT)


def build(base: Path, server: ChatServer, **options: Any) -> Analyzer:
    given: dict[str, Any] = {"url": server.url, "model": "tiny", "backoff_s": 0.01} | options
    return make(OpenAIOptions(**given), Context(base, base))


def answers(analyzer: Analyzer, *wanted: Ask, scenes: int = 1) -> list[list[Answer]]:
    asks = analyzer.asks(wanted)
    looks = [Look(sample_frames(index), asks) for index in range(scenes)]
    found = [list(replies) for replies in analyzer.analyze(looks, "f", Cancel())]
    assert all(isinstance(reply, Answer) for replies in found for reply in replies), found
    return found  # type: ignore[return-value]


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server() as running:
        yield running


@pytest.fixture
def analyzer(server: ChatServer, tmp_path: Path) -> Iterator[Analyzer]:
    with build(tmp_path, server) as made:
        yield made


class TestSuite(AnalyzerSuite):
    @pytest.fixture
    def plugin(self) -> AnalyzerPlugin:
        return next(iter(toolkit_analyzers()))

    @pytest.fixture
    def options(self, server: ChatServer) -> OpenAIOptions:
        return OpenAIOptions(url=server.url, model="tiny")


def test_frames_arrive_as_they_are_with_their_times(server: ChatServer, analyzer: Analyzer) -> None:
    frames = sample_frames(count=3)
    [[answer]] = answers(analyzer, DESCRIBE)
    assert answer.text.startswith("4 frames of 160 x 120")
    [asked] = server.asked
    told = [float(word.strip(",")) for word in asked.words.split() if word[0].isdigit()]
    assert told == [round(time, 1) for time in sample_frames().pts_s.tolist()]
    mean = frames.rgb[0].mean((0, 1)).astype(int).tolist()
    seen = [int(word) for word in answer.text.split()[-3:]]
    assert seen == pytest.approx(mean, abs=3)


def test_frames_can_go_as_one_video(server: ChatServer, tmp_path: Path) -> None:
    with build(tmp_path, server, frames="video") as analyzer:
        [[answer]] = answers(analyzer, DESCRIBE)
    assert answer.text.startswith("4 frames of 160 x 120")
    [part, _] = server.asked[0].body["messages"][1]["content"]
    assert part["type"] == "video_url"
    assert part["video_url"]["url"].startswith("data:video/jpeg;base64,")


def test_quality_is_that_of_the_jpegs(server: ChatServer, tmp_path: Path) -> None:
    sizes = []
    for quality in (30, 95):
        with build(tmp_path, server, jpeg_quality=quality) as analyzer:
            answers(analyzer, DESCRIBE)
        url = server.asked[-1].body["messages"][1]["content"][0]["image_url"]["url"]
        data = base64.b64decode(url.partition(",")[2])
        assert Image.open(io.BytesIO(data)).format == "JPEG"
        sizes.append(len(data))
    assert sizes[0] < sizes[1]


def test_all_asks_about_a_scene_begin_alike_and_the_first_goes_ahead(
    server: ChatServer, analyzer: Analyzer
) -> None:
    answers(analyzer, *ALL)
    about_the_scene = [asked for asked in server.asked if not asked.shows_nothing]
    assert len(about_the_scene) == 7 + 2 + 3  # of the choices and labels, one each
    assert len({asked.shared for asked in about_the_scene}) == 1
    assert "Describe" in server.asked[0].words


def test_answers_have_their_types(analyzer: Analyzer) -> None:
    [found] = answers(analyzer, *ALL)
    values = {answer.name or answer.kind: answer.value for answer in found}
    assert values["description"] is None
    assert values[COLOUR.name] is None
    assert isinstance(values[NIGHT.name], bool)
    assert isinstance(values[COUNT.name], int)
    assert values[WEATHER.name] in ("sun", "rain", "fog")
    assert set(values[SEEN.name]) <= {"car", "bus"}  # type: ignore[arg-type]
    assert values[VEHICLE.name].keys() == {"colour", "count"}  # type: ignore[union-attr]
    assert values["labels"].keys() == {"car", "night", "crowd"}  # type: ignore[union-attr]
    assert values["sentiment"] in ("positive", "neutral", "negative")
    texts = {answer.name: answer.text for answer in found}
    assert texts[NIGHT.name] == ("Yes" if values[NIGHT.name] else "No")
    assert texts[COUNT.name] == str(values[COUNT.name])
    assert json.loads(texts[VEHICLE.name]) == values[VEHICLE.name]
    assert all(answer.confidence is not None for answer in found if answer.kind != "labels")


def test_choices_are_told_by_their_probabilities(server: ChatServer, analyzer: Analyzer) -> None:
    [[weather, night]] = answers(analyzer, WEATHER, NIGHT)
    for answer in (weather, night):
        assert answer.evidence.finish_reason == "scored"
        assert answer.confidence is not None
        assert answer.confidence >= 0.55  # less would not be an answer
    assert all("response_format" not in asked.body for asked in server.asked)


def test_what_is_too_unsure_is_not_visible(server: ChatServer, tmp_path: Path) -> None:
    with build(tmp_path, server, abstain_below=0.999) as analyzer:
        [found] = answers(analyzer, *ALL)
    for answer in found:
        if answer.kind == "question" and answer.name != COLOUR.name:
            assert answer.abstained
            assert (answer.text, answer.value) == ("not visible", None)
            assert answer.confidence is not None
        else:
            assert not answer.abstained


def test_without_probabilities_the_words_count_and_confidence_is_unknown(
    server: ChatServer, analyzer: Analyzer
) -> None:
    server.logprobs = False
    [found] = answers(analyzer, *ALL)
    assert all(answer.confidence is None for answer in found)
    labels = next(answer.value for answer in found if answer.kind == "labels")
    assert set(labels.values()) <= {0.0, 1.0}  # type: ignore[union-attr]


def test_what_is_likely_whatever_is_shown_counts_less(
    server: ChatServer, analyzer: Analyzer
) -> None:
    answers(analyzer, LABELS, WEATHER, scenes=2)
    of_nothing = [asked.words for asked in server.asked if asked.shows_nothing]
    assert len(of_nothing) == len(set(of_nothing)) == 4  # once each, whatever the scenes


def test_a_leaning_that_could_not_be_told_is_asked_for_again(
    server: ChatServer, tmp_path: Path
) -> None:
    with build(tmp_path, server, retries=0) as analyzer:
        asks = analyzer.asks([NIGHT])
        server.script = ["", "status/500"]  # the scene's, and that of nothing
        [[failed]] = analyzer.analyze([Look(sample_frames(), asks)], "f", Cancel())
        assert isinstance(failed, tuple)
        [[answer]] = answers(analyzer, NIGHT)
    assert answer.value is not None


@pytest.mark.parametrize(
    ("likeliest", "words", "found"),
    [
        ({"Yes": 0.5, " no": 0.25, "It": 0.2}, ("Yes", "No"), [2 / 3, 1 / 3]),
        ({'"sn': 0.4, "ra": 0.1}, ("snow", "rain"), [0.8, 0.2]),
        ({"It": 0.9}, ("Yes", "No"), []),
        ({"Yes.": 0.3, "NO": 0.1}, ("Yes", "No"), [0.75, 0.25]),
        ({"sun": 0.8, "s": 0.01}, ("sun", "snow"), [1.0, 0.0]),
        ({"light": 0.9}, ("light rain", "light snow"), []),  # the first token tells nothing
    ],
)
def test_a_first_token_is_shared_among_the_words_it_begins(
    likeliest: dict[str, float], words: tuple[str, ...], found: list[float]
) -> None:
    logs = {text: math.log(chance) for text, chance in likeliest.items()}
    tokens = [Token("\n", 0.0, {}), Token(next(iter(logs)), -1.0, logs)]
    assert shares(tokens, words) == pytest.approx(found)
    assert shares([], words) == []


@pytest.mark.parametrize("schemas", ["ignore", "refuse"])
def test_a_server_without_schemas_is_asked_again_in_words(
    schemas: str, server: ChatServer, tmp_path: Path
) -> None:
    server.schemas = schemas
    with build(tmp_path, server) as analyzer:
        asks = analyzer.asks([COUNT])
        looks = [Look(sample_frames(index), asks) for index in range(2)]
        for [reply] in analyzer.analyze(looks, "f", Cancel()):
            assert isinstance(reply, tuple)  # this model never learns
            assert isinstance(reply[1], AnalysisError)
            assert "not of the type" in str(reply[1])
        server.script = ["says/I see three.", "says/3"]
        if schemas == "refuse":
            assert all("response_format" not in asked.body for asked in server.asked[-2:])
        [[answer]] = answers(analyzer, COUNT)
    assert answer.value == 3
    last = server.asked[-1].body["messages"]
    assert [message["role"] for message in last] == ["system", "user", "assistant", "user"]
    assert last[2]["content"] == "I see three."
    assert "is no number" in last[3]["content"]
    assert answer.evidence.tokens_out == 4  # both tries are paid for


def test_json_in_a_fence_is_json(server: ChatServer, analyzer: Analyzer) -> None:
    server.script = ['says/```json\n{"colour": "red", "count": 2}\n```']
    [[answer]] = answers(analyzer, VEHICLE)
    assert answer.value == {"colour": "red", "count": 2}


def test_a_schema_that_refers_to_itself_is_sent_as_it_is(
    server: ChatServer, analyzer: Analyzer
) -> None:
    class Part(BaseModel):
        name: str
        parts: list[Part] = []

    schema = Part.model_json_schema()
    ask = Ask(kind="question", name="Of what?", type=AnswerType(kind="json", json_schema=schema))
    server.script = ['says/{"name": "car", "parts": [{"name": "door", "parts": []}]}']
    [[answer]] = answers(analyzer, ask)
    assert answer.value == {"name": "car", "parts": [{"name": "door", "parts": []}]}
    assert server.asked[0].body["response_format"]["json_schema"]["schema"] == schema


def test_a_long_choice_is_not_cut(server: ChatServer, analyzer: Analyzer) -> None:
    server.logprobs = False
    long = " ".join(["a very long choice of many words"] * 4)
    form = AnswerType(kind="one_of", choices=(long, "no"))
    server.script = [f"says/{long}"]
    [[answer]] = answers(analyzer, Ask(kind="question", name="Which?", type=form))
    assert answer.value == long
    assert len(server.asked) == 1


def test_json_that_was_cut_says_what_to_set(server: ChatServer, tmp_path: Path) -> None:
    with build(tmp_path, server, max_json_tokens=2) as analyzer:
        asks = analyzer.asks([VEHICLE])
        [[reply]] = analyzer.analyze([Look(sample_frames(), asks)], "f", Cancel())
    assert isinstance(reply, tuple)
    assert "max_json_tokens" in str(reply[1])
    assert len(server.asked) == 1


def test_a_refusal_is_told(server: ChatServer, analyzer: Analyzer) -> None:
    server.script = ["refuses/I do not describe people."]
    asks = analyzer.asks([DESCRIBE])
    [[reply]] = analyzer.analyze([Look(sample_frames(), asks)], "f", Cancel())
    assert isinstance(reply, tuple)
    assert "I do not describe people" in str(reply[1])


def test_what_does_not_fit_twice_fails_alone(server: ChatServer, analyzer: Analyzer) -> None:
    server.logprobs = False
    server.script = ["says/A view.", "says/Perhaps.", "says/Who knows."]
    asks = analyzer.asks([DESCRIBE, NIGHT])
    [[description, night]] = analyzer.analyze([Look(sample_frames(), asks)], "f", Cancel())
    assert isinstance(description, Answer)
    assert isinstance(night, tuple)
    assert "neither Yes nor No" in str(night[1])
    assert "other words" in str(night[1])


@pytest.mark.parametrize("unknown", ["logprobs", "temperature", "max_tokens"])
def test_what_a_server_refuses_is_left_out_from_then_on(
    unknown: str, server: ChatServer, analyzer: Analyzer
) -> None:
    server.unknown = (unknown,)
    answers(analyzer, DESCRIBE, scenes=1)
    answers(analyzer, DESCRIBE, scenes=3)
    assert [unknown in asked.body for asked in server.asked] == [True, False, False, False, False]
    assert all({"max_tokens", "max_completion_tokens"} & set(a.body) for a in server.asked)


def test_evidence_tells_tokens_and_their_cost(server: ChatServer, tmp_path: Path) -> None:
    with build(tmp_path, server, price_in=2.5, price_out=10) as analyzer:
        [[answer]] = answers(analyzer, DESCRIBE)
    evidence = answer.evidence
    assert evidence.tokens_in > 0
    assert evidence.tokens_out == len(answer.text.split(" "))
    assert evidence.cost == pytest.approx(
        (2.5 * evidence.tokens_in + 10 * evidence.tokens_out) / 1e6
    )
    assert evidence.model == "tiny"
    assert evidence.revision == "weights-1"
    assert evidence.frame_size == (160, 120)
    assert evidence.finish_reason == "stop"


def test_a_cut_answer_says_so(server: ChatServer, tmp_path: Path) -> None:
    with build(tmp_path, server, max_description_tokens=3) as analyzer:
        [[answer]] = answers(analyzer, DESCRIBE)
    assert answer.evidence.finish_reason == "length"
    assert answer.evidence.tokens_out == 3


def test_no_more_requests_at_once_than_allowed(server: ChatServer, tmp_path: Path) -> None:
    with build(tmp_path, server, concurrency=3) as analyzer:
        answers(analyzer, DESCRIBE, COLOUR, NIGHT, SENTIMENT, scenes=6)
    assert sum(not asked.shows_nothing for asked in server.asked) == 24
    assert server.most_at_once <= 3


@pytest.mark.parametrize("limit", [{"requests_per_minute": 600}, {"tokens_per_minute": 60_000}])
def test_limits_a_minute_spread_the_requests(
    limit: dict[str, float], server: ChatServer, tmp_path: Path
) -> None:
    with build(tmp_path, server, **limit) as analyzer:
        found = answers(analyzer, DESCRIBE, scenes=5)
    took_s = server.asked[-1].at_s - server.asked[0].at_s
    tokens = sum(a.evidence.tokens_in + a.evidence.tokens_out for [a] in found[:-1])
    least_s = 4 * 0.1 if "requests_per_minute" in limit else tokens / 1000
    assert took_s >= 0.8 * least_s  # a lower bound: a busy machine only makes it longer


def test_the_key_is_sent_and_never_one_that_was_not_given(
    server: ChatServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "somebody-elses")
    with build(tmp_path, server) as analyzer:
        answers(analyzer, DESCRIBE)
    assert "authorization" not in server.asked[-1].headers
    server.key = "open-sesame"
    with build(tmp_path, server, api_key=SecretStr("open-sesame")) as analyzer:
        answers(analyzer, DESCRIBE)
    assert server.asked[-1].headers["authorization"] == "Bearer open-sesame"


@pytest.mark.parametrize(
    ("url", "stays"),
    [
        ("http://localhost:8000/v1", True),
        ("http://LOCALHOST./v1", True),
        ("http://vllm.localhost/v1", True),
        ("http://127.0.0.1:8000/v1", True),
        ("http://127.8.8.8/v1", True),
        ("http://[::1]:11434/v1", True),
        ("https://api.openai.com/v1", False),
        ("http://192.168.1.5:8000/v1", False),
        ("http://0.0.0.0:8000/v1", False),
        ("http://localhost.example.org/v1", False),
        ("http://127.0.0.1.nip.io/v1", False),
    ],
)
def test_only_this_machine_is_not_remote(url: str, stays: bool, tmp_path: Path) -> None:
    assert is_loopback(url) is stays
    assert make(OpenAIOptions(url=url), Context(tmp_path, tmp_path)).remote is not stays


def test_a_proxy_does_not_carry_frames_off_this_machine(
    server: ChatServer, analyzer: Analyzer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with chat_server() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        answers(analyzer, DESCRIBE)
        assert not proxy.asked
    assert len(server.asked) == 1


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://host/v1", "http://me:secret@host/v1"])
def test_an_address_that_cannot_be_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match=r"address|login"):
        OpenAIOptions(url=url)


def test_where_the_server_stands_and_what_it_costs_changes_no_answer(tmp_path: Path) -> None:
    one = OpenAIOptions(url="http://a/v1", price_in=1, concurrency=2, api_key=SecretStr("k"))
    other = OpenAIOptions(url="http://b/v1")
    assert one.identity() == other.identity()
    assert OpenAIOptions(model="other").identity() != other.identity()
    assert OpenAIOptions(jpeg_quality=50).identity() != other.identity()
    (tmp_path / "system.md").write_text("You are terse.")
    context = Context(tmp_path, tmp_path)
    changed = make(OpenAIOptions(prompts="."), context)
    assert changed.identity() != make(OpenAIOptions(), context).identity()
    with pytest.raises(ConfigError, match="does not exist"):
        make(OpenAIOptions(prompts="nowhere"), context)


def test_keys_and_asks_need_no_client_library(tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
from toolkit.hooks.specs import Context
from toolkit.records import Ask
from toolkit_analyze_openai import OpenAIOptions, make
analyzer = make(OpenAIOptions(), Context(Path.cwd(), Path.cwd()))
analyzer.asks([Ask(kind="description"), Ask(kind="sentiment")])
analyzer.identity()
heavy = {"openai", "numpy", "PIL"} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
