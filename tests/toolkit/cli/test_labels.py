"""Zero-shot labels of clips that the tiny checkpoint never saw, through the whole pipeline."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import toolkit as tk
from toolkit.testing.clips import ATTRIBUTES, ClipTruth, Shot, random_truth, write_film

TINY = Path(__file__).parents[2] / "models" / "tiny-qwen2vl"
SAMPLE = ClipTruth("red", "circle", "one", "left", "white", "day")
Command = Callable[..., Any]
JUDGED = ("colour", "shape", "count", "motion")


def fact(truth: ClipTruth, attribute: str, value: str) -> str:
    """The phrase that says so of a clip."""
    return replace(truth, **{attribute: value}).statements()[attribute]


def vocabulary() -> str:
    """Labels named by attribute and value, asked about in the words of the world."""
    parts = []
    for attribute in JUDGED:
        parts.append(f'[[label]]\nname = "{attribute}"\n')
        for value in ATTRIBUTES[attribute]:
            name, asked = f"{attribute} {value}", fact(SAMPLE, attribute, value)
            group = f'parent = "{attribute}"\nexclusive = "{attribute}"\n'
            parts += [f'[[label]]\nname = "{name}"\nphrasing = "{asked}"\n{group}']
    return "\n".join(parts)


@pytest.mark.slow
def test_colour_shape_direction_and_count(toolkit: Command, tmp_path: Path) -> None:
    rng = random.Random(20_261_127)
    rows: list[tk.TruthRow] = []
    films = []
    for number in range(6):
        shots: list[Shot] = []
        while len(shots) < 8:
            shown = random_truth(rng)
            if not shots or shown.background != shots[-1].truth.background:
                shots.append(Shot(shown, 2.0))
        path = tmp_path / f"{number}.mp4"
        film = write_film(path, shots, ["cut"] * 7, rng=rng)
        films.append(path)
        rows += [
            tk.TruthRow(
                video=path.name,
                start_s=scene.start_s,
                end_s=scene.end_s,
                labels=frozenset(f"{what} {getattr(scene.truth, what)}" for what in JUDGED),
            )
            for scene in film.scenes
        ]
    (tmp_path / "labels.toml").write_text(vocabulary(), encoding="utf-8")
    sections: dict[str, Any] = {
        "analysis": {
            "plugin": "qwen2vl",
            "describe": False,
            "sentiment": False,
            "qwen2vl": {"model": str(TINY), "device": "cpu"},
        },
        "sampling": {"max_pixels": 12544},
        "tags": {"plugin": "labels", "vocabulary": str(tmp_path / "labels.toml")},
    }
    where: dict[str, Any] = {"workspace": tmp_path / "toolkit-workspace", "progress": False}
    run = tk.analyze(films, **where, **sections)
    assert run.failures.is_empty()
    truth = tmp_path / "truth.jsonl"
    lines = (row.model_dump_json(include={"video", "start_s", "end_s", "labels"}) for row in rows)
    truth.write_text("\n".join(lines), encoding="utf-8")
    found = run.evaluate(truth, resamples=100)
    assert (found.figures["macro_f1"].value or 0) >= 0.95, found
    assert (found.figures["mean_average_precision"].value or 0) >= 0.95, found
    for what in JUDGED:
        own = found.tags.filter(found.tags["label"].str.starts_with(what))
        mean = own["f1"].mean()
        assert isinstance(mean, float)
        assert mean >= 0.95, own
        assert own["support"].sum() == len(rows)
    asked = ("evaluate", run.id, "--truth", truth, "--resamples", "100", "--json")
    assert toolkit(*asked).data == found.data()
    # Thresholds alone, where no label excludes another.
    alone = "".join(line for line in vocabulary().splitlines(True) if "exclusive" not in line)
    (tmp_path / "labels.toml").write_text(alone, encoding="utf-8")
    again = tk.analyze(films, **where, **sections).evaluate(truth, resamples=0)
    assert (again.figures["macro_f1"].value or 0) >= 0.95, again
