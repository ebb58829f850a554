"""``toolkit config``, ``plugins`` and ``doctor``, and what all commands share."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

import toolkit as tk
from toolkit.cli.app import app
from toolkit.config import read

Command = Callable[..., Any]
PROXY = "http://user:opensesame@proxy"


def names(group: Any = None, words: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every command, as the words that are typed."""
    found: list[tuple[str, ...]] = []
    known: Any = group or get_command(app)
    for name, command in known.commands.items():
        typed = (*words, name)
        found += names(command, typed) if getattr(command, "commands", None) else [typed]
    return found


@pytest.mark.parametrize("words", names(), ids=" ".join)
def test_help_has_an_example_and_the_shared_options(
    toolkit: Command, words: tuple[str, ...]
) -> None:
    ended = toolkit(*words, "--help")
    assert ended.code == 0
    assert f"$ toolkit {' '.join(words)}" in ended.out
    for option in ("--config", "--workspace", "--set", "--log-level"):
        assert option in ended.out


def test_version(toolkit: Command) -> None:
    assert toolkit("--version").out.strip() == tk.__version__


# ---------------------------------------------------------------------- config


def test_config_init_writes_once(toolkit: Command, tmp_path: Path) -> None:
    assert toolkit("config", "init").code == 0
    assert read(environ={}).file == tmp_path / "config.ini"
    assert toolkit("config", "check").code == 0
    ended = toolkit("config", "init")
    assert ended.code == 2
    assert "is there already" in ended.err
    assert toolkit("config", "init", "--force").code == 0
    assert toolkit("config", "init", "none/x.ini").code == 2


def test_config_show_says_where_from(
    toolkit: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.ini").write_text(
        "[scenes]\nplugin = content\nthreshold = 30\n[download]\nproxy = ${PROXY}\n"
        "user_agent = agent ${PROXY}\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("PROXY", PROXY)
    monkeypatch.setenv("TOOLKIT_SAMPLING__FRAMES", "4")
    ended = toolkit("config", "show", "--set", "tags.plugin=", "--json")
    sections = ended.data["sections"]
    assert ended.data["file"] == str(tmp_path / "config.ini")
    assert sections["scenes"]["plugin"] == {"value": "content", "from": "config.ini:2"}
    assert sections["scenes.content"]["threshold"] == {"value": 30.0, "from": "config.ini:3"}
    assert sections["sampling"]["frames"]["from"] == "environment variable TOOLKIT_SAMPLING__FRAMES"
    assert sections["tags"]["plugin"] == {"value": [], "from": "argument"}
    assert sections["decode"]["plugin"] == {"value": "pyav", "from": "default"}
    assert sections["download.ytdlp"]["user_agent"]["value"] == "agent ***"
    for shown in (ended.out, toolkit("config", "show").out):
        assert "opensesame" not in shown
    assert "decode.plugin" not in toolkit("config", "show", "--changed").out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[scenes]\nplugn = x", "config.ini:2: [scenes] has no key 'plugn'."),
        ("[scenes]\nplugin = adaptve", "Did you mean 'adaptive'?"),
        ("[download]\nproxy = ${NOT_THERE}", "config.ini:2: the environment has no variable"),
        ("nonsense", "config.ini:1: a [section] must come first."),
    ],
)
def test_config_check_finds_mistakes(
    toolkit: Command, tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "config.ini").write_text(text, encoding="utf-8")
    ended = toolkit("config", "check")
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err


# ---------------------------------------------------------------------- plugins, doctor

HALF = """
from toolkit import AnalyzerPlugin, hookimpl

@hookimpl
def toolkit_analyzers():
    yield AnalyzerPlugin(
        name="half", factory=print, summary="half there", extra="half", requires=("no_such_module",)
    )
"""


@pytest.fixture
def third_party(tmp_path: Path) -> tuple[str, str]:
    """A plugin whose library is missing, and a broken one."""
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "half.py").write_text(HALF, encoding="utf-8")
    (folder / "torn.py").write_text("import nothing_of_this_name\n", encoding="utf-8")
    return ("--set", "plugins.folder=own")


def test_plugins(toolkit: Command, third_party: tuple[str, str]) -> None:
    ended = toolkit("plugins", "--json", *third_party)
    assert ended.code == 0
    plugins = {(one["stage"], one["name"]): one for one in ended.data["plugins"]}
    assert plugins["decode", "pyav"]["chosen"] is True
    assert plugins["decode", "pyav"]["available"] is True
    assert plugins["scenes", "hash"]["chosen"] is False
    assert plugins["analysis", "half"]["missing"] == ["no_such_module"]
    (broken,) = ended.data["broken"]
    assert "torn.py" in broken["provider"]
    assert "nothing_of_this_name" in broken["reason"]
    shown = toolkit("plugins", *third_party).out
    assert "pip install 'video-analysis-toolkit[half]'" in shown
    assert "torn.py" in shown


@pytest.mark.parametrize("command", ["plugins", "doctor"])
def test_a_bad_config_is_told_by_those_who_are_asked_then(
    toolkit: Command, tmp_path: Path, command: str
) -> None:
    (tmp_path / "config.ini").write_text("[scenes]\nplugn = x", encoding="utf-8")
    ended = toolkit(command)
    assert "has no key 'plugn'" in ended.out + ended.err
    assert "pyav" in ended.out


def test_doctor(toolkit: Command, third_party: tuple[str, str], tmp_path: Path) -> None:
    options = ("--set", "analysis.plugin=signals", *third_party)
    ended = toolkit("doctor", "--json", *options)
    checks = {one["what"]: one for one in ended.data["checks"]}
    assert ended.code == 0
    assert checks["decode pyav"]["status"] == "ok"
    assert checks["analysis half"]["status"] == "note"
    assert checks["store"]["status"] == "ok"
    assert not (tmp_path / "toolkit-workspace").exists()
    ended = toolkit("doctor", *third_party, "--set", "analysis.plugin=half")
    assert ended.code == 1
    assert "pip install 'video-analysis-toolkit[half]'" in ended.out


def test_doctor_finds_what_would_stop_a_run(toolkit: Command, tmp_path: Path) -> None:
    workspace = tmp_path / "toolkit-workspace"
    workspace.mkdir()
    (workspace / "toolkit.db").write_text("not a database, " * 100, encoding="utf-8")
    ended = toolkit("doctor", "--set", "scenes.plugin=adaptve", "--json")
    checks = {one["what"]: one for one in ended.data["checks"]}
    assert ended.code == 1
    assert checks["store"]["status"] == "wrong"
    assert checks["scenes adaptve"]["status"] == "wrong"


def test_doctor_looks_for_the_model(
    toolkit: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    options = ("--json", "--set", "analysis.plugin=qwen2vl", "--set", "analysis.model=some/model")
    checks = {one["what"]: one for one in toolkit("doctor", *options).data["checks"]}
    assert checks["model of qwen2vl"]["status"] == "note"
    assert "toolkit models pull some/model" in checks["model of qwen2vl"]["hint"]
    folder = tmp_path / "hub" / "models--some--model"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("abc")
    snapshot = folder / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    for name in ("model.safetensors", "config.json", "tokenizer.json"):
        (snapshot / name).write_bytes(b"x" * 2000)
    checks = {one["what"]: one for one in toolkit("doctor", *options).data["checks"]}
    assert checks["model of qwen2vl"]["status"] == "ok"


# ---------------------------------------------------------------------- what no one expects


def test_an_unknown_error_keeps_its_traceback_but_no_secret(tmp_path: Path) -> None:
    script = f"""
import sys
from toolkit.cli.app import main
from toolkit.config.secrets import remember
from toolkit.hooks import manager
remember({PROXY!r})
def discover(raw): raise ZeroDivisionError({PROXY!r})
manager.discover = discover
sys.argv = ["toolkit", "plugins"]
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "ZeroDivisionError: ***" in done.stderr
    assert "opensesame" not in done.stderr


def test_a_reader_that_has_enough_is_no_error(tmp_path: Path) -> None:
    command = f"{sys.executable} -m toolkit.cli config show | head -n 1"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.stderr == ""


def test_json_lines_go_to_stderr(process: Command) -> None:
    ended = process(
        "analyze", "none.mp4", "--analyzer", "signals", "--json", "--set", "logging.format=json",
        "--log-level", "info",
    )  # fmt: skip
    assert ended.code == 1
    assert ended.data["failures"][0]["error"] == "SourceError"
    assert ended.err.startswith('{"time": ')
