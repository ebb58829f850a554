"""The analyzer for OpenAI-compatible servers when the server, the network or the key fails."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
import trustme
from chat_server import ChatServer, chat_server
from pydantic import SecretStr

import toolkit as tk
from toolkit.errors import AnalysisError, CancelledError, ModelError, PrivacyError, ToolkitError
from toolkit.hooks.specs import Context
from toolkit.records import Answer, Ask
from toolkit.stages.analysis import Analyzer, Look, Reply
from toolkit.stages.component import Cancel
from toolkit.testing.analyzers import sample_frames
from toolkit_analyze_openai import OpenAIOptions, make
from toolkit_analyze_openai.causes import explain

DESCRIBE = Ask(kind="description")
COLOUR = Ask(kind="question", name="What colour is it?")


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server() as running:
        yield running


def build(base: Path, url: str, **options: Any) -> Analyzer:
    given: dict[str, Any] = {"url": url, "model": "tiny", "backoff_s": 0.01} | options
    return make(OpenAIOptions(**given), Context(base, base))


def replies_of(analyzer: Analyzer, *wanted: Ask, scenes: int = 1) -> list[Sequence[Reply]]:
    asks = analyzer.asks(wanted or (DESCRIBE,))
    looks = [Look(sample_frames(index), asks) for index in range(scenes)]
    return list(analyzer.analyze(looks, "f", Cancel()))


def error_of(reply: Reply) -> ToolkitError:
    assert isinstance(reply, tuple), reply
    return reply[1]


def refused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def test_a_server_that_is_away_ends_it_and_says_so(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{refused_port()}/v1"
    with build(tmp_path, url, retries=2) as analyzer:
        with pytest.raises(ModelError, match="cannot be reached: Connection refused") as caught:
            replies_of(analyzer, scenes=20)
        assert url in str(caught.value)
        assert "Start the server" in str(caught.value)
        assert caught.value.retriable
        assert caught.value.__cause__ is not None


def test_a_host_that_is_not_known_ends_it(tmp_path: Path) -> None:
    with (
        build(tmp_path, "http://nowhere.invalid/v1", retries=0) as analyzer,
        pytest.raises(ModelError, match="cannot be reached"),
    ):
        replies_of(analyzer)


def test_a_server_that_comes_back_is_asked_again(tmp_path: Path) -> None:
    port = refused_port()
    with build(tmp_path, f"http://127.0.0.1:{port}/v1", retries=0) as analyzer:
        with pytest.raises(ModelError):
            replies_of(analyzer)
        with chat_server(port=port):
            assert isinstance(replies_of(analyzer)[0][0], Answer)


def test_a_certificate_of_ones_own_has_to_be_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    with chat_server(tls=tls) as server:
        with (
            build(tmp_path, server.url) as analyzer,
            pytest.raises(ModelError, match="cannot be trusted") as caught,
        ):
            replies_of(analyzer)
        assert not caught.value.retriable
        assert "SSL_CERT_FILE" in str(caught.value)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        with build(tmp_path, server.url) as analyzer:
            assert isinstance(replies_of(analyzer)[0][0], Answer)


@pytest.mark.parametrize(
    ("settings", "options", "says", "hint"),
    [
        ({"key": "right"}, {}, "does not accept the key", "api_key"),
        ({"key": "right"}, {"api_key": SecretStr("wrong")}, "does not accept the key", "api_key"),
        (
            {"models": ("qwen2-vl", "tinny", "llava")},
            {},
            "no model 'tiny'",
            "Did you mean 'tinny'? Known: llava, qwen2-vl, tinny",
        ),
    ],
)
def test_a_wrong_key_or_model_ends_it_before_a_frame_is_sent(
    settings: dict[str, Any], options: dict[str, Any], says: str, hint: str, tmp_path: Path
) -> None:
    with chat_server(**settings) as server, build(tmp_path, server.url, **options) as analyzer:
        with pytest.raises(ModelError, match=says) as caught:
            replies_of(analyzer, scenes=3)
        assert hint in str(caught.value)
        assert not caught.value.retriable
        assert not server.asked


def test_a_list_without_the_model_can_be_overruled(tmp_path: Path) -> None:
    with (
        chat_server(models=("other",)) as server,
        build(tmp_path, server.url, check_model=False) as analyzer,
    ):
        assert isinstance(replies_of(analyzer)[0][0], Answer)


@pytest.mark.parametrize("models", [None, (), ("tiny:latest",), ("models/tiny",)])
def test_a_list_that_says_little_is_no_hindrance(
    models: tuple[str, ...] | None, tmp_path: Path
) -> None:
    with chat_server(models=models) as server, build(tmp_path, server.url) as analyzer:
        assert isinstance(replies_of(analyzer)[0][0], Answer)


@pytest.mark.parametrize(
    "fault", ["status/500", "status/503", "status/408", "status/429", "cut", "drop"]
)
def test_what_passes_is_tried_again(fault: str, server: ChatServer, tmp_path: Path) -> None:
    server.script = [fault, fault]
    with build(tmp_path, server.url, retries=2) as analyzer:
        assert isinstance(replies_of(analyzer)[0][0], Answer)
    assert len(server.asked) == 3


def test_the_server_says_how_long_to_wait(server: ChatServer, tmp_path: Path) -> None:
    server.script = ["status/429/0.4"]
    with build(tmp_path, server.url, backoff_s=0) as analyzer:
        assert isinstance(replies_of(analyzer)[0][0], Answer)
    first, second = server.asked
    assert second.at_s - first.at_s >= 0.35


def test_a_wait_of_hours_is_not_waited_for(server: ChatServer, tmp_path: Path) -> None:
    server.script = ["status/429/7200"]
    with build(tmp_path, server.url) as analyzer:
        [[reply, other]] = replies_of(analyzer, DESCRIBE, COLOUR)
    assert error_of(reply).retriable
    assert "slow down" in str(error_of(reply))
    assert isinstance(other, Answer)


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("status/500", "out of order or busy"),
        ("status/429", "slow down"),
        ("cut", "ended the connection"),
        ("drop", "ended the connection"),
    ],
)
def test_what_does_not_pass_fails_its_ask_alone(
    fault: str, says: str, server: ChatServer, tmp_path: Path
) -> None:
    server.script = [fault] * 3
    with build(tmp_path, server.url, retries=2) as analyzer:
        [[reply, other]] = replies_of(analyzer, DESCRIBE, COLOUR)
    error = error_of(reply)
    assert isinstance(error, AnalysisError)
    assert not isinstance(error, ModelError)
    assert says in str(error)
    assert error.retriable
    assert error.hint
    assert isinstance(other, Answer)


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("html", "not the OpenAI protocol"),
        ("junk", "not the OpenAI protocol"),
        ("empty", "not the OpenAI protocol"),
        ("status/413", "refuses the request"),
        ("says/", "said nothing"),
    ],
)
def test_nonsense_fails_its_ask_alone_and_is_not_tried_again(
    fault: str, says: str, server: ChatServer, tmp_path: Path
) -> None:
    server.script = [fault]
    with build(tmp_path, server.url) as analyzer:
        [[reply, other]] = replies_of(analyzer, DESCRIBE, COLOUR)
    assert says in str(error_of(reply))
    assert error_of(reply).hint
    assert not error_of(reply).retriable
    assert isinstance(other, Answer)
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("quota", "no credit"),
        ("status/402", "paid first"),
        ("status/403", "may not use"),
        ("status/404", "no such model"),
    ],
)
def test_what_no_request_will_overcome_ends_it(
    fault: str, says: str, server: ChatServer, tmp_path: Path
) -> None:
    server.always = fault
    with (
        build(tmp_path, server.url) as analyzer,
        pytest.raises(ModelError, match=says) as caught,
    ):
        replies_of(analyzer, DESCRIBE, COLOUR, scenes=30)
    assert caught.value.hint
    assert len(server.asked) <= 16  # as many as were under way


def test_a_server_that_only_fails_is_left_in_peace(server: ChatServer, tmp_path: Path) -> None:
    server.always = "status/500"
    with (
        build(tmp_path, server.url, retries=0, concurrency=2) as analyzer,
        pytest.raises(ModelError, match="too often"),
    ):
        replies_of(analyzer, DESCRIBE, COLOUR, scenes=40)
    assert len(server.asked) < 20


def test_answers_before_the_end_are_kept(server: ChatServer, tmp_path: Path) -> None:
    with build(tmp_path, server.url, concurrency=1) as analyzer:
        asks = analyzer.asks([DESCRIBE])
        looks = [Look(sample_frames(index), asks) for index in range(3)]
        replies = iter(analyzer.analyze(looks, "f", Cancel()))
        server.script, server.always = [""], "status/401"
        [first] = next(replies)
        assert isinstance(first, Answer)
        with pytest.raises(ModelError, match="key"):
            next(replies)


@pytest.mark.parametrize("fault", ["hang", "trickle"])
def test_a_slow_server_times_out(fault: str, server: ChatServer, tmp_path: Path) -> None:
    server.script = [fault]
    with build(tmp_path, server.url, timeout_s=0.3, retries=0) as analyzer:
        [[reply]] = replies_of(analyzer)
    assert "did not answer within 0.3 seconds" in str(error_of(reply))
    assert "timeout_s" in str(error_of(reply))
    assert error_of(reply).retriable
    assert server.client_left.wait(20)


def test_frames_do_not_follow_a_redirect(server: ChatServer, tmp_path: Path) -> None:
    with chat_server() as elsewhere:
        server.always = f"redirect/{elsewhere.url}/chat/completions"
        with (
            build(tmp_path, server.url) as analyzer,
            pytest.raises(ModelError, match="sends us on to") as caught,
        ):
            replies_of(analyzer)
        assert elsewhere.url in str(caught.value)
        assert not elsewhere.asked


@pytest.mark.parametrize("fault", ["hang", "trickle", "status/503/200"])
def test_cancel_stops_at_once_whatever_is_waited_for(
    fault: str, server: ChatServer, tmp_path: Path
) -> None:
    server.always = fault
    cancel = Cancel()
    with build(tmp_path, server.url) as analyzer:
        look = Look(sample_frames(), analyzer.asks([DESCRIBE]))
        threading.Timer(0.2, cancel.set).start()
        with pytest.raises(CancelledError):  # or the test itself runs out of time
            list(analyzer.analyze([look], "f", cancel))
        server.always = ""
        if fault != "status/503/200":
            assert server.client_left.wait(20)  # so a server need not work for nobody
            assert isinstance(replies_of(analyzer)[0][0], Answer)  # and it goes on after that


def test_a_run_goes_on_without_the_server_and_asks_later(
    server: ChatServer, tmp_path: Path
) -> None:
    from random import Random

    from toolkit.testing.clips import random_truth, render, write_clip

    write_clip(render(random_truth(Random(1)), Random(1), 24, 120, 160), tmp_path / "clip.mp4")

    def run(url: str) -> tk.RunHandle:
        return tk.analyze(
            str(tmp_path / "clip.mp4"),
            workspace=tmp_path / "workspace",
            progress=False,
            scenes={"plugin": "planes"},
            analysis={
                "plugin": "signals, openai",
                "openai": {"url": url, "model": "tiny", "retries": 0},
            },
        )

    away = run(f"http://127.0.0.1:{refused_port()}/v1")
    [failure] = away.failures.to_dicts()
    assert failure["error"] == "ModelError"
    assert failure["retriable"]
    assert away.answers["plugin"].to_list() == ["signals"]  # what needs no server is there
    here = run(server.url)
    assert "8 frames" in here.scenes["description"].to_list()[0]
    assert not len(here.failures)


def test_privacy_refuses_what_is_not_this_machine(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"no video")
    with pytest.raises(PrivacyError, match="another machine"):
        tk.analyze(
            str(tmp_path / "clip.mp4"),
            workspace=tmp_path / "workspace",
            progress=False,
            analysis={"plugin": "openai", "openai": {"url": "https://api.example.org/v1"}},
        )


def test_every_status_becomes_an_error_with_a_way_out() -> None:
    request = httpx2.Request("POST", "http://host/v1/chat/completions")
    for status in range(300, 600):
        response = httpx2.Response(status, request=request)
        original = openai.APIStatusError("no", response=response, body={"message": "Sorry."})
        error = explain(original, "http://host/v1", 1.0)
        assert isinstance(error, AnalysisError)
        assert error.__cause__ is original
        assert error.hint
        assert error.retriable is (status in {408, 409, 425, 429} or status >= 500)
        assert "http://host/v1" in str(error)


def test_every_error_of_the_client_library_becomes_one_of_ours() -> None:
    request = httpx2.Request("POST", "http://host/v1/chat/completions")
    for original in (
        openai.OpenAIError("odd"),
        openai.APIError("odd", request, body=None),
        openai.APIConnectionError(request=request),
        openai.APITimeoutError(request),
        openai.APIResponseValidationError(httpx2.Response(200, request=request), body=None),
        TimeoutError(),
        ValueError("odd"),
    ):
        error = explain(original, "http://host/v1", 1.0)
        assert isinstance(error, AnalysisError)
        assert error.__cause__ is original
        assert error.hint
