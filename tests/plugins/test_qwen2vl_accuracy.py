"""The tiny checkpoint reads freshly drawn and encoded clips that its trainer never saw."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path
from random import Random

import numpy as np
import pytest

from toolkit.hooks.specs import Context
from toolkit.records import Answer, Ask, Frames, Scene
from toolkit.stages.analysis import Look
from toolkit.stages.component import Cancel
from toolkit.testing.clips import ClipTruth, random_truth, render, write_clip
from toolkit_analyze_qwen2vl import Qwen2VLOptions, make

TINY = Path(__file__).parents[1] / "models" / "tiny-qwen2vl"
SEED = 20_260_731
CLIPS = 40
SIZES = ((240, 320), (180, 320), (256, 256), (320, 240))
ASKS = {
    Ask(kind="question", name="What colour is the shape?"): "colour",
    Ask(kind="question", name="What shape is it?"): "shape",
    Ask(kind="question", name="Which way does it move?"): "motion",
    Ask(kind="sentiment"): "sentiment",
    Ask(kind="description"): "caption",
}


def clip(rng: Random, index: int) -> tuple[ClipTruth, Frames]:
    """A clip that went through H.264, and the frames in the middle of its eighths."""
    import av

    truth = random_truth(rng)
    height, width = SIZES[index % len(SIZES)]
    file = io.BytesIO()
    write_clip(render(truth, rng, 48, height, width), file, fps=24)
    file.seek(0)
    with av.open(file, "r") as container:
        shown = list(container.decode(video=0))
    kept = [shown[round((place + 0.5) * len(shown) / 8)] for place in range(8)]
    scene = Scene.of(f"clip-{index}", "detector", 0, start_s=0.0, end_s=2.0)
    pts_s = np.array([frame.time for frame in kept], np.float64)
    rgb = np.stack([frame.to_ndarray(format="rgb24") for frame in kept]).astype(np.uint8)
    return truth, Frames(scene, "sampler", pts_s, rgb)


@pytest.mark.slow
def test_colour_shape_direction_and_more_are_right(tmp_path: Path) -> None:
    rng = Random(SEED)
    options = Qwen2VLOptions(model=str(TINY), device="cpu")
    clips = [clip(rng, index) for index in range(CLIPS)]
    right: Counter[str] = Counter()
    with make(options, Context(tmp_path, tmp_path)) as analyzer:
        asks = analyzer.asks(ASKS)
        looks = [Look(frames, asks) for _, frames in clips]
        for (truth, _), replies in zip(clips, analyzer.analyze(looks, "f", Cancel()), strict=True):
            for what, answer in zip(ASKS.values(), replies, strict=True):
                assert isinstance(answer, Answer)
                fact = getattr(truth, what)
                right[what] += answer.text == (fact() if callable(fact) else fact)
    for what in ("colour", "shape", "motion"):
        assert right[what] >= 0.95 * CLIPS, right
    for what in ("sentiment", "caption"):
        assert right[what] >= 0.85 * CLIPS, right
