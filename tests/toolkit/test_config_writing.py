"""A config file that a program changes is still the person's own."""

from __future__ import annotations

from pathlib import Path

from toolkit.config import read
from toolkit.config.writing import edited

FILE = """\
# mine
[scenes]
plugin = content   
# not so sharp
threshold: 30

[analysis]
questions =
    Is it raining? [yes/no]
    How many people? [number]
; the server's
api_key = ${KEY}
"""  # noqa: W291 - as people leave it


def test_only_what_changed_is_another(tmp_path: Path) -> None:
    text = edited(
        FILE,
        {
            "scenes": {"threshold": "25", "max_scene_s": "60"},
            "analysis": {"questions": "Who speaks?"},
            "analysis.qwen2vl": {"device": "cpu"},
        },
    )
    expected = FILE.replace("threshold: 30\n", "threshold = 25\nmax_scene_s = 60\n")
    expected = expected.replace(
        "questions =\n    Is it raining? [yes/no]\n    How many people? [number]\n",
        "questions = Who speaks?\n",
    )
    assert text == expected + "\n[analysis.qwen2vl]\ndevice = cpu\n"


def test_a_new_file_reads_as_it_was_written(tmp_path: Path) -> None:
    lines = "Is it raining? [yes/no]\nHow many people? [number]"
    file = tmp_path / "config.ini"
    file.write_text(edited("", {"analysis": {"questions": lines, "plugin": "signals"}}))
    raw = read(file, environ={})
    assert raw.values["analysis"]["questions"].value.strip() == lines
    assert raw.values["analysis"]["plugin"].value == "signals"


def test_nothing_to_change_changes_nothing() -> None:
    assert edited(FILE, {}) == FILE
    assert edited("", {}) == ""
