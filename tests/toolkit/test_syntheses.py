"""Summaries, chapters and answers about whole videos, end to end."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from counting import Counting
from typer.testing import CliRunner
from writing import NOTE, Writing, cites_all

import toolkit as tk
from toolkit.cli.app import app
from toolkit.errors import ConfigError
from toolkit.execution.looking import open_store
from toolkit.hooks.manager import configure
from toolkit.records import Answer, Completion, RunSource, Synthesis
from toolkit.stages.component import Cancel
from toolkit.stages.store import Store
from toolkit.stages.writing import Prompt, Written

ALL = {"summary": True, "chapters": True, "video_questions": ["What is it?"]}


@pytest.fixture(autouse=True)
def writing() -> Iterator[list[Prompt]]:
    Counting.asked.clear()
    Writing.prompts.clear()
    tk.register(tk.AnalyzerPlugin(name="writing", factory=lambda options, context: Writing()))
    yield Writing.prompts
    Writing.says = staticmethod(cites_all)
    Writing.words = "Write about these"


def analyze(film: Path, workspace: Path, **analysis: Any) -> tk.RunHandle:
    settings = {"synthesis_tokens": 256, "synthesis_answer_tokens": 64, "plugin": "writing"}
    return tk.analyze(film, workspace=workspace, progress=False, analysis={**settings, **analysis})


def store_of(workspace: Path) -> Store:
    settings, plugins, _ = configure(None, {"paths": {"workspace": workspace}})
    return open_store(settings, plugins)


def test_a_video_is_written_about_with_links_to_its_scenes(film: Path, workspace: Path) -> None:
    run = analyze(film, workspace, **ALL)
    assert run.status == "done"
    assert run.failures.is_empty()
    assert run.videos["summary"].to_list() == ["It begins with scene 0. It ends with scene 2."]
    assert run.videos["What is it?"].to_list() == run.videos["summary"].to_list()
    chapters = run.chapters
    assert chapters["chapter"].to_list() == ["From scene 0", "From scene 2"]
    assert chapters["scenes"].to_list() == [[0, 1], [2]]
    assert chapters["start_s"].to_list() == pytest.approx([0.0, 4.0], abs=0.05)
    assert chapters["end_s"].to_list() == pytest.approx([4.0, 6.0], abs=0.05)
    said = run.statements
    assert said["kind"].to_list() == ["summary"] * 2 + ["question"] * 2
    assert said["name"].to_list() == ["", "", "What is it?", "What is it?"]
    assert said["scenes"].to_list() == [[0], [2]] * 2
    assert said["scene_ids"].to_list() == [[id_] for id_ in run.scenes["scene_id"][::2]] * 2
    assert said["cited"].all()
    assert set(said["model"]) == {"words"}
    assert (said["tokens_in"] > 0).all()
    assert "It begins with scene 0." in repr(run.summary())
    assert run.progress.stages["synthesize"].done == 1
    assert run.progress.share == 1.0


def test_the_notes_are_the_scenes_descriptions_and_answers(
    film: Path, workspace: Path, writing: list[Prompt]
) -> None:
    analyze(film, workspace, summary=True, questions=["Who?"])
    [prompt] = writing
    assert prompt.system == "system words"
    assert NOTE.findall(prompt.user) == [
        (str(i + 1), times, f"description of scene {i} Who? question of scene {i}")
        for i, times in enumerate(["0:00-0:02", "0:02-0:04", "0:04-0:06"])
    ]


def test_without_the_settings_nothing_is_written(
    film: Path, workspace: Path, writing: list[Prompt]
) -> None:
    run = analyze(film, workspace)
    assert not writing
    assert run.videos["summary"].to_list() == [None]
    assert run.chapters.is_empty()
    assert run.statements.is_empty()
    assert "synthesize" not in run.progress.stages


def test_nothing_is_written_twice_and_a_new_question_alone(
    film: Path, workspace: Path, writing: list[Prompt]
) -> None:
    analyze(film, workspace, **ALL)
    assert len(writing) == 3
    again = analyze(film, workspace, **ALL)
    assert len(writing) == 3
    assert len(again.chapters) == 2
    more = analyze(film, workspace, **ALL | {"video_questions": ["What is it?", "Why?"]})
    assert [prompt.user.split()[:2] for prompt in writing[3:]] == [["question", "Why?"]]
    assert {"What is it?", "Why?"} <= set(more.videos.columns)
    assert "Why?" not in again.videos.columns


def test_scenes_of_an_earlier_run_are_written_about_as_they_are(
    film: Path, workspace: Path, writing: list[Prompt]
) -> None:
    analyze(film, workspace)
    asked = len(Counting.asked)
    run = analyze(film, workspace, summary=True)
    assert (len(Counting.asked), len(writing)) == (asked, 1)
    assert run.progress.reused == 3
    assert run.videos["summary"].null_count() == 0


def test_a_changed_description_is_written_about_again(
    film: Path, workspace: Path, writing: list[Prompt]
) -> None:
    first = analyze(film, workspace, summary=True)
    with store_of(workspace) as store:
        one = store.find(Answer, scene_id=first.scenes["scene_id"][2], kind="description")[0]
        store.save([one.model_copy(update={"text": "scene 9"})])
    run = analyze(film, workspace, summary=True)
    assert len(writing) == 2
    assert run.videos["summary"].to_list() == ["It begins with scene 0. It ends with scene 9."]
    with store_of(workspace) as store:
        assert store.count(Synthesis) == 1


def test_changed_words_or_questions_are_another_synthesis(
    film: Path, workspace: Path, writing: list[Prompt]
) -> None:
    first = analyze(film, workspace, summary=True)
    Writing.words = "Sum up"
    analyze(film, workspace, summary=True)
    assert len(writing) == 2
    analyze(film, workspace, summary=True, questions=["Who?"])
    assert len(writing) == 3
    analyze(film, workspace, summary=True, questions=["Who?"], sentiment=False)
    assert len(writing) == 3  # a feeling is not in the notes
    assert first.videos["summary"].null_count() == 0


def test_one_failure_is_its_own_and_is_tried_again(film: Path, workspace: Path) -> None:
    def fails(notes: Sequence[tuple[str, ...]], kind: str) -> str:
        if kind == "summary":
            raise ZeroDivisionError
        return cites_all(notes, kind)

    Writing.says = staticmethod(fails)
    run = analyze(film, workspace, **ALL)
    assert run.status == "done"
    assert run.failures["stage"].to_list() == ["synthesize"]
    assert run.failures["error"].to_list() == ["AnalysisError"]
    assert "summary" in run.failures["message"][0]
    assert len(run.chapters) == 2
    assert len(run.scenes) == 3
    with store_of(workspace) as store:
        assert [way.status for way in store.find(RunSource)] == ["failed"]
    Writing.says = staticmethod(cites_all)
    again = run.resume().wait()
    assert again.failures.is_empty()
    assert again.videos["summary"].null_count() == 0


def test_a_writer_without_its_model_is_told_once(film: Path, workspace: Path) -> None:
    def fails(notes: Sequence[tuple[str, ...]], kind: str) -> str:
        raise tk.ModelError("There is no model.")

    Writing.says = staticmethod(fails)
    run = analyze(film, workspace, **ALL)
    assert run.failures["error"].to_list() == ["ModelError"]
    assert len(run.scenes) == 3


class Stopping(Writing):
    """Writes the summary, then waits to be cancelled."""

    waits = True

    def write(self, prompts: Sequence[Prompt], limit: int, cancel: Cancel) -> list[Written]:
        if self.waits and not prompts[0].user.startswith("summary"):
            cancel.wait(60)
        return super().write(prompts, limit, cancel)


def test_what_was_cut_off_is_taken_up_by_the_next_run(
    film: Path, workspace: Path, writing: list[Prompt], monkeypatch: pytest.MonkeyPatch
) -> None:
    tk.register(tk.AnalyzerPlugin(name="writing", factory=lambda options, context: Stopping()))
    run = tk.submit(
        film, workspace=workspace, analysis={"plugin": "writing", "summary": True, "chapters": True}
    )
    while not writing and not run.done:
        next(iter(run.events()), None)
    run.cancel()
    run.wait(timeout_s=20)
    assert run.status == "cancelled"
    with store_of(workspace) as store:
        assert [way.status for way in store.find(RunSource)] == ["cancelled"]
        assert store.count(Completion, stage="scan") == 1  # it need not be decoded again
    assert run.videos["summary"].null_count() == 0
    asked = len(Counting.asked)
    monkeypatch.setattr(Stopping, "waits", False)
    again = run.resume().wait()
    assert again.status == "done"
    assert [prompt.user.split()[0] for prompt in writing] == ["summary", "chapters"]
    assert len(Counting.asked) == asked
    assert len(again.chapters) == 2


def test_two_names_of_one_content_are_written_about_once(
    film: Path, workspace: Path, tmp_path: Path, writing: list[Prompt]
) -> None:
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(film.read_bytes())
    lost = tmp_path / "lost.mp4"
    lost.write_text("no video")
    run = tk.analyze(
        [film, copy, lost],
        workspace=workspace,
        progress=False,
        analysis={"plugin": "writing", "summary": True},
    )
    assert len(writing) == 1
    stage = run.progress.stages["synthesize"]
    assert (stage.done, stage.total) == (3, 3)
    with store_of(workspace) as store:
        assert sorted(way.status for way in store.find(RunSource)) == ["done", "done", "failed"]


@pytest.mark.parametrize(
    "setting", [{"summary": True}, {"chapters": True}, {"video_questions": "Who?"}]
)
def test_an_analyzer_that_cannot_write_is_refused(
    film: Path, workspace: Path, setting: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError, match="described"):
        analyze(film, workspace, plugin="writing", describe=False, **setting)
    tk.unregister("writing")
    tk.register(tk.AnalyzerPlugin(name="counting", factory=lambda options, context: Counting()))
    with pytest.raises(ConfigError, match="none of counting can"):
        analyze(film, workspace, plugin="counting", **setting)


def test_words_without_a_place_for_the_notes_are_refused(film: Path, workspace: Path) -> None:
    class Deaf(Writing):
        def wording(self, kind: Any, name: str) -> Prompt:
            return Prompt("", "Sum up.")

    tk.register(tk.AnalyzerPlugin(name="deaf", factory=lambda options, context: Deaf()))
    with pytest.raises(ConfigError, match=r"has no \{notes\}"):
        analyze(film, workspace, plugin="deaf", summary=True)


def test_search_finds_the_video(film: Path, workspace: Path) -> None:
    run = analyze(film, workspace, summary=True)
    [hit] = tk.search("begins ends", workspace=workspace).to_dicts()
    assert hit["video_id"] == run.videos["video_id"][0]
    assert hit["scene_id"] is None
    assert hit["snippet"] == "It [begins] with scene 0. It [ends] with scene 2."


def command(workspace: Path, *words: str) -> str:
    done = CliRunner().invoke(app, [*words, "--workspace", str(workspace)])
    assert done.exit_code == 0, done.output
    return done.output


def test_the_command_line_asks_for_it(film: Path, workspace: Path, writing: list[Prompt]) -> None:
    asked = ["--analyzer", "writing", "--summary", "--chapters", "--ask-video", "Why?"]
    shown = command(workspace, "analyze", str(film), *asked)
    assert [prompt.user.split()[0] for prompt in writing] == ["summary", "chapters", "question"]
    for words in ("It begins with scene 0.", "From scene 2", "Why?"):
        assert words in shown


def test_the_command_line_shows_it(film: Path, workspace: Path) -> None:
    analyze(film, workspace, **ALL)
    said = functools.partial(command, workspace)
    shown = said("show", str(film))
    assert "It begins with scene 0." in shown
    assert "0:00.00-0:02.00" in shown
    assert "What is it?" in shown
    assert "From scene 2" in said("chapters", "last")
    assert "It ends" not in said("chapters", "last")
    data = json.loads(said("show", "last", "--json", "--evidence"))
    kinds = {one["kind"]: one for one in data["videos"][0]["syntheses"]}
    assert kinds["summary"]["statements"][1]["scenes"] == [2]
    assert kinds["summary"]["evidence"]["model"] == "words"
    [video] = json.loads(said("chapters", str(film), "--json"))["videos"]
    assert [chapter["title"] for chapter in video["chapters"]] == ["From scene 0", "From scene 2"]
    assert "begins" in said("search", "begins")
