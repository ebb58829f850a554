from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

import toolkit_analyze_signals
from toolkit.errors import ModelError
from toolkit.hooks.specs import AnalyzerPlugin, Context
from toolkit.records import Answer, Ask, Frames, Scene
from toolkit.stages.analysis import Look
from toolkit.stages.component import Cancel
from toolkit.testing.analyzers import AnalyzerSuite, sample_frames
from toolkit_analyze_signals import SignalsOptions, make
from toolkit_analyze_signals.colours import REFERENCES
from toolkit_analyze_signals.faces import shot_scale

Images = npt.NDArray[np.uint8]
HEIGHT, WIDTH = 180, 320
FACE_MODEL = os.environ.get("TOOLKIT_TEST_FACE_MODEL", "")
"""A YuNet model, for who has one: OpenCV's wheel ships none."""


class TestSignals(AnalyzerSuite):
    @pytest.fixture(scope="class")
    @classmethod
    def plugin(cls) -> AnalyzerPlugin:
        return next(iter(toolkit_analyze_signals.toolkit_analyzers()))


def answer(rgb: Images, *, length_s: float = 4.0, **options: Any) -> Answer:
    scene = Scene.of("video", "detector", 0, start_s=1.0, end_s=1.0 + length_s)
    frames = Frames(scene, "sampler", np.linspace(1, 4, len(rgb)), rgb)
    analyzer = make(SignalsOptions(**options), Context(Path(), Path()))
    look = Look(frames, analyzer.asks([Ask(kind="signals")]))
    [[reply]] = analyzer.analyze([look], "fingerprint", Cancel())
    assert isinstance(reply, Answer), reply
    return reply


def signals(rgb: Images, **options: Any) -> dict[str, Any]:
    value = answer(rgb, **options).value
    assert isinstance(value, dict)
    assert json.loads(json.dumps(value)) == value
    return value


def plain(*colour: int, count: int = 3) -> Images:
    return np.full((count, HEIGHT, WIDTH, 3), colour, np.uint8)


def ball(step: int, count: int = 4) -> Images:
    """A red ball on blue, that goes ``step`` pixels from frame to frame."""
    frames = plain(30, 60, 200, count=count)
    for index, frame in enumerate(frames):
        cv2.circle(frame, (60 + step * index, 90), 40, (225, 30, 30), -1)
    return frames


def texture(height: int = HEIGHT, width: int = WIDTH) -> Images:
    """Four large fields with sharp edges, the same picture at any size."""
    frame = np.zeros((height, width, 3), np.uint8)
    frame[: height // 2, : width // 2] = 230
    frame[height // 2 :, width // 2 :] = 180
    return np.stack([frame, frame])


def test_light_and_colour_are_on_their_scales() -> None:
    white, black, grey = signals(plain(255, 255, 255)), signals(plain(0, 0, 0)), signals(texture())
    assert (white["brightness"], black["brightness"]) == (1.0, 0.0)
    assert white["contrast"] == white["saturation"] == white["colourfulness"] == 0.0
    assert grey["contrast"] > 0.3
    assert signals(plain(255, 0, 0))["saturation"] == 1.0
    assert signals(plain(255, 128, 0))["warmth"] == 1.0
    assert signals(plain(0, 0, 255))["warmth"] == -1.0


def test_colourfulness_is_hasler_and_suesstrunks() -> None:
    frame = plain(255, 0, 0, count=1)
    frame[:, :, WIDTH // 2 :] = (0, 0, 255)
    # rg is 255 and 0, yb is 127.5 and -255, half of the picture each.
    spread, mean = np.hypot(127.5, 191.25), np.hypot(127.5, -63.75)
    assert signals(frame)["colourfulness"] == pytest.approx(spread + 0.3 * mean, abs=0.01)


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((225, 30, 30), "red"),
        ((20, 150, 40), "green"),
        ((30, 50, 220), "blue"),
        ((135, 206, 235), "blue"),
        ((240, 220, 20), "yellow"),
        ((120, 220, 230), "cyan"),
        ((250, 170, 200), "pink"),
        ((240, 240, 240), "white"),
        ((15, 15, 20), "black"),
        ((120, 120, 120), "grey"),
        ((120, 70, 20), "brown"),
        ((255, 150, 0), "orange"),
        ((120, 20, 140), "purple"),
    ],
)
def test_colours_have_the_names_that_people_use(rgb: tuple[int, int, int], name: str) -> None:
    assert signals(plain(*rgb))["colour_1"] == name
    assert name in REFERENCES


def test_colours_come_with_their_shares_the_largest_first() -> None:
    found = signals(ball(0))
    assert found["colours"] == "blue, red"
    assert (found["colour_1"], found["colour_2"]) == ("blue", "red")
    area = np.pi * 40**2 / (HEIGHT * WIDTH)
    assert found["colour_2_share"] == pytest.approx(area, abs=0.01)
    assert found["colour_1_share"] + found["colour_2_share"] == pytest.approx(1, abs=0.02)


def test_blur_lowers_sharpness_and_resolution_does_not_change_it() -> None:
    sharp = texture()
    blurred = np.stack([cv2.GaussianBlur(frame, (0, 0), 3) for frame in sharp])
    assert signals(blurred)["sharpness"] < signals(sharp)["sharpness"] / 4
    large = signals(texture(4 * HEIGHT, 4 * WIDTH))["sharpness"]
    assert large == pytest.approx(signals(texture(2 * HEIGHT, 2 * WIDTH))["sharpness"], rel=0.05)


def test_motion_grows_with_what_moves() -> None:
    still, slow, fast = signals(ball(0)), signals(ball(8)), signals(ball(40))
    assert still["motion"] == 0.0
    assert 0 < slow["motion"] < fast["motion"]
    assert (still["frozen"], slow["frozen"], fast["frozen"]) == (True, False, False)


def test_noise_is_frozen_and_a_mouse_pointer_is_not() -> None:
    rng = np.random.default_rng(7)
    noisy = np.clip(ball(0) + rng.normal(0, 3, ball(0).shape), 0, 255).astype(np.uint8)
    assert signals(noisy)["frozen"] is True
    pointer = ball(0)
    for index, frame in enumerate(pointer):
        frame[140:152, 40 + 50 * index :][:, :8] = 255
    assert signals(pointer)["frozen"] is False


def test_one_frame_tells_nothing_about_motion() -> None:
    found = signals(ball(0, count=1))
    assert found["frames"] == 1
    assert found["motion"] is None
    assert found["frozen"] is None


def test_black_and_single_colour_pictures() -> None:
    dark_grain = plain(0, 0, 0)
    dark_grain[..., ::7, :] = 20
    assert signals(dark_grain)["black"] is True
    assert signals(dark_grain, black_level=0.05)["black"] is False
    fade = np.concatenate([plain(0, 0, 0), ball(0)])
    assert signals(fade)["black"] is False
    assert signals(plain(40, 120, 60))["single_colour"] is True
    assert signals(ball(0))["single_colour"] is False


def test_without_a_face_model_nobody_looked_for_faces() -> None:
    found = signals(ball(0))
    assert found["faces"] is None
    assert found["shot_scale"] == "unknown"


@pytest.mark.parametrize(
    ("heights", "scale"),
    [([], "unknown"), ([0.06, 0.08], "long"), ([0.2], "medium"), ([0.05, 0.4, 0.5], "close-up")],
)
def test_the_size_of_faces_tells_the_shot_scale(heights: list[float], scale: str) -> None:
    assert shot_scale(heights) == scale


def test_a_face_model_that_is_missing_or_none_is_a_model_error(tmp_path: Path) -> None:
    context = Context(tmp_path, tmp_path)
    with pytest.raises(ModelError, match=r"none\.onnx"):
        make(SignalsOptions(face_model="none.onnx"), context)
    (tmp_path / "bad.onnx").write_bytes(b"this is no model")
    analyzer = make(SignalsOptions(face_model="bad.onnx"), context)
    looks = [Look(sample_frames(), analyzer.asks([Ask(kind="signals")]))]
    with pytest.raises(ModelError, match=r"bad\.onnx") as caught:
        list(analyzer.analyze(looks, "fingerprint", Cancel()))
    assert isinstance(caught.value.__cause__, cv2.error)


def test_the_face_model_is_part_of_the_identity(tmp_path: Path) -> None:
    def identity(content: bytes) -> object:
        (tmp_path / "faces.onnx").write_bytes(content)
        options = SignalsOptions(face_model="faces.onnx")
        return make(options, Context(tmp_path, tmp_path)).identity()

    assert identity(b"one") == identity(b"one") != identity(b"two")


@pytest.mark.skipif(not FACE_MODEL, reason="TOOLKIT_TEST_FACE_MODEL names no YuNet model")
def test_a_face_is_found() -> None:
    found = signals(ball(0), face_model=FACE_MODEL)
    assert found["faces"] == 0
    assert signals(portrait(), face_model=FACE_MODEL, face_score=0.5)["faces"] == 1


def portrait() -> Images:
    """A drawn face: not much of a likeness, but the detector takes it for one."""
    frame = np.full((HEIGHT, WIDTH, 3), (150, 170, 190), np.uint8)
    cv2.ellipse(frame, (160, 100), (46, 62), 0, 0, 360, (60, 40, 30), -1)
    cv2.ellipse(frame, (160, 108), (38, 52), 0, 0, 360, (225, 180, 150), -1)
    for x in (144, 176):
        cv2.ellipse(frame, (x, 96), (9, 5), 0, 0, 360, (245, 245, 245), -1)
        cv2.circle(frame, (x, 96), 4, (40, 30, 30), -1)
        cv2.line(frame, (x - 10, 86), (x + 10, 86), (60, 40, 30), 3)
    cv2.line(frame, (160, 100), (157, 122), (190, 140, 115), 3)
    cv2.ellipse(frame, (160, 138), (15, 5), 0, 0, 360, (170, 70, 70), -1)
    return cv2.GaussianBlur(frame, (0, 0), 1.2)[None].astype(np.uint8)


def test_the_text_says_it_in_words() -> None:
    assert answer(ball(20)).text == "Medium bright, colourful; blue and red; some motion."
    assert answer(plain(0, 0, 0)).text == "A black picture."


def test_the_documentation_lists_every_signal_and_its_example_runs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = (Path(__file__).parents[2] / "docs" / "signals.md").read_text(encoding="utf-8")
    rows = "".join(line for line in text.splitlines() if line.startswith("| `"))
    found = {name for name in signals(ball(8)) if not name.startswith("colour_")}
    assert {name for name in found if f"`{name}`" not in rows} == set()
    [script] = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    exec(script, {})
    comments = re.findall(r"# (.*)", script)
    assert capsys.readouterr().out.splitlines() == comments
