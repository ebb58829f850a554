"""What whole videos are about, and what the vocabulary lacks."""

from __future__ import annotations

from typing import Any

import pytest

from toolkit.execution.run import RunHandle
from toolkit.insight import reviewing
from toolkit.insight.categories import categories, suggestions
from toolkit.records import Answer, Ask, Label, Run, Scene, Tag, Video, Vocabulary
from toolkit.stages.store import Store

TREE = Vocabulary(
    labels=(
        Label(name="traffic", phrasing=""),
        Label(name="car", phrasing="car", parent="traffic", synonyms=("automobile",)),
        Label(name="bus", phrasing="bus", parent="traffic"),
        Label(name="minibus", phrasing="minibus", parent="bus"),
    )
)
PROPOSED = Ask(kind="tags")


@pytest.fixture
def run(run: Run, store: Store) -> Run:
    """The run with a vocabulary: "day" and "night" stand in none."""
    asks = (*run.lineage.asks, ("qwen", PROPOSED.key))
    lineage = run.lineage.model_copy(update={"vocabulary": TREE, "asks": asks})
    run = run.model_copy(update={"lineage": lineage})
    store.save([run])
    return run


def scene(store: Store, video: str, index: int) -> Scene:
    (found,) = store.find(Scene, video_id=video, detector="detector", index=index)
    return found


def tagged(store: Store, video: str, index: int, label: str, score: float) -> None:
    store.save([Tag(label, score=score).placed(scene(store, video, index), "labels", "labels-1")])


def of(store: Store, run: Run, video: str = "b") -> dict[str, dict[str, Any]]:
    rows = categories(store, run).to_dicts()
    return {row["category"]: row for row in rows if row["video_id"] == video}


def test_scenes_weigh_their_time_up_the_tree(store: Store, run: Run) -> None:
    # Of 30 s of video b two scenes have a car at .5; the second gets a minibus at .8.
    tagged(store, "b", 1, "minibus", 0.8)
    found = of(store, run)
    # Every category is followed by what is below it, and neighbours come by their weight.
    assert list(found) == ["traffic", "car", "bus", "minibus", "day", "night"]
    assert [found[name]["level"] for name in found] == [0, 1, 1, 2, 0, 0]
    assert found["traffic"]["parent"] is None
    assert found["minibus"]["parent"] == "bus"
    traffic = found["traffic"]
    assert traffic["weight_s"] == pytest.approx(0.5 * 10 + 0.8 * 10)
    assert traffic["share"] == pytest.approx(13 / 30)
    assert (traffic["seconds"], traffic["scenes"]) == (20, [0, 1])
    assert traffic["labels"] == [
        {"label": "car", "weight_s": pytest.approx(10)},
        {"label": "minibus", "weight_s": pytest.approx(8)},
    ]
    assert (found["bus"]["share"], found["bus"]["scenes"]) == (pytest.approx(8 / 30), [1])
    assert found["car"]["scene_ids"] == [scene(store, "b", index).id for index in (0, 1)]
    assert not traffic["reviewed"]


def test_a_synonym_is_the_label(store: Store, run: Run) -> None:
    tagged(store, "b", 2, "Automobile", 1.0)
    assert of(store, run)["car"]["weight_s"] == pytest.approx(20)


def test_people_have_the_last_word(store: Store, run: Run) -> None:
    def say(subject: Scene | Video, action: str, name: str) -> None:
        data: dict[str, Any] = {"action": action, "name": name, "reviewer": "ann"}
        store.save([reviewing.review_of(store, run, subject.id, **data)])

    say(scene(store, "b", 0), "reject", "automobile")  # a synonym
    say(scene(store, "b", 2), "add", "bus")
    found = of(store, run)
    assert found["car"]["scenes"] == [1]
    assert (found["bus"]["weight_s"], found["bus"]["reviewed"]) == (10, True)
    assert not found["car"]["reviewed"]
    # Of the whole video: what is rejected counts nowhere, what is added counts for all of it.
    [video] = store.find(Video, id="b")
    say(video, "reject", "Automobile")
    say(video, "add", "night")
    found = of(store, run)
    assert "car" not in found
    assert found["traffic"]["scenes"] == [2]
    assert found["night"]["share"] == 1
    assert "car" in of(store, run, "a")


def test_without_a_vocabulary_every_tag_stands_alone(store: Store, run: Run) -> None:
    lineage = run.lineage.model_copy(update={"vocabulary": Vocabulary()})
    found = of(store, run.model_copy(update={"lineage": lineage}))
    assert {row["level"] for row in found.values()} == {0}
    assert list(found) == ["car", "day", "night"]


def test_proposals_that_the_vocabulary_lacks_are_counted(store: Store, run: Run) -> None:
    for video, index, text in (
        ("b", 0, "Automobile, rain"),
        ("b", 1, "rain, fog"),
        ("a", 0, "rain"),
    ):
        where = scene(store, video, index)
        store.save([Answer.of(where, "qwen", "qwen2vl", PROPOSED, text=text)])
    rows = suggestions(store, run).rows()
    assert [row[:5] for row in rows] == [("rain", 3, 2, 30.0, 0.6), ("fog", 1, 1, 10.0, 0.2)]
    assert rows[1][5] == [scene(store, "b", 1).id]
    first = scene(store, "b", 0)
    data: dict[str, Any] = {"action": "reject", "name": "Rain", "reviewer": "ann"}
    store.save([reviewing.review_of(store, run, first.id, **data)])
    assert suggestions(store, run)["scenes"].to_list() == [2, 1]
    assert suggestions(store, Run(id="nothing")).is_empty()


def test_a_run_shows_them(store: Store, run: Run) -> None:
    handle = RunHandle(store, run.id)
    assert handle.categories.equals(categories(store, run))
    assert handle.suggestions.is_empty()
    drawn = handle.charts.categories("a")
    assert "traffic" in drawn.svg()
    assert set(drawn.frame["video_id"]) == {"a"}
