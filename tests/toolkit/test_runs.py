"""A run end to end, and what the next one does not do again."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
from pathlib import Path
from typing import Any

import pytest
from counting import Counting

import toolkit as tk
from toolkit.execution.api import start
from toolkit.hooks.manager import configure


@pytest.fixture(autouse=True)
def counting() -> list[Any]:
    Counting.asked.clear()
    tk.register(tk.AnalyzerPlugin(name="counting", factory=lambda options, context: Counting()))
    return Counting.asked


def analyze(film: Path, workspace: Path, **settings: Any) -> tk.RunHandle:
    settings.setdefault("analyzer", "counting")
    return tk.analyze(film, workspace=workspace, progress=False, **settings)


def test_a_film_becomes_scenes_with_answers(film: Path, workspace: Path) -> None:
    run = analyze(film, workspace, ask="Who is it?")
    scenes = run.scenes
    assert run.status == "done"
    assert scenes["start_s"].to_list() == pytest.approx([0.0, 2.0, 4.0], abs=0.05)
    assert scenes["end_s"][-1] == pytest.approx(6.0, abs=0.05)
    assert scenes["description"].to_list() == [f"description of scene {i}" for i in range(3)]
    assert scenes["Who is it?"].to_list() == [f"question of scene {i}" for i in range(3)]
    assert scenes["sentiment"].to_list() == ["neutral"] * 3
    assert all(Path(path).is_file() for path in scenes["thumbnail"])
    assert run.videos["frame_count"].to_list() == [150]
    assert run.failures.is_empty()


def test_nothing_is_done_twice(film: Path, workspace: Path, counting: list[Any]) -> None:
    analyze(film, workspace)
    first = len(counting)
    again = analyze(film, workspace)
    assert (first, len(counting)) == (6, 6)
    assert again.progress.reused == 3
    assert len(again.scenes) == 3


def test_a_new_question_asks_that_question_alone(
    film: Path, workspace: Path, counting: list[Any]
) -> None:
    analyze(film, workspace, ask="Who?")
    counting.clear()
    run = analyze(film, workspace, ask=["Who?", "Where?"])
    assert sorted(counting) == [(scene, "question", "Where?") for scene in range(3)]
    assert {"Who?", "Where?"} <= set(run.scenes.columns)


def test_a_changed_tagger_runs_no_analyzer(
    film: Path, workspace: Path, counting: list[Any]
) -> None:
    analyze(film, workspace)
    counting.clear()

    @tk.tagger
    def early(scene: tk.Scene, analysis: tk.Analysis) -> Any:
        if scene.index == 0:
            yield tk.Tag("early", score=0.5, why=analysis.description)

    run = analyze(film, workspace)
    assert counting == []
    early_tags = run.tags.filter(run.tags["tagger"] == "early")
    assert early_tags["label"].to_list() == ["early"]
    assert early_tags["why"].to_list() == ["description of scene 0"]

    def edited(scene: tk.Scene, analysis: tk.Analysis) -> Any:
        yield tk.Tag("any", why=analysis.description)

    edited.__name__ = "early"  # the same cell, edited and run again
    tk.tagger(edited)
    run = analyze(film, workspace)
    assert counting == []
    assert run.tags.filter(run.tags["tagger"] == "early")["label"].to_list() == ["any"] * 3


def test_another_detector_runs_all_that_lies_downstream(
    film: Path, workspace: Path, counting: list[Any]
) -> None:
    first = analyze(film, workspace)
    counting.clear()
    second = analyze(film, workspace, scenes={"plugin": "content"})
    assert len(counting) == 6
    assert set(first.scenes["scene_id"]).isdisjoint(second.scenes["scene_id"])
    assert len(first.scenes) == 3  # the first run's rows remain


def test_one_content_under_two_names_is_looked_at_once(
    film: Path, workspace: Path, tmp_path: Path, counting: list[Any]
) -> None:
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(film.read_bytes())
    run = tk.analyze([film, copy], workspace=workspace, analyzer="counting", progress=False)
    assert len(counting) == 6
    assert len(run.videos) == 1
    assert sorted(run.videos["sources"][0]) == sorted([str(film), str(copy)])


def test_a_changed_file_is_a_new_video(film: Path, workspace: Path, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(film.read_bytes())
    first = analyze(path, workspace)
    path.write_bytes(film.read_bytes() + b"\0" * 64)
    second = analyze(path, workspace)
    assert first.videos["video_id"][0] != second.videos["video_id"][0]


def test_one_bad_source_is_a_failure_of_its_own(
    film: Path, workspace: Path, tmp_path: Path
) -> None:
    text = tmp_path / "notes.mp4"
    text.write_text("not a video")
    run = tk.analyze(
        [text, film, tmp_path / "missing.mp4"],
        workspace=workspace,
        analyzer="counting",
        progress=False,
    )
    assert len(run.scenes) == 3
    failures = dict(zip(run.failures["source"], run.failures["error"], strict=True))
    assert failures == {
        str(text): "NotAVideoError",
        str(tmp_path / "missing.mp4"): "SourceError",
    }


def test_an_analyzer_without_a_model_fails_once_a_video(film: Path, workspace: Path) -> None:
    class Broken(Counting):
        def analyze(self, looks: Any, fingerprint: str, cancel: Any) -> Any:
            raise tk.ModelError("no weights", hint="Fetch them.")

    tk.register(tk.AnalyzerPlugin(name="broken", factory=lambda options, context: Broken()))
    tk.unregister("counting")
    run = analyze(film, workspace, analyzer=["broken", "signals"])
    assert run.failures["error"].to_list() == ["ModelError"]
    assert run.failures["hint"].to_list() == ["Fetch them."]
    assert run.scenes["signals"].null_count() == 0  # the other analyzer did its work
    assert run.status == "done"


def test_a_failing_scene_fails_alone_and_is_asked_again(
    film: Path, workspace: Path, counting: list[Any]
) -> None:
    class Moody(Counting):
        good = False

        def _answer(self, look: Any, ask: tk.Ask, fingerprint: str) -> Any:
            if look.frames.scene.index == 1 and not Moody.good:
                return ask, tk.AnalysisError("not now", retriable=True)
            return super()._answer(look, ask, fingerprint)

    tk.register(tk.AnalyzerPlugin(name="counting", factory=lambda options, context: Moody()))
    run = analyze(film, workspace)
    assert run.failures["scene_id"].n_unique() == 1
    assert run.scenes["description"].null_count() == 1
    Moody.good = True
    counting.clear()
    run = analyze(film, workspace)
    assert {scene for scene, _, _ in counting} == {1}
    assert run.scenes["description"].null_count() == 0


def test_a_failing_tagger_leaves_the_rest(film: Path, workspace: Path) -> None:
    @tk.tagger
    def shaky(scene: tk.Scene, analysis: tk.Analysis) -> Any:
        return 1 / scene.index

    run = analyze(film, workspace)
    assert len(run.scenes) == 3
    assert set(run.failures["error"]) == {"TagError"}
    assert "ZeroDivisionError" in run.failures["message"][0]


@pytest.mark.usefixtures("in_this_process")
@pytest.mark.parametrize("stage", ["decode", "scenes"])
def test_a_plugin_that_breaks_fails_its_video_alone(
    film: Path, workspace: Path, tmp_path: Path, stage: str
) -> None:
    other = tmp_path / "other.mp4"
    other.write_bytes(film.read_bytes() + b"\0")
    settings, plugins, _ = configure(
        None, {"paths": {"workspace": workspace}, "analysis": {"plugin": "counting"}}
    )
    made = plugins.get(stage, settings.chosen(stage)[0])

    def make(options: tk.Options, context: tk.Context) -> Any:
        component: Any = made.factory(options, context)
        name = {"decode": "probe", "scenes": "start"}[stage]
        whole = getattr(component, name)

        def shaky(*arguments: Any, **options: Any) -> Any:
            if not broken:
                broken.append(True)
                raise ZeroDivisionError("a mistake in a plugin")
            return whole(*arguments, **options)

        setattr(component, name, shaky)
        return component

    broken: list[bool] = []
    plugins.add(dataclasses.replace(made, factory=make), "test", replace=True)
    run = start([film, other], settings, plugins).wait()
    assert len(run.scenes) == 3
    assert run.failures["error"].to_list() == [
        {"decode": "SourceError", "scenes": "DecodeError"}[stage]
    ]
    assert "ZeroDivisionError" in run.failures["message"][0]


def test_a_plain_function_is_an_analyzer(film: Path, workspace: Path) -> None:
    @tk.analyzer
    def redness(frames: tk.Frames) -> dict[str, float]:
        return {"red": float(frames.rgb[..., 0].mean())}

    run = analyze(film, workspace)
    values = [row["red"] for row in run.scenes["signals"]]
    assert values[0] > values[1]  # a white day against a pink night


def test_a_run_can_be_awaited(film: Path, workspace: Path) -> None:
    async def go() -> tk.RunHandle:
        return await tk.submit(film, workspace=workspace, analyzer="counting")

    assert len(asyncio.run(go()).scenes) == 3


def test_events_tell_the_story(film: Path, workspace: Path) -> None:
    run = tk.submit(film, workspace=workspace, analyzer="counting")
    kinds = [event.kind for event in run.events()]
    assert kinds == ["source", "scene", "scene", "scene", "video", "status"]


def test_attach_resume_and_runs(film: Path, workspace: Path) -> None:
    run = analyze(film, workspace, ask="Who?")
    assert tk.attach(run.id) is run
    resumed = run.resume().wait()
    assert resumed.id != run.id
    assert resumed.progress.reused == 3
    assert "Who?" in resumed.scenes.columns
    assert tk.runs(workspace=workspace)["run"].to_list() == [resumed.id, run.id]
    with pytest.raises(tk.StoreError, match="no run"):
        tk.attach("nonsense", workspace=workspace)


def test_past_runs_give_their_files_back(film: Path, workspace: Path) -> None:
    def open_files() -> int:
        return sum(1 for _ in Path("/dev/fd").iterdir())

    analyze(film, workspace)
    before = open_files()
    for _ in range(5):
        analyze(film, workspace)
    gc.collect()
    assert open_files() < before + 5


def test_frames_leave_the_machine_only_when_allowed(film: Path, workspace: Path) -> None:
    class Remote(Counting):
        remote = True

    tk.register(tk.AnalyzerPlugin(name="counting", factory=lambda options, context: Remote()))
    with pytest.raises(tk.PrivacyError, match="counting"):
        analyze(film, workspace)
    assert len(analyze(film, workspace, privacy={"remote": "allow"}).scenes) == 3


def test_a_run_has_a_face(film: Path, workspace: Path) -> None:
    run = analyze(film, workspace)
    assert "3 scenes" in repr(run)
    assert "<progress" in run._repr_html_()
