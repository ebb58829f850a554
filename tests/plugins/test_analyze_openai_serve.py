"""The analyzer for OpenAI-compatible servers against a real one: ``transformers serve``."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import numpy as np
import pytest

from toolkit.errors import ModelError
from toolkit.hooks.specs import AnalyzerPlugin, Context
from toolkit.records import Answer, AnswerType, Ask, Frames, Scene
from toolkit.stages.analysis import Analyzer, Look
from toolkit.stages.component import Cancel
from toolkit.testing.analyzers import TYPED, AnalyzerSuite, sample_frames
from toolkit.testing.clips import ClipTruth, random_truth, render, write_clip
from toolkit_analyze_openai import OpenAIOptions, make, toolkit_analyzers

pytestmark = pytest.mark.slow

TINY = Path(__file__).parents[1] / "models" / "tiny-qwen2vl"
CLIPS = 20


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where ``transformers serve`` serves the tiny model."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("serve")
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", str(TINY)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    surroundings = {**os.environ, "HF_HOME": str(folder), "HF_HUB_OFFLINE": "1"}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, cwd=folder, env=surroundings
        )
    address = f"http://127.0.0.1:{port}"
    try:
        while not _is_up(address):
            assert process.poll() is None, (folder / "log").read_text()
            time.sleep(0.2)  # without an end: the test itself has one
        yield f"{address}/v1"
    finally:
        process.terminate()
        process.wait()


def _is_up(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture(scope="module")
def analyzer(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Analyzer]:
    base = tmp_path_factory.mktemp("base")
    with make(OpenAIOptions(url=url, model=str(TINY)), Context(base, base)) as made:
        yield made


class TestSuite(AnalyzerSuite):
    @pytest.fixture
    def plugin(self) -> AnalyzerPlugin:
        return next(iter(toolkit_analyzers()))

    @pytest.fixture
    def options(self, url: str) -> OpenAIOptions:
        return OpenAIOptions(url=url, model=str(TINY))

    def test_typed_questions_are_answered_in_their_types(self, analyzer: Analyzer) -> None:
        # It ignores schemas, and this model says what it knows whatever it is asked for.
        asks = analyzer.asks(Ask(kind="question", name=q.text, type=q.type) for q in TYPED)
        [replies] = self.analyze(analyzer, Look(sample_frames(), asks))
        for ask, reply in zip(asks, replies, strict=True):
            if isinstance(reply, Answer):
                assert reply.value == ask.type.parse(reply.text)
            else:
                assert reply[0] == ask
                assert "not of the type that was asked for, twice" in str(reply[1])
        assert any(isinstance(reply, Answer) for reply in replies)

    def test_sentiment_is_one_of_three_with_a_probability(self, analyzer: Analyzer) -> None:
        asks = analyzer.asks([Ask(kind="sentiment")])
        for replies in self.analyze(analyzer, *(Look(sample_frames(i), asks) for i in range(3))):
            [answer] = replies
            assert isinstance(answer, Answer)
            assert answer.value in {"positive", "neutral", "negative"}
            assert answer.confidence is None  # this server tells no probabilities


def _clip(rng: Random, index: int) -> tuple[ClipTruth, Frames]:
    """A clip that went through H.264, and the frames in the middle of its eighths."""
    import av

    truth = random_truth(rng)
    file = io.BytesIO()
    write_clip(render(truth, rng, 48, 240, 320), file, fps=24)
    file.seek(0)
    with av.open(file, "r") as container:
        shown = list(container.decode(video=0))
    kept = [shown[round((place + 0.5) * len(shown) / 8)] for place in range(8)]
    scene = Scene.of(f"clip-{index}", "detector", 0, start_s=0.0, end_s=2.0)
    pts_s = np.array([frame.time for frame in kept], np.float64)
    rgb = np.stack([frame.to_ndarray(format="rgb24") for frame in kept]).astype(np.uint8)
    return truth, Frames(scene, "sampler", pts_s, rgb)


def test_what_needs_no_motion_is_right(analyzer: Analyzer) -> None:
    # The model was trained on videos; what it makes of the same frames as images is its own.
    asks = analyzer.asks(
        [
            Ask(kind="question", name="What colour is the shape?"),
            Ask(kind="question", name="What shape is it?"),
            Ask(kind="question", name="Is it night?", type=AnswerType(kind="yes_no")),
            Ask(kind="question", name="How many shapes?", type=AnswerType(kind="number")),
        ]
    )
    rng = Random(20_261_126)
    clips = [_clip(rng, index) for index in range(CLIPS)]
    looks = [Look(frames, asks) for _, frames in clips]
    right: Counter[str] = Counter()
    for (truth, _), replies in zip(clips, analyzer.analyze(looks, "f", Cancel()), strict=True):
        colour, shape, night, count = replies
        assert isinstance(colour, Answer)
        assert isinstance(shape, Answer)
        right["colour"] += colour.text == truth.colour
        right["shape"] += shape.text == truth.shape
        right["night"] += isinstance(night, Answer) and night.value is (truth.time == "night")
        right["count"] += isinstance(count, Answer) and count.value == truth.number
        assert colour.evidence.tokens_in > 8 * 12  # 8 frames of at least 12 visual tokens
    assert min(right[what] for what in ("colour", "shape", "night", "count")) >= 0.95 * CLIPS, right


def test_a_model_that_it_does_not_serve_ends_it(url: str, tmp_path: Path) -> None:
    with (
        make(OpenAIOptions(url=url, model="other"), Context(tmp_path, tmp_path)) as analyzer,
        pytest.raises(ModelError, match="no model 'other'") as caught,
    ):
        list(analyzer.analyze([Look(sample_frames(), [Ask(kind="sentiment")])], "f", Cancel()))
    assert str(TINY) in str(caught.value)
