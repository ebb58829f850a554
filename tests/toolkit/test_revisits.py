"""A new question about known scenes: the same frames are read again, and no others."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from counting import Counting

import toolkit as tk
from toolkit.config import Settings
from toolkit.errors import AnalysisError, DecodeError
from toolkit.records import Ask, Scene
from toolkit.revisit import revisited
from toolkit.stages.analysis import Look, Reply
from toolkit.stages.component import Cancel, Options
from toolkit.stages.decode import Colours
from toolkit.testing.clips import Shot, write_clip, write_film
from toolkit.testing.world import random_truth
from toolkit_decode_pyav import PyAVOptions
from toolkit_decode_pyav.decoder import PyAVDecoder
from toolkit_decode_pyav.stream import PyAVStream
from toolkit_scenes_pyscenedetect import AdaptiveOptions
from toolkit_scenes_pyscenedetect.detector import PySceneDetector

pytestmark = pytest.mark.usefixtures("in_this_process")


class Seeing(Counting):
    """Remembers the pixels it was shown, and cannot answer some questions."""

    seen: ClassVar[dict[tuple[int, str], tuple[list[float], bytes]]] = {}
    fails: ClassVar[set[tuple[int, str]]] = set()

    def analyze(
        self, looks: Sequence[Look], fingerprint: str, cancel: Cancel
    ) -> Iterable[Sequence[Reply]]:
        for look in looks:
            shown = look.frames.pts_s.tolist(), look.frames.rgb.tobytes()
            yield [self._reply(look, ask, fingerprint, shown) for ask in look.asks]

    def _reply(self, look: Look, ask: Ask, fingerprint: str, shown: Any) -> Reply:
        place = look.frames.scene.index, ask.name
        if place in self.fails:
            return ask, AnalysisError("It cannot tell.")
        self.seen[place] = shown
        return self._answer(look, ask, fingerprint)


class Watching(PySceneDetector):
    """Counts the videos it watches."""

    started: ClassVar[list[float]] = []

    def start(self, frame_s: float, *, colours: Colours | None = None) -> Any:
        self.started.append(frame_s)
        return super().start(frame_s)


@pytest.fixture(autouse=True)
def plugins() -> None:
    Seeing.seen.clear()
    Seeing.fails.clear()
    Watching.started.clear()
    tk.register(tk.AnalyzerPlugin(name="seeing", factory=lambda options, context: Seeing()))
    tk.register(
        tk.SceneDetectorPlugin(
            name="watching",
            options=Options,
            factory=lambda options, context: Watching(AdaptiveOptions()),
        )
    )


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many pictures each call of the decoder gave."""
    counts: list[int] = []
    decode = PyAVStream.decode

    def counted(stream: PyAVStream, packet: Any) -> Any:
        pictures = decode(stream, packet)
        counts.append(len(pictures))
        return pictures

    monkeypatch.setattr(PyAVStream, "decode", counted)
    return counts


@pytest.fixture(scope="module")
def long_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight scenes of two seconds with hard cuts, which the encoder answers with keyframes."""
    path = tmp_path_factory.mktemp("films") / "long.mp4"
    rng = random.Random(5)
    shots = [Shot(random_truth(rng), 2.0) for _ in range(8)]
    write_film(path, shots, ["cut"] * 7, rng=rng, height=120, width=160)
    return path


def analyze(film: Path, workspace: Path, *ask: str, **settings: Any) -> tk.RunHandle:
    options = {"analyzer": "seeing", "scenes": {"plugin": "watching"}, "ask": list(ask)} | settings
    return tk.analyze(film, workspace=workspace, progress=False, **options)


def test_a_new_question_sees_the_same_pixels(
    long_film: Path, workspace: Path, decoded: list[int]
) -> None:
    scenes = len(analyze(long_film, workspace, "Who?").scenes)
    assert scenes > 4
    assert len(Watching.started) == 1
    again = analyze(long_film, workspace, "Who?", "Where?")
    assert len(Watching.started) == 1
    assert again.failures.is_empty()
    for scene in range(scenes):
        assert Seeing.seen[scene, "Where?"] == Seeing.seen[scene, "Who?"]


def test_of_one_scene_its_groups_of_pictures_alone_are_decoded(
    long_film: Path, workspace: Path, decoded: list[int]
) -> None:
    Seeing.fails.add((5, "Who?"))
    first = analyze(long_film, workspace, "Who?")
    whole = sum(decoded)
    assert whole >= 350
    Seeing.fails.clear()
    decoded.clear()
    run = analyze(long_film, workspace, "Who?")
    times_s, _ = Seeing.seen[5, "Who?"]
    scene = first.scenes.row(5, named=True)
    assert all(scene["start_s"] <= time_s < scene["end_s"] for time_s in times_s)
    assert sum(decoded) < whole / 3
    assert run.scenes["Who?"].null_count() == 0
    assert len(Watching.started) == 1
    decoded.clear()
    analyze(long_film, workspace, "Who?")
    assert decoded == []


def test_other_frames_are_wanted(long_film: Path, workspace: Path) -> None:
    analyze(long_film, workspace, "Who?")
    analyze(long_film, workspace, "Who?", sampling={"frames": 3})
    assert len(Watching.started) == 2
    analyze(long_film, workspace, "Where?", sampling={"frames": 3})
    assert len(Watching.started) == 2
    assert len(Seeing.seen[1, "Where?"][0]) == 3
    assert Seeing.seen[1, "Where?"] == Seeing.seen[1, "Who?"]


@pytest.mark.slow
def test_large_frames_that_were_converted_early_are_read_again_the_same(
    tmp_path: Path, workspace: Path
) -> None:
    film = tmp_path / "film.mp4"
    lights = [np.full((1440, 2560, 3), 60 + 2 * number, np.uint8) for number in range(50)]
    write_clip(lights, film, fps=25, codec="mpeg4")
    sampling = {"frames": 30}
    analyze(film, workspace, "Who?", sampling=sampling)
    analyze(film, workspace, "Where?", sampling=sampling)
    assert len(Seeing.seen[0, "Who?"][0]) == 30
    assert Seeing.seen[0, "Where?"] == Seeing.seen[0, "Who?"]


def test_a_file_that_changed_is_told(long_film: Path) -> None:
    decoder = PyAVDecoder(PyAVOptions())
    video = decoder.probe(long_film).model_copy(update={"path": str(long_film)})
    scene = Scene.of("v", "d", 0, start_s=0.0, end_s=2.0, sampled_s=(0.2, 0.25))
    with pytest.raises(DecodeError, match=r"no frame at 0.25 s"):
        list(revisited(decoder, video, [scene], Settings(), Cancel()))
