"""Reviews of films whose best thresholds are known: tune finds them, and held-out F1 rises."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import pytest

from toolkit.errors import ConfigError, TruthError, VocabularyError
from toolkit.insight.tuning.tuning import Tuning, tuned
from toolkit.insight.tuning.writing import edited
from toolkit.records import (
    Answer,
    AnswerType,
    Ask,
    Label,
    Lineage,
    Record,
    Review,
    Run,
    RunSource,
    Scene,
    Source,
    Tag,
    Video,
)
from toolkit.stages.store import Store
from toolkit.vocabulary import load_vocabulary

FILMS, SCENES = 12, 20
VOCABULARY = """\
# What we look for.
[[label]]
name = "night"  # dark outside
phrasing = "it is night"

# threshold by hand, last spring
[[label]]
name = "car"
synonyms = ["auto"]
threshold = 0.5   # a guess

[[label]]
name = "rain"

[[label]]
name = "rare"

[[label]]
name = "unasked"
"""
SCORED = Ask(kind="labels", type=AnswerType(kind="many_of", choices=("it is night", "car", "rain")))
SAID = Ask(kind="description")


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def logit(p: float) -> float:
    return math.log(p / (1 - p))


def a_video(name: str) -> Video:
    return Video(
        id=name, path=f"/{name}.mp4", size_bytes=1, container="mp4", duration_s=10.0 * SCENES,
        width=64, height=64, codec="h264",
    )  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "labels.toml"
    file.write_text(VOCABULARY, encoding="utf-8")
    return file


@pytest.fixture
def run(store: Store) -> Run:
    """A model that says "night" too often and "car" too seldom, and knows about rain.

    What is worth a half has a score of .88 of night, and of .018 of car. People say what is true.
    """
    rng = random.Random(5)
    lineage = Lineage(
        detector="d", asks=(("m", SCORED.key), ("m", SAID.key)), generations=("rules-1",)
    )
    run = Run(id="run", status="done", lineage=lineage)
    records: list[Record] = [run]
    for film in range(FILMS):
        name = f"film{film:02}"
        source = Source.of(f"/{name}.mp4", "file", video_id=name)
        records += [source, a_video(name)]
        records += [RunSource.of("run", source, video_id=name, status="done")]
        for index in range(SCENES):
            scene = Scene.of(name, "d", index, start_s=10.0 * index, end_s=10.0 * index + 10)
            night, car, rain = (rng.gauss(m, 3) for m in (1.5, -3, 0))
            scores = {"it is night": sigmoid(night), "car": sigmoid(car), "rain": sigmoid(rain)}
            holds = {
                "night": rng.random() < sigmoid(2 * (night - 2)),
                "car": rng.random() < sigmoid(2 * (car + 4)),
                "rain": rng.random() < sigmoid(rain),
            }
            wet = " Umbrellas everywhere." if holds["rain"] else ""
            records += [scene, Answer.of(scene, "m", "model", SCORED, value={**scores})]
            text = f"A street with {'an old tram' if holds['car'] else 'a dog'}.{wet}"
            records.append(Answer.of(scene, "m", "model", SAID, text=text))
            records += [said(scene, name, is_so) for name, is_so in holds.items()]
    store.save(records)
    return run


def said(scene: Scene, name: str, holds: bool, **more: Any) -> Review:
    data = {"action": "accept" if holds else "reject", "target": "tag", "name": name} | more
    return Review(
        video_id=scene.video_id, scene_id=scene.id, start_s=scene.start_s, end_s=scene.end_s,
        reviewer="ann", **data,
    )  # fmt: skip


@pytest.fixture
def found(store: Store, run: Run, path: Path) -> Tuning:
    return tuned(store, run, path, resamples=200)


def test_known_thresholds_are_found_and_held_out_films_gain(found: Tuning) -> None:
    rows = {row["label"]: row for row in found.frame.to_dicts()}
    night, car = rows["night"], rows["car"]
    # The score that is worth a half, as a logit.
    for row, middle in ((night, 2), (car, -4)):
        a, b = row["calibration"]
        assert -b / a == pytest.approx(middle, abs=0.4)
        assert 1 < a < 2.5
    for row in (night, car):
        assert row["f1"] > row["f1_before"] + 0.03
        assert row["brier"] < row["brier_before"]
        assert row["changed"]
    gain = found.figures["macro_f1_gain"]
    assert gain.value is not None
    assert gain.low is not None
    assert gain.value > 0.05
    assert gain.low > 0
    # Rain's scores are right already.
    assert rows["rain"]["f1"] == pytest.approx(rows["rain"]["f1_before"], abs=0.05)


@pytest.mark.parametrize(("name", "middle", "a", "b"), [("night", 1.5, 2, -4), ("car", -3, 2, 8)])
def test_new_films_bring_what_held_out_ones_promise(
    found: Tuning, name: str, middle: float, a: float, b: float
) -> None:
    rng = random.Random(99)
    scores = [rng.gauss(middle, 3) for _ in range(20_000)]
    holds = [rng.random() < sigmoid(a * score + b) for score in scores]

    def f1(given: list[bool]) -> float:
        right = sum(g and h for g, h in zip(given, holds, strict=True))
        return 2 * right / (sum(given) + sum(holds))

    def by(label: Label) -> float:
        return f1([label.probability(sigmoid(score)) >= label.threshold for score in scores])

    [one] = [one for one in found.labels if one.before.name == name]
    row = next(row for row in found.frame.to_dicts() if row["label"] == name)
    assert row["f1_before"] == pytest.approx(by(one.before), abs=0.07)  # 240 reviews
    assert row["f1"] == pytest.approx(by(one.after), abs=0.07)
    best = max(f1([score >= cut / 4 for score in scores]) for cut in range(-40, 40))
    assert by(one.after) > best - 0.02


def test_labels_with_too_few_reviews_are_left_alone(
    store: Store, run: Run, path: Path, found: Tuning
) -> None:
    reasons = {row["label"]: row["reason"] for row in found.frame.to_dicts()}
    assert reasons["rare"] == "0 of 20 reviews"
    one_film = [one for one in store.find(Scene) if one.video_id == "film00"]
    store.save([said(scene, "unasked", scene.index % 2 == 0) for scene in one_film])
    store.save([said(scene, "rare", scene.index % 2 == 0) for scene in one_film[:3]])
    reasons = {row["label"]: row["reason"] for row in tuned(store, run, path).frame.to_dicts()}
    assert reasons["rare"] == "3 reviews, but the run has no probability of it"
    assert reasons["unasked"] == "20 reviews, but the run has no probability of it"
    assert tuned(store, run, path, least=4000).changed == 0
    with pytest.raises(ConfigError):
        tuned(store, run, path, least=1)


def test_reviews_of_one_film_hold_nothing_out(store: Store, run: Run, path: Path) -> None:
    for review in store.find(Review):
        if review.video_id != "film03":
            store.save([review.model_copy(update={"action": "withdraw"})])
    rows = tuned(store, run, path, least=8).frame.to_dicts()
    assert rows[0]["reason"] == "reviews of one film alone: there is none to hold out"
    assert not any(row["changed"] for row in rows)


def test_a_score_that_says_nothing_is_not_trusted(store: Store, run: Run, path: Path) -> None:
    rng = random.Random(3)
    for review in store.find(Review, name="rain"):
        action = rng.choice(("accept", "reject"))
        store.save([review.model_copy(update={"action": action})])
    row = next(r for r in tuned(store, run, path).frame.to_dicts() if r["label"] == "rain")
    # Whatever it does, it promises no more than to give the label always: F1 is 2/3 then.
    assert row["f1"] < 0.7
    assert row["brier"] < 0.3 < row["brier_before"]


def test_synonyms_and_words_for_rules_are_suggested(store: Store, run: Run, path: Path) -> None:
    scenes = [one for one in store.find(Scene) if one.index < 3]
    edits = {"action": "edit", "value": "car"}
    store.save([said(scene, "vehicle", True, **edits) for scene in scenes])
    found = tuned(store, run, path)
    shown = [(r["kind"], r["label"], r["word"]) for r in found.suggestions.to_dicts()]
    assert ("synonym", "car", "vehicle") in shown
    assert ("rule", "rain", "umbrellas") in shown
    assert ("rule", "car", "tram") in shown
    assert ("rule", "car", "street") not in shown  # which every scene has


def test_words_that_analyzers_propose_become_synonyms(store: Store, run: Run, path: Path) -> None:
    ask = Ask(kind="tags")
    wet = {one.scene_id for one in store.find(Review, name="rain") if one.action == "accept"}
    for scene in store.find(Scene):
        text = "downpour, street" if scene.id in wet else "street, car"
        store.save([Answer.of(scene, "m", "model", ask, text=text)])
    lineage = run.lineage.model_copy(update={"asks": (*run.lineage.asks, ("m", ask.key))})
    run = run.model_copy(update={"lineage": lineage})
    rows = tuned(store, run, path).suggestions.to_dicts()
    found = [(r["label"], r["word"]) for r in rows if r["kind"] == "synonym"]
    assert found == [("rain", "downpour")]


def test_a_rule_that_people_reject_is_named(store: Store, run: Run, path: Path) -> None:
    wet = {one.scene_id for one in store.find(Review, name="rain") if one.action == "accept"}
    scenes = sorted(store.find(Scene), key=lambda scene: scene.id)
    dry = [scene for scene in scenes if scene.id not in wet][:9]
    some = [*dry, *[scene for scene in scenes if scene.id in wet][:4]]
    why = "rule 'rain' (rules.toml:4): 'street' in description"
    store.save(
        [Tag("rain", score=0.9, why=why).placed(scene, "rules", "rules-1") for scene in some]
    )
    rows = tuned(store, run, path).suggestions.to_dicts()
    [row] = [row for row in rows if row["kind"] == "drop"]
    assert (row["word"], row["prevented"], row["harmed"]) == ("street", 9, 4)
    assert row["rule"] == "rule 'rain' (rules.toml:4)"


def test_writing_keeps_comments_and_says_what_was_found(found: Tuning, path: Path) -> None:
    before = path.read_text(encoding="utf-8")
    found.write()
    after = path.read_text(encoding="utf-8")
    labels = {label.name: label for label in load_vocabulary(path).labels}
    for one in found.labels:
        assert labels[one.before.name] == one.after
    kept = [line for line in before.splitlines() if not line.startswith("threshold")]
    assert [line for line in kept if line not in after.splitlines()] == []
    threshold = labels["car"].threshold
    assert f"threshold = {threshold}   # a guess" in after
    assert after.index("# threshold by hand") < after.index('name = "car"')
    found.write()  # once more changes nothing
    assert path.read_text(encoding="utf-8") == after


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_odd_files_keep_their_form(tmp_path: Path, end: str) -> None:
    text = '[[label]]\n"name" = "a"\ncalibration = [ 1.0,\n  0.5 ]  # old\n[[label]]\nname = "b"'
    path = tmp_path / "v.toml"
    path.write_bytes(text.replace("\n", end).encode())
    labels = [
        Label(name="a", phrasing="a", threshold=0.25, calibration=(2.0, -1.5)),
        Label(name="b", phrasing="b", threshold=1e-05),
    ]
    new = edited(path, labels)
    assert new == (
        '[[label]]\n"name" = "a"\nthreshold = 0.25\ncalibration = [2.0, -1.5]  # old\n'
        '[[label]]\nname = "b"\nthreshold = 1e-05'
    ).replace("\n", end)
    path.write_bytes(new.encode())
    assert load_vocabulary(path).labels == tuple(labels)


def test_a_file_that_cannot_be_changed_stays(tmp_path: Path, found: Tuning, path: Path) -> None:
    text = 'label = [{name = "night"}, {name = "car"}]\n'
    path.write_text(text, encoding="utf-8")
    with pytest.raises(VocabularyError):
        found.write()
    assert path.read_text(encoding="utf-8") == text


def test_what_people_see(found: Tuning) -> None:
    assert "Left alone" in repr(found)
    assert "<script" not in found._repr_html_()
    assert found.data()["changed"] == found.changed


def test_no_reviews(store: Store, run: Run, path: Path) -> None:
    store.save([one.model_copy(update={"action": "withdraw"}) for one in store.find(Review)])
    with pytest.raises(TruthError, match="Nobody has reviewed"):
        tuned(store, run, path)
