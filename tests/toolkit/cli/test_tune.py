"""``toolkit tune``, with a real model's probabilities, and what is to be looked at next."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import toolkit as tk
from toolkit.testing.clips import ATTRIBUTES, FilmTruth, random_shots, write_film
from toolkit.vocabulary import load_vocabulary

Command = Callable[..., Any]
TINY = Path(__file__).parents[2] / "models" / "tiny-qwen2vl"
FILMS, SCENES = 4, 6
CONFIG = """
[analysis]
plugin = qwen2vl
describe = no
sentiment = no
[analysis.qwen2vl]
model = {model}
device = cpu
[tags]
plugin = labels
vocabulary = labels.toml
"""


def test_the_queue_and_examples(toolkit: Command, film: Path, tmp_path: Path) -> None:
    assert toolkit("analyze", film, "--analyzer", "signals").code == 0
    for who, action in (("Ann", "accept"), ("Zoe", "reject")):
        assert toolkit("review", action, "last", "1", "--tag", "car", "--reviewer", who).code == 0
    [row] = toolkit("review", "next", film, "--limit", "1", "--json").data["scenes"]
    assert (row["index"], row["disputed"]) == (1, 1)
    assert "reviewers differ: tag car" in toolkit("review", "next", "last").out
    path = tmp_path / "examples.md"
    done = toolkit("review", "examples", "last", path)
    assert "tokens more for each scene" in done.out
    assert "Not: car" in path.read_text(encoding="utf-8")
    assert "There is a file" in toolkit("review", "examples", "last", path).err


def test_what_is_missing_is_said(toolkit: Command, film: Path, tmp_path: Path) -> None:
    assert toolkit("analyze", film, "--analyzer", "signals").code == 0
    assert "had no vocabulary" in toolkit("tune", "last").err
    path = tmp_path / "labels.toml"
    path.write_text('[[label]]\nname = "car"\n', encoding="utf-8")
    assert "Nobody has reviewed" in toolkit("tune", "last", "--vocabulary", path).err
    assert toolkit("review", "add", "last", "0", "--tag", "car").code == 0
    done = toolkit("tune", "last", "--vocabulary", path, "--write")
    assert "1 reviews, but the run has no probability of it" in done.out
    assert done.out.endswith("Nothing to change.\n")


@pytest.mark.slow
def test_reviews_put_a_models_thresholds_right(toolkit: Command, tmp_path: Path) -> None:
    """Thresholds that let the model's labels through never or always; reviews say what is true."""
    rng = random.Random(11)
    facts: dict[str, FilmTruth] = {}
    for number in range(FILMS):
        path = tmp_path / f"{number}.mp4"
        facts[str(path)] = write_film(path, random_shots(rng, SCENES), rng=rng)
    scenes = [scene.truth for one in facts.values() for scene in one.scenes]
    phrases: dict[str, int] = {}
    for truth in scenes:
        for attribute in ATTRIBUTES:
            phrase = truth.statements().get(attribute)
            if phrase:
                phrases[phrase] = phrases.get(phrase, 0) + 1
    chosen = [phrase for phrase, n in phrases.items() if 6 <= n <= len(scenes) - 6][:4]
    assert len(chosen) >= 3
    vocabulary = tmp_path / "labels.toml"
    vocabulary.write_text(
        "\n".join(
            f'[[label]]\nname = "{name}"\nthreshold = {(1.0, 0.0)[place % 2]}  # a guess\n'
            for place, name in enumerate(chosen)
        ),
        encoding="utf-8",
    )
    (tmp_path / "config.ini").write_text(CONFIG.format(model=TINY), encoding="utf-8")
    run = tk.analyze([*facts], progress=False, config="config.ini")
    for row in run.scenes.to_dicts():
        middle = (row["start_s"] + row["end_s"]) / 2
        [truth] = [
            scene.truth
            for scene in facts[row["path"]].scenes
            if scene.start_s <= middle < scene.end_s
        ]
        holds = set(truth.statements().values())
        for name in chosen:
            run.review(row["scene_id"], action="add" if name in holds else "reject", name=name)
    figure = "macro_f1"
    worse = run.evaluate(resamples=0).figures[figure].value
    before = toolkit("tune", "last", "--least", "12", "--json").data
    assert not before["written"]
    assert before["figures"]["macro_f1_before"]["value"] < 0.5
    assert before["figures"]["macro_f1_after"]["value"] > 0.9  # on held-out films
    done = toolkit("tune", "last", "--least", "12", "--write")
    assert f"{len(chosen)} labels changed" in done.out
    assert vocabulary.read_text(encoding="utf-8").count("# a guess") == len(chosen)
    labels = load_vocabulary(vocabulary).labels
    assert all(0 < label.threshold < 1 for label in labels)
    assert run.tune(least=12).changed < len(chosen)  # most are right now
    again = tk.analyze([*facts], progress=False, config="config.ini")
    assert again.answers["answer_id"].to_list() == run.answers["answer_id"].to_list()
    better = again.evaluate(resamples=0)
    assert worse is not None
    assert better.figures[figure].value > max(0.9, worse)  # type: ignore[operator]
    changes = better.compare(run.evaluate(resamples=0)).settings
    assert changes.is_empty()  # the file has another content, and the same name
