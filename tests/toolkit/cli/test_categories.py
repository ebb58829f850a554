"""``toolkit categories``, ``suggestions`` and ``vocabulary``; categories in ``show``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]
LABELS = """\
[[label]]
name = "mood"

[[label]]
name = "dark"
parent = "mood"
synonyms = ["gloomy"]

[[label]]
name = "fast-moving"
"""


@pytest.fixture
def config(tmp_path: Path) -> None:
    (tmp_path / "labels.toml").write_text(LABELS, encoding="utf-8")
    text = "[analysis]\nplugin = signals\n[tags]\nvocabulary = labels.toml\nfile = rules.toml\n"
    (tmp_path / "config.ini").write_text(text, encoding="utf-8")
    rules = (
        '[[rule]]\ntag = "GLOOMY"\nwhen = "signals.brightness < 0.4"\n'
        '[[rule]]\ntag = "film noir"\nof = "video"\nwhen = "share.dark > 0.3"\n'
    )
    (tmp_path / "rules.toml").write_text(rules, encoding="utf-8")


@pytest.mark.usefixtures("config")
def test_what_a_video_is_about(toolkit: Command, film: Path) -> None:
    ended = toolkit("analyze", film)
    assert ended.code == 0, ended.err
    assert "film.mp4: mood 33% (dark 33%)" in ended.out
    assert "film.mp4: tagged as a whole: film noir" in ended.out
    rows = toolkit("categories", "last", "--json").data["categories"]
    assert [(row["category"], row["scenes"]) for row in rows] == [
        ("film noir", [0, 1, 2]),
        ("mood", [1]),
        ("dark", [1]),
    ]
    shown = toolkit("categories", film).out
    assert "  dark" in shown
    assert "33.3%" in shown
    [video] = toolkit("show", film, "--json").data["videos"]
    assert video["categories"][0] == {"category": "mood", "parent": None, "share": rows[1]["share"]}
    assert [tag["label"] for tag in video["tags"]] == ["film noir"]
    assert "There are none" in toolkit("suggestions", "last").out
    assert toolkit("suggestions", "last", "--json").data["suggestions"] == []


@pytest.mark.usefixtures("config")
def test_a_vocabulary_is_checked_and_shown(toolkit: Command, tmp_path: Path) -> None:
    shown = toolkit("vocabulary", "labels.toml")
    assert shown.code == 0
    assert "  dark" in shown.out
    assert "not asked about" in shown.out
    data = toolkit("vocabulary", "--json").data  # that of the config
    assert [label["synonyms"] for label in data["labels"]] == [[], ["gloomy"], []]
    (tmp_path / "labels.toml").write_text(LABELS.replace('"mood"\n\n', '"moods"\n\n'))
    ended = toolkit("vocabulary", "labels.toml")
    assert ended.code == 2
    assert "labels.toml:6: There is no label 'mood'. Did you mean 'moods'?" in ended.err
