"""Plugins written in cells: refused at once when they cannot work, tried on a scene, edited."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import toolkit as tk
from toolkit.hooks import local
from toolkit.stages.analysis import Analyzer
from toolkit.stages.scenes import DetectorPass, SceneDetector
from toolkit.stages.tags import FunctionTagger, Tagger


class Settled(tk.Options):
    """An option without a default."""

    seconds: float


class Fine(SceneDetector):
    def start(self, frame_s: float, *, colours: Any = None) -> DetectorPass:
        raise NotImplementedError


class Lacking(SceneDetector):
    pass


class Narrow(SceneDetector):
    def start(self, frame_s: float) -> DetectorPass:  # type: ignore[override]  # the mistake itself
        raise NotImplementedError


class Demanding(Fine):
    def __init__(self, threshold: float) -> None:
        self.threshold = threshold


class Bare(Fine):
    Options = Settled


class Deaf(Fine):
    class Options(tk.Options):
        seconds: float = 1.0


async def awaiting(scene: Any, analysis: Any) -> None:
    """Cannot be called from a thread."""


def swapped(analysis: Any, scene: Any) -> None:
    """Its arguments would be each other's."""


def yielding(frames: Any) -> Any:
    yield "green", 0.5


def plain(scene: Any, analysis: Any) -> None:
    """A fine tagger."""


@pytest.mark.parametrize(
    ("decorator", "target", "words"),
    [
        (tk.tagger, lambda scene: None, r"takes \(scene\), .*Write def .*\(scene, analysis\)"),
        (tk.tagger, lambda a, b, c, d: None, r"takes \(a, b, c, d\)"),
        (tk.tagger, swapped, r"takes \(analysis, scene\)"),
        (tk.tagger, awaiting, "asynchronous"),
        (tk.tagger, "sports", "was given 'sports'.*without parentheses"),
        (tk.tagger, Fine, "is no Tagger.*It is a scene detector: write @tk.scene_detector"),
        (tk.tagger, dict, "is no Tagger.*from toolkit.stages.tags import Tagger"),
        (tk.analyzer, plain, r"takes \(scene, analysis\), and is called with \(frames\)"),
        (tk.analyzer, yielding, "yields.*return a dict"),
        (tk.embedder, plain, r"is called with \(texts\).*a row of numbers a text"),
        (tk.scene_detector, plain, "has to be a class.*import SceneDetector"),
        (tk.scene_detector, Lacking, "lacks the method 'start'.*colours=None"),
        (tk.scene_detector, Narrow, r"takes \(self, frame_s\).*called with .*colours=None"),
        (tk.scene_detector, Demanding, "without arguments.*class Options"),
        (tk.scene_detector, Bare, "no default for seconds"),
        (tk.scene_detector, Deaf, r"def __init__\(self, options\)"),
    ],
)
def test_what_cannot_be_a_plugin_is_refused_at_once(
    decorator: Any, target: Any, words: str
) -> None:
    with pytest.raises(tk.PluginError, match=words):
        decorator(target)
    assert local.plugins() == []


def test_parentheses_are_told_apart_from_a_plugin() -> None:
    decorator: Any = tk.tagger
    with pytest.raises(tk.PluginError, match=r"Write @tk\.tagger alone"):
        decorator()


def test_what_can_be_a_plugin_is_taken() -> None:
    tk.tagger(plain)
    tk.tagger(lambda scene, analysis, video: None)
    tk.tagger(lambda scene, analysis, *, least=0.5: None)
    tk.scene_detector(Fine)
    assert len(local.plugins()) == 3  # the two without a name are one


def test_a_third_argument_with_a_default_is_the_functions_own(run: tk.RunHandle) -> None:
    @tk.tagger
    def early(scene: tk.Scene, analysis: tk.Analysis, most: int = 1) -> Any:
        if scene.index < most:
            yield tk.Tag("early")

    assert tk.try_on(run.scenes[0], early)["label"].to_list() == ["early"]
    assert tk.try_on(run.scenes[1], early).is_empty()


def test_a_function_may_use_what_is_defined_below_it() -> None:
    @tk.tagger
    def early(scene: tk.Scene, analysis: tk.Analysis) -> Any:
        return tk.Tag(label)

    component = FunctionTagger(early)
    assert component.identity()
    label = "early"
    assert component.identity()


@pytest.fixture
def run(film: Path, workspace: Path) -> tk.RunHandle:
    return tk.analyze(film, workspace=workspace, analyzer="signals", progress=False)


def test_a_tagger_is_tried_on_one_scene_and_nothing_is_kept(
    run: tk.RunHandle, workspace: Path
) -> None:
    @tk.tagger
    def bright(scene: tk.Scene, analysis: tk.Analysis, video: tk.Video) -> Any:
        yield tk.Tag(f"{video.width} wide", why=f"{analysis.signals['brightness']:.1f}")

    rows: list[Any] = [
        run.scenes[2],
        run.scenes.row(2, named=True),
        run.scenes["scene_id"][2],
        run._store.find(tk.Scene, id=run.scenes["scene_id"][2])[0],
    ]
    found = [tk.try_on(row, bright) for row in rows]
    assert found[0].columns == ["label", "score", "why"]
    assert all(one.equals(found[0]) for one in found)
    assert found[0]["label"].to_list() == ["160 wide"]
    assert "bright" not in run.tags["tagger"].to_list()
    assert len(tk.runs(workspace=workspace)) == 1


def test_an_analyzer_is_tried_on_the_frames_that_the_run_saw(run: tk.RunHandle) -> None:
    seen: list[list[float]] = []

    @tk.analyzer
    def light(frames: tk.Frames) -> dict[str, Any]:
        seen.append([float(time) for time in frames.pts_s])
        return {"mean": frames.rgb.mean(dtype=np.float32), "most": frames.rgb.max()}

    found = tk.try_on(run.scenes[1], light)
    answers = run.answers
    assert seen == [answers["frame_times_s"][1].to_list()]
    assert '"most"' in found["value"][0]
    assert tk.try_on(run.scenes[1], "signals")["value"][0] == answers["value"][1]
    assert len(run.answers) == len(answers)


def test_what_a_plugin_raises_leads_to_its_line(run: tk.RunHandle) -> None:
    @tk.tagger
    def wrong(scene: tk.Scene, analysis: tk.Analysis) -> Any:
        yield tk.Tag("x", score=1 / (scene.index - 0))

    with pytest.raises(ZeroDivisionError):
        tk.try_on(run.scenes[0], wrong)
    tk.analyzer(lambda frames: 0.5)
    with pytest.raises(tk.AnalysisError, match=r"gave 0\.5, which is not a dict"):
        tk.try_on(run.scenes[0], "<lambda>")


@pytest.mark.parametrize(
    ("scene", "plugin", "error", "words"),
    [
        (slice(None), "rules", tk.StoreError, "3 scenes.*Give one"),
        ("nowhere", "rules", tk.StoreError, "no scene 'nowhere'"),
        (0, "planes", tk.PluginError, "stage 'scenes'.*tk.analyze"),
        (0, plain, tk.PluginError, "no tagger or analyzer 'plain'.*@tk.tagger"),
    ],
)
def test_what_cannot_be_tried_is_told(
    run: tk.RunHandle, scene: Any, plugin: Any, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        tk.try_on(scene if isinstance(scene, str) else run.scenes[scene], plugin)


def test_an_edited_class_works_anew(film: Path, workspace: Path) -> None:
    def cell(label: str) -> None:
        class named(Tagger):  # noqa: N801 - the class's name is the plugin's
            text = label

            def tag(self, scene: tk.Scene, analysis: tk.Analysis, video: tk.Video) -> Any:
                yield tk.Tag(self.text)

        tk.tagger(named)

    found = []
    for label in ("first", "first", "second"):
        cell(label)
        run = tk.analyze(film, workspace=workspace, analyzer="signals", progress=False)
        tags = run.tags.filter(run.tags["tagger"] == "named")
        found.append((tags["label"].to_list(), run.progress.reused))
    assert found == [(["first"] * 3, 0), (["first"] * 3, 3), (["second"] * 3, 0)]


class Parrot(Analyzer):
    """Answers every question with its own words."""

    kinds = frozenset({"question"})
    asked: list[str] = []  # noqa: RUF012 - shared on purpose

    def asks(self, wanted: Any) -> Any:
        return list(wanted)

    def analyze(self, looks: Any, fingerprint: str, cancel: Any) -> Any:
        for look in looks:
            self.asked.extend(ask.name for ask in look.asks)
            yield [
                tk.Answer.of(look.frames.scene, fingerprint, "parrot", ask, text=ask.name)
                for ask in look.asks
            ]


def test_a_run_is_asked_more(film: Path, tmp_path: Path, workspace: Path) -> None:
    copy = tmp_path / "other.mp4"
    copy.write_bytes(film.read_bytes() + b"\0")
    tk.analyzer(Parrot)
    Parrot.asked.clear()
    run = tk.analyze(
        [film, copy], ask="Who?", analyzer="Parrot", workspace=workspace, progress=False
    )
    Parrot.asked.clear()
    again = run.ask("Where?").wait()
    assert Parrot.asked == ["Where?"] * 6
    assert again.scenes["Who?"].to_list() == ["Who?"] * 6
    one = again.ask(["When?"], video="other.mp4").wait()
    assert one.scenes["When?"].to_list() == ["When?"] * 3
    assert set(one.videos["title"]) == {"other.mp4"}
    with pytest.raises(tk.SourceError, match=r"Did you mean 'other\.mp4'"):
        run.ask("Why?", video="othr.mp4")
