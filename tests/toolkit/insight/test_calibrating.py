"""Probabilities whose truth is known and no sigmoid: with enough reviews its steps are found."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from toolkit.insight.tuning.calibrating import ISOTONIC_LEAST, isotonic, platt
from toolkit.insight.tuning.tuning import Tuning, tuned
from toolkit.records import (
    Answer,
    AnswerType,
    Ask,
    Lineage,
    Record,
    Review,
    Run,
    RunSource,
    Scene,
    Source,
    Video,
)
from toolkit.records.calibration import Calibration, calibrated
from toolkit.stages.embedding import Embeddings, FunctionEmbedder
from toolkit.stages.store import Store
from toolkit.vocabulary import load_vocabulary

FILMS = 10
VOCABULARY = '[[label]]\nname = "night"\n# how sure\nthreshold = 0.5 # by hand\n'
SCORED = Ask(kind="labels", type=AnswerType(kind="many_of", choices=("night",)))
SAID = Ask(kind="description")
Truth = Callable[[float], float]


def steps(score: float) -> float:
    """Two plateaus, as of a model that is either lost or fairly sure, and never quite."""
    return 0.02 if score < 0.3 else 0.45 if score < 0.95 else 0.9


def sigmoid(score: float) -> float:
    """What Platt's two numbers are made for."""
    return calibrated(score, (1.7, -1.2))


def drawn(truth: Truth, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Skewed scores, most of them small, and whether the label holds."""
    rng = random.Random(seed)
    scores = [rng.betavariate(0.5, 1.0) for _ in range(n)]
    return np.array(scores), np.array([rng.random() < truth(score) for score in scores])


def off(found: Calibration | None, truth: Truth) -> float:
    """The mean distance from the truth, over new scores."""
    scores, _ = drawn(truth, 4000, 99)
    return float(np.mean([abs(calibrated(s, found) - truth(s)) for s in scores]))


def test_isotonic_finds_what_no_sigmoid_has() -> None:
    scores, holds = drawn(steps, 4000, 1)
    points, pair = isotonic(scores, holds), platt(scores, holds)
    assert off(points, steps) < 0.03
    assert off(pair, steps) > 0.06
    assert points is not None
    assert len(points) <= 18
    first, *_, last = points
    assert isinstance(first, tuple)
    assert isinstance(last, tuple)
    assert first[0] == 0.0
    assert last[0] == 1.0
    # No two scores have one probability: what is likelier stays likelier.
    found = [calibrated(score, points) for score in np.linspace(0, 1, 500)]
    assert all(a < b for a, b in pairwise(found))
    assert 0 < found[0] < found[-1] < 1


def test_scores_that_part_the_classes_or_say_nothing() -> None:
    scores = np.linspace(0, 1, 2000)
    parted = isotonic(scores, scores > 0.5)
    assert 0 < calibrated(0.1, parted) < 0.01
    assert 0.99 < calibrated(0.9, parted) < 1
    assert isotonic(scores, scores < 0.5) is None
    assert platt(scores, scores < 0.5) is None


def reviewed(store: Store, truth: Truth, n: int) -> Run:
    """A run over ten films, of whose scenes people said whether it is night."""
    scores, holds = drawn(truth, n, 5)
    lineage = Lineage(detector="d", asks=(("m", SCORED.key), ("m", SAID.key)))
    run = Run(id="run", status="done", lineage=lineage)
    records: list[Record] = [run]
    for film in range(FILMS):
        name = f"film{film}"
        source = Source.of(f"/{name}.mp4", "file", video_id=name)
        video = Video(
            id=name, path=f"/{name}.mp4", size_bytes=1, container="mp4", duration_s=10.0 * n,
            width=64, height=64, codec="h264",
        )  # fmt: skip
        records += [source, video, RunSource.of("run", source, video_id=name, status="done")]
    for index, (score, is_so) in enumerate(zip(scores.tolist(), holds.tolist(), strict=True)):
        at = 10.0 * (index // FILMS)
        scene = Scene.of(f"film{index % FILMS}", "d", index // FILMS, start_s=at, end_s=at + 10)
        records += [
            scene,
            Answer.of(scene, "m", "model", SCORED, value={"night": score}),
            Answer.of(scene, "m", "model", SAID, text=f"likeness {score:.6f}"),
            Review(
                video_id=scene.video_id, scene_id=scene.id, start_s=at, end_s=at + 10,
                reviewer="ann", target="tag", name="night",
                action="accept" if is_so else "reject",
            ),
        ]  # fmt: skip
    store.save(records)
    return run


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "labels.toml"
    file.write_text(VOCABULARY, encoding="utf-8")
    return file


def row(found: Tuning) -> dict[str, Any]:
    return next(iter(found.frame.to_dicts()))


def test_with_enough_reviews_the_better_one_on_held_out_films_is_taken(
    store: Store, path: Path
) -> None:
    found = tuned(store, reviewed(store, steps, 3000), path, resamples=0)
    [one] = found.labels
    one_row = row(found)
    assert (one_row["method"], one_row["calibration"]) == ("isotonic", None)
    assert one.brier is not None
    assert one.log_loss is not None
    assert one.brier[1] < one.brier[0] - 0.01
    assert one.log_loss[1] < one.log_loss[0] - 0.05
    # Nobody can do better than the truth, and this is near.
    scores, holds = drawn(steps, 3000, 5)
    sure = np.array([steps(score) for score in scores])
    assert one.log_loss[1] < -np.log(np.where(holds, sure, 1 - sure)).mean() + 0.02
    assert f"isotonic, {len(one_row['points'])} points" in repr(found)

    found.write()
    text = path.read_text(encoding="utf-8")
    assert text.startswith('[[label]]\nname = "night"\n# how sure\nthreshold = ')
    assert "# by hand\ncalibration = [\n  [0.0, " in text
    [label] = load_vocabulary(path).labels
    assert label == one.after
    again = tuned(store, store.find(Run)[0], path, resamples=0)
    assert again.labels[0].before == label
    again.write()  # points take the place of points
    assert load_vocabulary(path).labels[0] == again.labels[0].after
    assert path.read_text(encoding="utf-8").count("calibration") == 1


def test_what_is_a_sigmoid_stays_one(store: Store, path: Path) -> None:
    found = tuned(store, reviewed(store, sigmoid, 3000), path, resamples=0)
    assert row(found)["method"] == "platt"
    assert row(found)["calibration"] == pytest.approx([1.7, -1.2], abs=0.2)


def test_with_fewer_reviews_it_is_not_tried(store: Store, path: Path) -> None:
    found = tuned(store, reviewed(store, steps, ISOTONIC_LEAST - 1), path, resamples=0)
    assert row(found)["method"] == "platt"
    assert row(found)["points"] is None


def likeness(texts: Sequence[str]) -> list[list[float]]:
    """ "night" lies on one axis, and a description as near to it as it says."""
    told = [float(text.split()[1]) if "likeness" in text else 1.0 for text in texts]
    return [[one, math.sqrt(1 - one * one)] for one in told]


def test_similarities_have_thresholds_of_their_own(store: Store, path: Path) -> None:
    run = reviewed(store, lambda score: sigmoid(1 - score), 400)  # probabilities are no use here
    vectors = Embeddings(FunctionEmbedder(likeness), "likeness")
    assert row(tuned(store, run, path, resamples=0))["calibration"] is None
    path.write_text(VOCABULARY + "calibration = [2.0, 1.0]\n", encoding="utf-8")
    store.save(
        [
            one.model_copy(update={"action": "accept" if one.action == "reject" else "reject"})
            for one in store.find(Review)
        ]
    )
    found = tuned(store, run, path, resamples=0, embeddings=vectors)
    [one] = found.labels
    assert (found.scorer, one.before.threshold, one.before.calibration) == ("similarity", 0.3, None)
    assert one.changed
    found.write()
    [label] = load_vocabulary(path).labels
    assert (label.threshold, label.calibration) == (0.5, (2.0, 1.0))  # those of probabilities
    assert label.similarity_threshold == one.after.threshold
    assert label.similarity_calibration == one.after.calibration
    assert label.similarity_calibration is not None
