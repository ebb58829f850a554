"""``toolkit analyze``: one bad source is its own trouble, nothing is done twice, Ctrl-C is safe."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from permissions import enforced

from toolkit.hooks.specs import Context
from toolkit.records import Answer, Run, Scene
from toolkit.testing.media import BAD_FILES
from toolkit_store_sqlite import SQLiteOptions, make

Command = Callable[..., Any]
SIGNALS = ("--analyzer", "signals")
NEVER_A_VIDEO = ("empty", "text", "notes", "audio_only", "zero_frames", "headless")
AS_FAR_AS_IT_GOES = ("truncated_mp4", "truncated_mkv", "no_duration")


def test_a_good_and_a_bad_file(process: Command, film: Path, tmp_path: Path) -> None:
    bad = BAD_FILES["text"](tmp_path)
    ended = process("analyze", film, bad, *SIGNALS)
    assert ended.code == 1
    assert "film.mp4: 3 scenes" in ended.out
    assert "text.mp4" not in ended.out
    assert "1 failure" in ended.err
    assert "NotAVideoError" in ended.err
    again = process("analyze", film, *SIGNALS)
    assert again.code == 0
    assert "All 3 scenes were there already: nothing was done twice." in again.out
    assert again.err == ""


def test_a_question_of_a_wrong_type_is_refused_before_any_work(
    toolkit: Command, film: Path
) -> None:
    ended = toolkit("analyze", film, *SIGNALS, "--ask", "Is it night? [yesno]")
    assert ended.code == 2
    assert "'[yesno]' is no type of an answer" in ended.err
    assert "Did you mean 'yes/no'?" in ended.err
    assert "There is no workspace" in toolkit("show", "last").err


def test_bad_files_fail_alone_and_with_their_reason(
    toolkit: Command, film: Path, tmp_path: Path
) -> None:
    never = {BAD_FILES[name](tmp_path): name for name in NEVER_A_VIDEO}
    partly = [BAD_FILES[name](tmp_path) for name in AS_FAR_AS_IT_GOES]
    ended = toolkit("analyze", "none.mp4", *never, *partly, film, *SIGNALS, "--json")
    assert ended.code == 1
    found = ended.data
    assert set(found) == {"run", "videos", "scenes", "failures", "forgotten"}
    assert len(found["videos"]) == 1 + len(partly)
    assert found["scenes"] >= 3 + len(partly)
    errors = {failure["source"]: failure for failure in found["failures"]}
    assert errors.pop("none.mp4")["error"] == "SourceError"
    assert set(errors) == {str(path) for path in never}
    for source, failure in errors.items():
        told = {"source", "stage", "error", "cause", "message", "retriable", "attempt", "hint"}
        assert set(failure) == told
        headless = never[Path(source)] == "headless"  # a video once
        assert failure["error"] == ("DecodeError" if headless else "NotAVideoError")
        assert failure["stage"] == "acquire"
        assert failure["retriable"] is False


def test_a_dead_link_and_an_empty_word(toolkit: Command, film: Path) -> None:
    link = "http://127.0.0.1:9/film.mp4"
    options = ("--set", "download.allow_private_hosts=yes", "--set", "download.retries=0")
    ended = toolkit("analyze", link, "", film, *SIGNALS, *options, "--json")
    assert ended.code == 1
    errors = {failure["source"]: failure["error"] for failure in ended.data["failures"]}
    assert errors == {link: "DownloadError", "": "SourceError"}
    assert ended.data["scenes"] == 3


def test_an_unreadable_folder(toolkit: Command, film: Path, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    try:
        with enforced():
            ended = toolkit("analyze", closed, film, *SIGNALS, "--json")
    finally:
        closed.chmod(0o700)
    assert ended.code == 1
    assert [failure["error"] for failure in ended.data["failures"]] == ["SourceError"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--analyzer", "signls"], "Did you mean 'signals'?"),
        (["--set", "scenes.plugin=adaptiv"], "Did you mean 'adaptive'?"),
        (["--set", "scenes.plugn=x"], "[scenes] has no key 'plugn'"),
        (["--set", "signals"], "--set signals does not say what to set"),
        (["--set", "execution.engine=slurm"], "Input should be 'local' or 'ray'"),
        (["--config", "none.ini"], "no config file"),
        (["--log-level", "loud"], "[logging] level"),
        (["--set", "tags.file=bad.toml"], "bad.toml:2"),
        (["--set", "plugins.folder=none"], "plugin folder"),
        (["--nonsense"], "No such option"),
    ],
)
def test_wrong_usage_starts_nothing(
    toolkit: Command, film: Path, tmp_path: Path, words: list[str], message: str
) -> None:
    (tmp_path / "bad.toml").write_text("[[rule]]\nlabel = \n", encoding="utf-8")
    ended = toolkit("analyze", film, *SIGNALS, *words)
    assert ended.code == 2, ended.err
    assert ended.out == ""
    assert message in ended.err
    assert "Traceback" not in ended.err


def test_quiet_says_only_what_went_wrong(toolkit: Command, film: Path) -> None:
    ended = toolkit("analyze", film, *SIGNALS, "--quiet")
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    ended = toolkit("analyze", "none.mp4", *SIGNALS, "--quiet")
    assert (ended.code, ended.out) == (1, "")
    assert "There is no file none.mp4." in ended.err


def test_the_next_commands_lead_to_the_same_store(toolkit: Command, film: Path) -> None:
    ended = toolkit("analyze", film, *SIGNALS, "--workspace", "my films")
    assert "toolkit show last --evidence --workspace 'my films'" in ended.out
    assert toolkit("runs").code == 1
    assert toolkit("show", "last", "--workspace", "my films").code == 0


def test_markup_and_control_characters_are_only_text(
    toolkit: Command, film: Path, tmp_path: Path
) -> None:
    name = tmp_path / "[red]\x1b]0;owned\x07 \u202egnp.mp4"
    shutil.copy(film, name)
    ended = toolkit("analyze", name, *SIGNALS)
    assert ended.code == 0
    assert "[red]�]0;owned� �gnp.mp4: 3 scenes" in ended.out


def test_resume_from_another_folder(
    toolkit: Command, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(film, tmp_path / "film.mp4")
    first = toolkit("analyze", "film.mp4", "gone.mp4", *SIGNALS, "--json")
    shutil.copy(film, tmp_path / "gone.mp4")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    workspace = tmp_path / "toolkit-workspace"
    ended = toolkit("resume", first.data["run"], "--workspace", workspace, "--json")
    assert ended.code == 0
    assert ended.data["failures"] == []
    assert ended.data["videos"] == first.data["videos"]  # both files have the same bytes
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_cancel(toolkit: Command, film: Path) -> None:
    ended = toolkit("analyze", film, *SIGNALS, "--json")
    ended = toolkit("cancel", ended.data["run"])
    assert ended.code == 0
    assert "is over: done" in ended.out


HOLDING = """
import os
from toolkit import AnalyzerPlugin, Answer, Ask, hookimpl
from toolkit.stages.analysis import Analyzer

class Holding(Analyzer):
    kinds = frozenset({"signals"})

    def asks(self, wanted):
        return [Ask(kind="signals") for _ in wanted]

    def analyze(self, looks, fingerprint, cancel):
        for look in looks:
            if look.frames.scene.index and "HOLD" in os.environ:
                open("holding", "w").close()
                cancel.wait(60)
                cancel.check()
            value = {"by": os.getpid()}
            yield [Answer.of(look.frames.scene, fingerprint, "holding", look.asks[0], value=value)]

@hookimpl
def toolkit_analyzers():
    yield AnalyzerPlugin(name="holding", factory=lambda options, context: Holding())
"""


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_done_and_the_next_run_goes_on(
    process: Command, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "holding.py").write_text(HOLDING)
    options = ("--analyzer", "holding", "--set", "plugins.folder=own")
    command = [sys.executable, "-m", "toolkit.cli", "analyze", str(film), *options]
    monkeypatch.setenv("HOLD", "yes")
    context = Context(tmp_path / "toolkit-workspace", tmp_path)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        while not (tmp_path / "holding").exists():
            assert running.poll() is None, "it was over before it could be stopped"
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=20)
    assert running.returncode == 130, err
    assert "Traceback" not in err
    assert "goes on from there" in err
    with make(SQLiteOptions(), context) as store:
        assert [run.status for run in store.find(Run)] == ["cancelled"]
        (kept,) = store.find(Answer)
        assert [scene.id for scene in store.find(Scene)] == [kept.scene_id]
    monkeypatch.delenv("HOLD")
    ended = process("analyze", film, *options, "--json")
    assert ended.code == 0
    assert ended.data["scenes"] == 3
    with make(SQLiteOptions(), context) as store:
        answers = store.find(Answer)
        assert len(answers) == 3
        assert kept in answers  # had it been asked again, it would be another process's
