"""Questions about one scene: answered at once, kept, and not asked again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import toolkit as tk
from toolkit.execution import aside
from toolkit.stages.analysis import Analyzer
from toolkit.widgets.view import SceneBrowser

QUESTION = "Is it red? [yes/no]"


class Oracle(Analyzer):
    """Says yes, and tells who asked; loads at the first question, as models do."""

    kinds = frozenset({"description", "question"})
    log: list[str] = []  # noqa: RUF012 - shared on purpose
    go = threading.Event()
    loaded = False

    def asks(self, wanted: Any) -> Any:
        return list(wanted)

    def analyze(self, looks: Any, fingerprint: str, cancel: Any) -> Any:
        if not self.loaded:
            self.loaded = True
            self.log.append("load")
        for look in looks:
            assert self.go.wait(60)
            replies: list[Any] = []
            for ask in look.asks:
                self.log.append(f"{look.frames.scene.index} {ask.name}")
                if ask.name == "Fail?":
                    raise ValueError("no idea")
                times = tuple(map(float, look.frames.pts_s))
                said = {"value": True} if ask.type.kind == "yes_no" else {}
                replies.append(
                    tk.Answer.of(
                        look.frames.scene, fingerprint, "Oracle", ask, text="yes", confidence=0.8,
                        evidence=tk.Evidence(model="oracle", frame_times_s=times), **said,
                    )
                )  # fmt: skip
            yield replies

    def close(self) -> None:
        if self.loaded:
            self.log.append("close")
            self.loaded = False


@pytest.fixture
def run(film: Path, workspace: Path) -> Iterator[tk.RunHandle]:
    tk.analyzer(Oracle)
    Oracle.go.set()
    yield tk.analyze(film, analyzer="Oracle", workspace=workspace, progress=False)
    Oracle.go.set()
    aside.free()


def test_an_answer_about_one_scene_is_the_runs_and_is_not_asked_again(run: tk.RunHandle) -> None:
    scene_id = run.scenes["scene_id"][1]
    Oracle.log.clear()
    (answer,) = run.ask_scene(scene_id, QUESTION)
    assert (answer.value, answer.confidence) == (True, 0.8)
    assert answer.evidence.frame_times_s == tuple(run.answers["frame_times_s"][1])
    assert run.ask_scene(scene_id, QUESTION) == [answer]
    run.ask_scene(scene_id, "Why?")
    assert Oracle.log == ["load", "1 Is it red?", "1 Why?"]
    found = tk.attach(run.id).scenes
    assert found["Is it red?"].to_list() == [None, True, None]
    assert found["Why?"].to_list() == [None, "yes", None]

    Oracle.log.clear()
    later = run.ask(QUESTION).wait()
    assert later.scenes["Is it red?"].to_list() == [True] * 3
    assert Oracle.log == ["close", "load", "0 Is it red?", "2 Is it red?", "close"]


def test_what_cannot_be_asked_is_told_and_leaves_nothing(
    run: tk.RunHandle, film: Path, workspace: Path
) -> None:
    before, scene_id = run.row, run.scenes["scene_id"][0]
    for question, words in {"Is it? [maybe]": "no type of an answer", " ": "without words"}.items():
        with pytest.raises(tk.ConfigError, match=words):
            run.ask_scene(scene_id, question)
    with pytest.raises(tk.AnalysisError, match="'Oracle' failed: ValueError: no idea"):
        run.ask_scene(scene_id, "Fail?")
    with pytest.raises(tk.StoreError, match="no scene 'x'"):
        run.ask_scene("x", QUESTION)
    assert run.row == before
    tk.unregister(Oracle)
    dumb = tk.analyze(film, analyzer="signals", workspace=workspace, progress=False)
    with pytest.raises(tk.AnalysisError, match="answers questions"):
        dumb.ask_scene(scene_id, QUESTION)


def test_a_scene_that_was_split_is_asked_in_either_part(run: tk.RunHandle) -> None:
    run.review(run.scenes["scene_id"][0], target="boundary", action="add", value=0.5)
    part = run.scenes["scene_id"][0]
    assert "@" in part
    run.ask_scene(part, QUESTION)
    assert run.scenes["Is it red?"].to_list() == [True, True, None, None]


def test_the_browser_answers_while_a_question_is_thought_about(
    run: tk.RunHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, sent, came = run.browse(), [], threading.Event()
    assert isinstance(browser, SceneBrowser)

    def send(content: dict[str, Any], buffers: Any = None) -> None:
        sent.append(content)
        if content["seq"] == "slow":
            came.set()

    def say(seq: str, kind: str, **data: Any) -> None:
        browser._hear(None, {"seq": seq, "kind": kind, **data}, [])

    monkeypatch.setattr(browser, "send", send)
    scene_id = run.scenes["scene_id"][2]
    Oracle.log.clear()
    Oracle.go.clear()
    say("slow", "ask", id=scene_id, question=QUESTION)
    say("quick", "films")
    assert [one["seq"] for one in sent] == ["quick"]
    Oracle.go.set()
    assert came.wait(60)
    row = sent[-1]["row"]
    assert sent[-1]["answers"] == [["Is it red?", "yes", 0.8]]
    assert row["id"] == scene_id
    assert ["Is it red?", "yes", 0.8] in row["answers"]
    say("evidence", "evidence", id=scene_id)
    assert [one["model"] for one in sent[-1]["evidence"] if one["name"] == "Is it red?"] == [
        "oracle"
    ]
    assert "close" not in Oracle.log
    browser.close()
    assert Oracle.log[-1] == "close"
