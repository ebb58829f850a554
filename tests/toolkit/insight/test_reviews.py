"""People's word on results: which scenes it reaches, and what the views show then."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from toolkit.errors import ConfigError, StoreError
from toolkit.exchange.labels import fiftyone
from toolkit.execution.run import RunHandle
from toolkit.insight import frames, results
from toolkit.insight.agreement import kappa
from toolkit.insight.boundaries import bounded
from toolkit.insight.search import search
from toolkit.insight.summary import summarize
from toolkit.records import (
    Answer,
    Ask,
    Lineage,
    Review,
    ReviewAction,
    Run,
    RunSource,
    Scene,
    Source,
    Tag,
)
from toolkit.stages.store import Store

DESCRIBE = Ask(kind="description")
_tick = count()


def say(scene: Scene, action: str, name: str = "", value: Any = None, **data: Any) -> Review:
    """A review of the scene, each a second later than the one before."""
    at = datetime(2026, 11, 27, tzinfo=UTC) + timedelta(seconds=next(_tick))
    place: dict[str, Any] = {"video_id": scene.video_id, "scene_id": scene.id}
    place |= {"start_s": scene.start_s, "end_s": scene.end_s}
    about = {"action": action, "name": name, "value": value, "target": "tag", "reviewer": "Zoë"}
    return Review.model_validate({**place, **about, "at": at, **data})


@pytest.fixture
def handle(store: Store, run: Run) -> RunHandle:
    return RunHandle(store, run.id)


@pytest.fixture
def first(store: Store, run: Run) -> Scene:
    """Scene 0 of video b, from 0 to 10 s, tagged car and night."""
    return store.find(Scene, video_id="b", detector="detector")[0]


def later(store: Store, shift_s: float = 0.4) -> Run:
    """The same videos again: another detector, model and rule file, all of them wrong."""
    run = Run(
        id="run-3",
        lineage=Lineage(
            detector="new detector", asks=(("new", DESCRIBE.key),), generations=("rules-9",)
        ),
    )
    source = Source.of("https://example.org/2", "link", video_id="b")
    scenes = [
        Scene.of("b", "new detector", i, start_s=10.0 * i + shift_s * bool(i),
                 end_s=10.0 * i + 10 + shift_s)
        for i in range(3)
    ]  # fmt: skip
    store.save([run, RunSource.of("run-3", source, video_id="b", status="done", scenes=3)])
    for scene in scenes:
        said = Answer.of(scene, "new", "qwen2vl", DESCRIBE, text="A new machine saw a submarine")
        store.save([scene, said, Tag("night").placed(scene, "rules", "rules-9")])
    return run


def labels(store: Store, run: Run, index: int = 0) -> list[str]:
    rows = frames.scenes(store, run).filter(pl.col("video_id") == "b")
    return list(rows["tags"][index])


def test_a_rejected_tag_is_gone_from_every_view_and_stays_gone(
    store: Store, run: Run, first: Scene
) -> None:
    store.save([say(first, "reject", "Night")])
    assert labels(store, run) == ["car"]
    tags = frames.tags(store, run)
    here = tags.filter((pl.col("scene_id") == first.id) & (pl.col("label") == "night"))
    assert here.is_empty()
    [night] = [share for share in summarize(store, run).tags if share.label == "night"]
    assert night.scenes == 1
    given = json.loads(fiftyone(store, run, results.videos_of(store, run)))["labels"]
    assert "night" not in [one["label"] for one in given["/films/b.mp4"]]
    # Another run, whose detector cuts 0.4 s later: the machine says "night" of every scene.
    again = later(store)
    assert labels(store, again) == []
    assert labels(store, again, 1) == ["night"]


def test_an_accepted_tag_stays_where_no_machine_gives_it_any_more(
    store: Store, run: Run, first: Scene
) -> None:
    store.save([say(first, "accept", "car"), say(first, "add", "sunset")])
    for of in (run, later(store)):
        rows = frames.tags(store, of).filter(pl.col("tagger") == "review").to_dicts()
        assert [(row["label"], row["score"], row["reviewed"]) for row in rows] == [
            ("car", 1.0, True),
            ("sunset", 1.0, True),
        ]
        assert rows[0]["why"].startswith("accepted by Zoë on 2026-11-27")
        assert rows[1]["why"] == "added by Zoë on 2026-11-27"
    assert "a rule" in frames.tags(store, run).filter(pl.col("tagger") == "review")["why"][0]
    assert frames.scenes(store, run)["reviewed"].to_list() == [True] + [False] * 4


def test_a_scene_that_covers_another_time_is_another_scene(
    store: Store, run: Run, first: Scene
) -> None:
    store.save([say(first, "reject", "night")])
    assert labels(store, later(store, shift_s=2.0)) == []  # 10 of 12 s in common
    other = Scene.of("b", "new detector", 0, start_s=0.0, end_s=12.6)
    store.save([other])
    assert labels(store, later(store, shift_s=2.6)) == ["night"]  # 10 of 12.6 s


def test_the_latest_word_counts_and_can_be_taken_back(store: Store, run: Run, first: Scene) -> None:
    store.save([say(first, "reject", "night")])
    store.save([say(first, "accept", "night")])
    assert labels(store, run) == ["car", "night"] or labels(store, run) == ["night", "car"]
    store.save([say(first, "reject", "night", reviewer="Ann")])
    assert "night" not in labels(store, run)
    store.save([say(first, "withdraw", "night", reviewer="Ann")])
    assert "night" in labels(store, run)
    store.save([say(first, "withdraw", "night")])
    assert frames.tags(store, run)["tagger"].unique().sort().to_list() == [
        "labels",
        "rules, labels",
    ]
    store.save([say(first, "edit", "night", "dusk")])
    assert sorted(labels(store, run)) == ["car", "dusk"]


def test_texts_and_values_that_people_corrected(
    store: Store, run: Run, first: Scene, handle: RunHandle
) -> None:
    handle.review(first.id, target="description", action="edit", value="A tram")
    handle.review(first.id, target="answer", name="how many people?", action="edit", value="five")
    handle.review(first.id, target="sentiment", action="edit", value="neutral", reviewer="Ann")
    row = handle.scenes.row(0, named=True)
    told = (row["description"], row["How many people?"], row["sentiment"])
    assert told == ("A tram", "five", "neutral")
    assert row["sentiment_confidence"] is None
    assert summarize(store, run).sentiments["neutral"] == 1
    answers = handle.answers.filter(pl.col("reviewed"))
    assert answers["kind"].to_list() == ["description", "question", "sentiment"]
    assert answers["plugin"].to_list() == ["review"] * 3
    assert handle.scenes["How many people?"].to_list()[1] == "none"
    second = handle.scenes["scene_id"][1]
    handle.review(second, target="sentiment", action="reject", reviewer="Ann")
    assert handle.scenes["sentiment"].to_list()[:2] == ["neutral", None]


def test_what_was_rejected_does_not_hide_what_another_model_says(
    store: Store, first: Scene, handle: RunHandle
) -> None:
    handle.review(first.id, target="description", action="reject")
    assert handle.scenes["description"][0] is None
    again = later(store)
    assert frames.scenes(store, again)["description"][0] == "A new machine saw a submarine"


def test_what_was_accepted_stays_whatever_another_model_says(
    store: Store, first: Scene, handle: RunHandle
) -> None:
    handle.review(first.id, target="description", action="accept")
    assert frames.scenes(store, later(store))["description"][0] == "A red car in b"


def test_typed_answers_keep_their_type(store: Store, run: Run, first: Scene) -> None:
    ask = Ask(kind="question", name="Raining?")
    lineage = run.lineage.model_copy(update={"asks": (*run.lineage.asks, ("qwen", ask.key))})
    store.save([run.model_copy(update={"lineage": lineage})])
    scenes = store.find(Scene, video_id="b", detector="detector")
    unsure = Answer.of(scenes[0], "qwen", "qwen2vl", ask, abstained=True)
    store.save([unsure, Answer.of(scenes[1], "qwen", "qwen2vl", ask, text="no", value=False)])
    handle = RunHandle(store, run.id)
    handle.review(first.id, target="answer", name="Raining?", action="edit", value="Yes")
    column = handle.scenes["Raining?"]
    assert column.to_list()[:2] == [True, False]
    assert column.dtype == pl.Boolean
    with pytest.raises(ConfigError, match="neither Yes nor No"):
        handle.review(first.id, target="answer", name="Raining?", action="edit", value="a bit")


def test_search_finds_what_people_wrote_and_not_what_machines_had_written(
    store: Store, run: Run, first: Scene, handle: RunHandle
) -> None:
    before = search(store, "car", limit=100)["scene_id"].to_list()
    handle.review(first.id, target="description", action="edit", value="A yellow tram")
    again = later(store)
    assert set(before) - set(search(store, "car", limit=100)["scene_id"]) == {first.id}
    assert len(search(store, "car", limit=4)) == 4
    hits = search(store, "yellow tram")
    same = frames.scenes(store, again)["scene_id"][0]
    assert hits["scene_id"].to_list() == [first.id, same]
    assert hits["index"].to_list() == [0, 0]
    assert hits["snippet"][0] == "A [yellow] [tram]"
    # The words of a machine that came later are not searched either; those of others are.
    assert len(search(store, "submarine", limit=100)) == 2
    assert search(store, "tram two")["scene_id"][0] == first.id  # "two" is an answer
    handle.review(first.id, target="description", action="edit", value="A blue tram")
    assert search(store, "yellow").is_empty()
    handle.review(first.id, target="description", action="withdraw")
    assert search(store, "tram").is_empty()
    assert set(search(store, "car", limit=100)["scene_id"]) == set(before)


def test_boundaries_are_moved_added_and_taken_away(
    store: Store, run: Run, first: Scene, handle: RunHandle
) -> None:
    def line() -> list[tuple[float, float]]:
        rows = handle.scenes.filter(pl.col("video_id") == "b")
        assert rows["index"].to_list() == list(range(len(rows)))
        assert rows["scene_id"].n_unique() == len(rows)
        return list(rows.select("start_s", "end_s").iter_rows())

    handle.review(first.id, target="boundary", action="edit", value={"from": 10, "to": 12.5})
    assert line() == [(0, 12.5), (12.5, 20), (20, 30)]
    handle.review(first.id, target="boundary", action="add", value=4)
    assert line() == [(0, 4), (4, 12.5), (12.5, 20), (20, 30)]
    part, whole = handle.scenes["scene_id"].to_list()[:2]
    assert (whole, part) == (first.id, f"{first.id}@0")
    # Until it is looked at again, a part shows what was said of the whole, and can be reviewed.
    assert handle.scenes["description"].to_list()[:2] == ["A red car in b"] * 2
    handle.review(part, action="reject", name="car")
    handle.review(part, target="description", action="edit", value="A tram")
    assert handle.scenes["description"].to_list()[:2] == ["A tram", "A red car in b"]
    assert [list(tags) for tags in handle.scenes["tags"].to_list()[:2]] == [
        ["night"],
        ["night", "car"],
    ]
    assert search(store, "tram")["scene_id"].to_list() == [part]
    assert first.id in search(store, "car", limit=100)["scene_id"].to_list()
    last = handle.scenes.filter(pl.col("video_id") == "b")["scene_id"][3]
    handle.review(last, target="boundary", action="reject", value=20)
    assert line() == [(0, 4), (4, 12.5), (12.5, 30)]
    handle.review(first.id, target="boundary", action="withdraw", value=4)
    assert line() == [(0, 12.5), (12.5, 30)]


def test_boundaries_fit_another_detectors_scenes(store: Store, run: Run, first: Scene) -> None:
    move = say(first, "edit", "10.000", {"from": 10.0, "to": 12.5}, target="boundary")
    scenes = [
        Scene.of("b", "d", i, start_s=start_s, end_s=end_s)
        for i, (start_s, end_s) in enumerate([(0.0, 10.2), (10.2, 20.0)])
    ]
    assert [one.end_s for one in bounded(scenes, [move])] == [12.5, 20.0]
    far = [scenes[0].model_copy(update={"end_s": 11.0})]
    assert bounded(far, [move]) == far
    twice = [say(first, "add", "5.000", 5.0, target="boundary", reviewer=who) for who in "ab"]
    assert len(bounded(scenes, twice)) == 3
    assert bounded(scenes, [say(first, "add", "x", None, target="boundary")]) == scenes


@given(
    words=st.lists(
        st.tuples(st.sampled_from(["add", "reject", "edit"]), st.floats(-1, 31), st.floats(-1, 31)),
        max_size=12,
    )
)
@example([("add", 4.5, 0.0), ("add", 4.25, 0.0), ("edit", 4.0, 1e-300)])
@settings(deadline=None, database=None)
def test_whatever_is_said_of_boundaries_the_scenes_cover_the_same_time(
    words: list[tuple[str, float, float]],
) -> None:
    scenes = [Scene.of("v", "d", i, start_s=10.0 * i, end_s=10.0 * i + 10) for i in range(3)]
    said = [
        say(scenes[0], action, str(at_s), {"from": at_s, "to": to_s} if action == "edit" else at_s,
            target="boundary")
        for action, at_s, to_s in words
    ]  # fmt: skip
    shown = bounded(scenes, said)
    assert (shown[0].start_s, shown[-1].end_s) == (0.0, 30.0)
    assert all(one.end_s == two.start_s for one, two in pairwise(shown))
    assert all(one.start_s < one.end_s for one in shown)
    assert [one.index for one in shown] == list(range(len(shown)))
    assert len({one.id for one in shown}) == len(shown)


def test_what_was_said_before_a_split_holds_for_the_parts(first: Scene, handle: RunHandle) -> None:
    handle.review(first.id, action="reject", name="night")
    handle.review(first.id, target="boundary", action="add", value=3.0)
    assert [list(tags) for tags in handle.scenes["tags"].to_list()[:2]] == [["car"], ["car"]]


def test_whole_videos_have_tags_too(store: Store, handle: RunHandle) -> None:
    store.save([Tag("film", id="t", video_id="b", tagger="rules", generation="rules-2")])
    handle.review("b", action="reject", name="film")
    handle.review("b", action="add", name="series")
    whole = handle.tags.filter(pl.col("scene_id").is_null())
    assert whole["label"].to_list() == ["series"]


def test_reviews_are_listed_with_what_is_disputed(
    store: Store, first: Scene, handle: RunHandle
) -> None:
    assert handle.reviews.is_empty()
    none = handle.reviews.schema
    handle.review(first.id, action="reject", name="car", reviewer="Ann")
    handle.review(first.id, action="accept", name="car", reviewer="Ann")
    handle.review(first.id, action="reject", name="Car", reviewer="Bob")
    handle.review(first.id, action="reject", name="night", reviewer="Bob")
    table = handle.reviews
    assert table.schema == none
    assert table["counts"].to_list() == [False, True, True, True]
    assert table["conflict"].to_list() == [False, True, True, False]
    assert table.select("title", "index", "start_s", "end_s").row(0) == ("A <b> & $5", 0, 0, 10)


def test_agreement_is_counted(store: Store, handle: RunHandle) -> None:
    assert handle.agreement.is_empty()
    ids = handle.scenes["scene_id"].to_list()
    ann, bob = "aarra", "arrra"
    for id_, one, two in zip(ids, ann, bob, strict=True):
        for who, word in (("Ann", one), ("Bob", two)):
            action: ReviewAction = "accept" if word == "a" else "reject"
            handle.review(id_, action=action, name="car", reviewer=who)
    handle.review(ids[0], action="accept", name="only Ann", reviewer="Ann")
    [row] = handle.agreement.to_dicts()
    assert (row["reviewer_a"], row["reviewer_b"], row["target"]) == ("Ann", "Bob", "tag")
    assert (row["items"], row["conflicts"], row["agreement"]) == (5, 1, 0.8)
    by_chance = 3 / 5 * 2 / 5 + 2 / 5 * 3 / 5
    assert row["kappa"] == pytest.approx((0.8 - by_chance) / (1 - by_chance))


def test_kappa() -> None:
    # The example of https://en.wikipedia.org/wiki/Cohen%27s_kappa: 20 + 15 of 50 alike.
    table = {("yes", "yes"): 20, ("yes", "no"): 5, ("no", "yes"): 10, ("no", "no"): 15}
    pairs = [pair for pair, number in table.items() for _ in range(number)]
    assert kappa(pairs) == pytest.approx(0.4)
    assert kappa([("a", "a"), ("b", "b")]) == 1
    assert kappa([]) is kappa([("a", "a")] * 9) is None


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"action": "approve", "name": "car"}, "no 'approve'"),
        ({"action": "accept"}, "needs the tag's label"),
        ({"action": "accept", "name": "car", "reviewer": " "}, "needs the name of its reviewer"),
        ({"action": "edit", "name": "car"}, "new label of the tag 'car'"),
        ({"action": "edit", "target": "description", "value": " "}, "new text"),
        ({"action": "edit", "target": "description", "value": 3}, "is text"),
        ({"action": "edit", "target": "description", "name": "x", "value": "y"}, "has no name"),
        ({"action": "edit", "target": "sentiment", "value": "glad"}, "none of positive"),
        ({"action": "accept", "target": "answer", "name": "Why?"}, "no answer of this scene"),
        ({"action": "add", "target": "boundary", "value": 11}, "not inside"),
        ({"action": "add", "target": "boundary", "value": "4"}, "time in seconds"),
        ({"action": "edit", "target": "boundary", "value": {"from": 5, "to": 6}}, "no boundary"),
        ({"action": "edit", "target": "boundary", "value": {"from": 5}}, "time in seconds"),
    ],
)
def test_what_makes_no_sense_is_refused(
    store: Store, first: Scene, handle: RunHandle, said: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ConfigError, match=reason):
        handle.review(first.id, **said)
    assert store.count(Review) == 0


def test_scenes_of_other_runs_are_not_this_runs(store: Store, handle: RunHandle) -> None:
    other = Scene.of("a", "other detector", 0, start_s=0, end_s=20)
    for unknown in (other.id, "nothing"):
        with pytest.raises(StoreError, match=r"has no scene.*") as caught:
            handle.review(unknown, action="accept", name="car")
        assert "run.scenes" in (caught.value.hint or "")


def test_the_number_of_questions_to_the_store_does_not_grow_with_reviews(
    store: Store, run: Run, first: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    stream = type(store).stream

    def counted(self: Store, kind: Any, /, **where: Any) -> Any:
        asked.append(kind.__name__)
        return stream(self, kind, **where)

    monkeypatch.setattr(type(store), "stream", counted)
    frames.scenes(store, run)
    before = len(asked)
    store.save([say(first, "accept", f"label {i}") for i in range(50)])
    asked.clear()
    assert len(labels(store, run)) == 52
    assert len(asked) == before
