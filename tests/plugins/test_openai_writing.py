"""A model on a server writes about whole videos."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from chat_server import ChatServer, chat_server

import toolkit as tk
from toolkit.errors import AnalysisError, ModelError
from toolkit.hooks.specs import Context
from toolkit.stages.component import Cancel
from toolkit.stages.writing import Prompt, Writer
from toolkit.testing.clips import random_shots, write_film
from toolkit.testing.writers import WriterSuite
from toolkit_analyze_openai import OpenAIOptions, make
from toolkit_analyze_openai.text import estimate

PROMPTS = [Prompt("Be brief.", f"Sum up no. {i}.") for i in range(3)]


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server(always="says/A square moves [1].") as running:
        yield running


@pytest.fixture
def writer(server: ChatServer, tmp_path: Path) -> Iterator[Writer]:
    options = OpenAIOptions(
        url=server.url, model="tiny", backoff_s=0.01, retries=1, price_in=2.0, price_out=10.0
    )
    with make(options, Context(tmp_path, tmp_path)) as made:
        yield made


class TestSuite(WriterSuite):
    @pytest.fixture
    def writer(self, writer: Writer) -> Writer:
        return writer


def test_what_is_sent_and_what_it_costs(server: ChatServer, writer: Writer) -> None:
    longer = Prompt("Be brief.", "Sum up: " + "A red square moves. " * 50)
    [written] = writer.write([longer], 7, Cancel())
    [asked] = server.asked
    assert asked.body["messages"] == [
        {"role": "system", "content": longer.system},
        {"role": "user", "content": longer.user},
    ]
    assert asked.body["max_tokens"] == 7
    assert written.text == "A square moves [1]."
    evidence = written.evidence
    assert (evidence.model, evidence.revision) == ("tiny", "weights-1")
    assert evidence.cost == pytest.approx((evidence.tokens_in * 2 + evidence.tokens_out * 10) / 1e6)


def test_requests_go_side_by_side_and_stay_in_order(server: ChatServer, writer: Writer) -> None:
    assert len(writer.write(PROMPTS, 20, Cancel())) == 3
    server.script = ["says/one", "status/500", "says/three"]
    written = writer.write(PROMPTS, 20, Cancel())
    assert sorted(one.text for one in written) == ["A square moves [1].", "one", "three"]


def test_a_server_that_fails_is_told_by_type(server: ChatServer, writer: Writer) -> None:
    server.always = "status/500"
    with pytest.raises(AnalysisError):
        writer.write(PROMPTS[:1], 20, Cancel())
    server.models = ("other",)
    other = OpenAIOptions(url=server.url, model="tiny", retries=0)
    with make(other, Context(Path(), Path())) as lost, pytest.raises(ModelError, match="no model"):
        lost.write(PROMPTS[:1], 20, Cancel())


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), ("a dog", 2), ("background", 3), ("[12] 0:10-1:05\n", 14), ("東京", 2), ("день", 4)],
)
def test_tokens_are_estimated(text: str, tokens: int) -> None:
    assert estimate(text) == tokens


def test_a_film_is_described_and_summed_up(server: ChatServer, tmp_path: Path) -> None:
    film, rng = tmp_path / "film.mp4", random.Random(2)
    write_film(film, random_shots(rng, 2), rng=rng)
    run = tk.analyze(
        film,
        workspace=tmp_path / "workspace",
        progress=False,
        analysis={
            "plugin": "openai",
            "summary": True,
            "sentiment": False,
            "openai": {"url": server.url, "model": "tiny"},
        },
    )
    assert run.failures.is_empty()
    assert run.statements["text"].to_list() == ["A square moves."]
    assert run.statements["scenes"].to_list() == [[0]]
