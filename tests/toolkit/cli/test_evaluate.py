"""``toolkit evaluate``."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import toolkit as tk
from toolkit.testing.clips import (
    ATTRIBUTES,
    ClipTruth,
    Shot,
    TransitionKind,
    random_truth,
    write_film,
)
from toolkit.testing.truths import write_truth

Command = Callable[..., Any]
TINY = Path(__file__).parents[2] / "models" / "tiny-qwen2vl"
TRUTH = """\
video,start_s,end_s,kind,labels
film.mp4,0,,start,dark
film.mp4,2,,cut,-
film.mp4,3.9,,cut,
film.mp4,5,,fade,
"""


@pytest.fixture
def truth(toolkit: Command, film: Path, tmp_path: Path) -> Path:
    """A run over the film with its cuts at 2 and 4 s, and what is said to be true of it."""
    assert toolkit("analyze", film, "--analyzer", "signals").code == 0
    path = tmp_path / "truth.csv"
    path.write_text(TRUTH, encoding="utf-8")
    return path


def test_figures_and_changes(
    toolkit: Command, truth: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = toolkit("evaluate", "last", "--truth", truth, "--json").data
    assert data["figures"]["boundary_recall"]["value"] == pytest.approx(2 / 3)
    assert data["figures"]["boundary_precision"]["value"] == 1
    assert data["figures"]["micro_f1"]["value"] == 0
    strict = toolkit("evaluate", "last", "--truth", truth, "--json", "--tolerance", "0.05").data
    assert strict["figures"]["boundary_recall"]["value"] == pytest.approx(1 / 3)
    monkeypatch.setenv("COLUMNS", "80")
    shown = toolkit("evaluate", "last", "--truth", truth)
    assert shown.code == 0
    assert "boundary_f1" in shown.out
    assert re.search(r"dark +1 ", shown.out)  # the label, and how often it is true
    both = toolkit("evaluate", "last", "--truth", truth, "--against", "last", "--json").data
    assert both["changed"] == []
    assert both["figures"][0]["difference"] == 0


def test_by_reviews_and_as_a_page(toolkit: Command, truth: Path, tmp_path: Path) -> None:
    nobody = toolkit("evaluate", "last")
    assert (nobody.code, "Nobody has reviewed" in nobody.err) == (2, True)
    assert toolkit("review", "add", "last", "0", "--tag", "dark").code == 0
    page = tmp_path / "report.html"
    done = toolkit("evaluate", "last", "--html", page, "--against", "last", "--json")
    assert done.data["after"]["truth"] == "reviews"
    assert done.data["after"]["figures"]["micro_recall"]["value"] == 0
    assert "<svg" in page.read_text(encoding="utf-8")
    again = toolkit("evaluate", "last", "--html", page)
    assert "There is a file" in again.err
    assert toolkit("evaluate", "last", "--html", page, "--force").code == 0


@pytest.mark.parametrize(
    ("limit", "code", "said"),
    [
        ("boundary_precision=1", 0, ""),
        ("boundary_recall=0.7", 1, "boundary_recall is 0.6667, below 0.7."),
        ("exact_match=0.1", 1, "exact_match is not known"),
        ("micro_f=0.1", 2, "Did you mean 'micro_f1'?"),
        ("sentiment_calibration_error=0.1", 2, "no such figure"),
        ("micro_f1", 2, "--fail-below micro_f1=0.8"),
        ("micro_f1=nan", 2, "does not say a number"),
    ],
)
def test_fail_below(toolkit: Command, truth: Path, limit: str, code: int, said: str) -> None:
    ended = toolkit("evaluate", "last", "--truth", truth, "--fail-below", limit)
    assert ended.code == code
    assert said in ended.err


def test_a_wrong_truth_file_is_wrong_usage(toolkit: Command, truth: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("video,start_s\nfilm.mp4,soon\n", encoding="utf-8")
    ended = toolkit("evaluate", "last", "--truth", wrong)
    assert ended.code == 2
    assert "wrong.csv, line 2: start_s is 'soon'" in ended.err


SAMPLE = ClipTruth("red", "circle", "one", "left", "white", "day")
LABELS = tuple(
    replace(SAMPLE, **{attribute: value}).statements()[attribute]
    for attribute, values in ATTRIBUTES.items()
    for value in values
)


@pytest.mark.slow
def test_the_small_model_is_right_about_films_that_it_never_saw(
    toolkit: Command, tmp_path: Path
) -> None:
    rng = random.Random(20)
    kinds: tuple[TransitionKind, ...] = ("cut", "fade", "cut", "dissolve", "cut", "cut", "fade")
    films = {}
    for name in ("one.mp4", "two.mp4", "three.mp4"):
        shots: list[Shot] = []
        while len(shots) < len(kinds) + 1:
            shown = random_truth(rng)
            if not shots or shown.background != shots[-1].truth.background:
                shots.append(Shot(shown, 2.5))
        films[name] = write_film(tmp_path / name, shots, kinds, rng=rng)
    write_truth(tmp_path / "truth.jsonl", films)
    rules = "\n".join(
        f'[[rule]]\ntag = "{label}"\nwhen = ["labels.{label} > 0.5"]' for label in LABELS
    )
    (tmp_path / "rules.toml").write_text(rules, encoding="utf-8")
    sections: dict[str, Any] = {
        "analysis": {"plugin": "qwen2vl", "labels": LABELS},
        "analysis.qwen2vl": {"model": str(TINY), "device": "cpu"},
        "sampling": {"max_pixels": 12544},
        "tags.rules": {"file": str(tmp_path / "rules.toml")},
    }
    run = tk.analyze(
        [tmp_path / name for name in films],
        ask=["What colour is the shape?", "What shape is it?", "Which way does it move?"],
        workspace=tmp_path / "toolkit-workspace",
        progress=False,
        **sections,
    )
    found = run.evaluate(tmp_path / "truth.jsonl")
    figures = {name: one.value or 0.0 for name, one in found.figures.items()}
    assert figures["macro_f1"] >= 0.95, found
    assert figures["mean_average_precision"] >= 0.9, found
    assert figures["sentiment_accuracy"] >= 0.9
    assert figures["exact_match"] >= 0.9
    assert figures["boundary_f1"] >= 0.9
    # The command says the same, of the run as the store has it.
    data = toolkit("evaluate", run.id, "--truth", tmp_path / "truth.jsonl", "--json").data
    assert data == found.data()
