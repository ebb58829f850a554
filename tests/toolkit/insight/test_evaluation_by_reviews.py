"""People's reviews as what is true: only what was reviewed is judged."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from toolkit.errors import MediaError, TruthError
from toolkit.insight import results, reviewing
from toolkit.insight.evaluation.evaluation import Evaluation, evaluated
from toolkit.records import Answer, AnswerType, Ask, Run, Scene, Video
from toolkit.stages.store import Store

PEOPLE = "How many people?"
Say = Callable[..., None]


@pytest.fixture
def say(store: Store, run: Run) -> Say:
    """Says something of a video's scene at a time, as it is shown; later than all before."""
    clock = iter(range(10_000))

    def said(video_id: str, start_s: float, **data: Any) -> None:
        shown = results.scenes_of(store, run, store.find(Video, id=video_id))
        [scene] = [one for one in shown if one.start_s <= start_s < one.end_s]
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=next(clock))
        whole = {"target": "tag", "name": "", "value": None, "reviewer": "ann", "at": at, **data}
        store.save([reviewing.review_of(store, run, scene.id, **whole)])

    return said


def measured(store: Store, run: Run) -> Evaluation:
    return evaluated(store, run, None, resamples=0)


def counts(found: Evaluation) -> dict[str, tuple[int, int, int]]:
    rows = found.tags.to_dicts()
    return {row["label"]: (row["right"], row["wrong"], row["missed"]) for row in rows}


def test_tags_are_judged_as_people_said(store: Store, run: Run, say: Say) -> None:
    say("a", 0.0, action="accept", name="CAR")  # however it is written
    say("a", 10.0, action="reject", name="car")
    say("a", 10.0, action="add", name="rain")
    say("b", 0.0, action="edit", name="night", value="dusk")
    found = measured(store, run)
    assert counts(found) == {
        "CAR": (1, 1, 0), "dusk": (0, 0, 1), "night": (0, 1, 0), "rain": (0, 0, 1),
    }  # fmt: skip
    assert found.truth.name == "reviews"
    assert found.figures["micro_precision"].value == pytest.approx(1 / 3)
    assert found.unjudged == {"day": 1}  # nobody spoke of it
    assert found.figures["boundary_f1"].value is None


def test_who_changes_their_mind_and_who_differs(store: Store, run: Run, say: Say) -> None:
    say("a", 0.0, action="reject", name="car")
    say("a", 0.0, action="accept", name="car")  # the latest word of one reviewer
    say("a", 0.0, action="accept", name="night")
    say("a", 0.0, action="reject", name="night", reviewer="bob")
    say("a", 10.0, action="accept", name="car")
    say("a", 10.0, action="reject", name="car", reviewer="bob")
    say("a", 10.0, action="reject", name="car", reviewer="zoe")
    say("a", 10.0, action="accept", name="day")
    say("a", 10.0, action="withdraw", name="day")
    found = measured(store, run)
    assert counts(found) == {"car": (1, 1, 0)}
    assert found.truth.disputed == 1
    assert "people say different things" in repr(found)


def test_a_rejected_answer_is_wrong_and_not_left_out(store: Store, run: Run, say: Say) -> None:
    say("a", 0.0, target="sentiment", action="accept")
    say("a", 10.0, target="sentiment", action="reject")
    say("b", 0.0, target="sentiment", action="edit", value="negative")
    say("a", 0.0, target="answer", name=PEOPLE, action="accept")
    say("a", 10.0, target="answer", name=PEOPLE.lower(), action="reject")
    found = measured(store, run)
    assert found.figures["sentiment_accuracy"].value == pytest.approx(1 / 3)
    assert found.figures["exact_match"].value == pytest.approx(1 / 2)
    assert found.confusion.rows()[3] == ("another", 0, 0, 1, 0)
    wrong = found.items.filter(~found.items["right"]).select("what", "truth", "given").rows()
    assert ("sentiment", "another", "negative") in wrong
    assert ("answer", 'not "none"', '"none"') in wrong
    assert found.answers["scenes"].to_list() == [2]  # a question is one, however it is written

    # Another model says something else: whether that is right nobody knows.
    ask = Ask(kind="question", name=PEOPLE, type=AnswerType(kind="number"))
    scene = next(one for one in store.find(Scene, video_id="a") if one.start_s == 10)
    store.save([Answer.of(scene, "new", "other", ask, text="3", value=3)])
    lineage = run.lineage.model_copy(update={"asks": (("new", ask.key),)})
    other = measured(store, run.model_copy(update={"lineage": lineage}))
    assert [row["scenes"] for row in other.answers.to_dicts()] == [1]


def test_no_to_yes_is_no(store: Store, run: Run, say: Say) -> None:
    ask = Ask(kind="question", name="Rain?", type=AnswerType(kind="yes_no"))
    scene = next(one for one in store.find(Scene, video_id="a") if one.start_s == 0)
    store.save([Answer.of(scene, "new", "other", ask, text="yes", value=True)])
    lineage = run.lineage.model_copy(update={"asks": (*run.lineage.asks, ("new", ask.key))})
    run = run.model_copy(update={"lineage": lineage})
    store.save([run])
    say("a", 0.0, target="answer", name="Rain?", action="reject", value=True)
    [row] = measured(store, run).truth.rows
    assert row.answers == {"Rain?": False}


def test_boundaries_near_reviewed_ones_alone_are_judged(store: Store, run: Run, say: Say) -> None:
    say("b", 0.0, target="boundary", action="reject", value=10.0)
    say("b", 10.0, target="boundary", action="edit", value={"from": 20.0, "to": 21.0})
    say("a", 0.0, target="boundary", action="add", value=5.0)
    found = measured(store, run)
    # Given: a 10 (not reviewed), b 10 (no), b 20 (no: it is at 21). There: b 21 and a 5.
    assert found.figures["boundary_precision"].value == 0
    assert found.figures["boundary_recall"].value == 0
    said = found.items.select("video_id", "start_s", "truth", "given").rows()
    assert sorted(said, key=str) == [
        ("a", 5.0, "any", None), ("b", 10.0, None, "cut"), ("b", 20.0, None, "cut"),
        ("b", 21.0, "any", None),
    ]  # fmt: skip
    say("b", 0.0, target="boundary", action="accept", value=10.0, reviewer="bob")
    assert measured(store, run).truth.disputed == 1
    say("b", 0.0, target="boundary", action="accept", value=10.1, reviewer="zoe")
    found = measured(store, run)
    assert found.figures["boundary_precision"].value == pytest.approx(1 / 2)


def test_another_detectors_scenes(store: Store, run: Run, say: Say) -> None:
    say("a", 0.0, action="accept", name="car")
    lineage = run.lineage.model_copy(update={"detector": "other detector"})
    other = measured(store, run.model_copy(update={"lineage": lineage}))
    assert other.unmatched == 1  # its one scene is twice as long
    assert other.figures["micro_f1"].value is None
    both = other.compare(measured(store, run))
    assert not len(both.changed)  # what one of them is not judged on is no change


def test_nobody_reviewed(store: Store, run: Run, say: Say) -> None:
    say("a", 0.0, target="description", action="accept")
    with pytest.raises(TruthError, match="Nobody has reviewed"):
        measured(store, run)


def test_a_report_is_one_page_of_text(store: Store, run: Run, say: Say, tmp_path: Path) -> None:
    nasty = "<script>alert(1)</script>$5"
    say("a", 0.0, action="add", name=nasty)
    say("b", 0.0, action="accept", name="car")
    say("a", 0.0, target="sentiment", action="accept")
    found = measured(store, run)
    page = found.to_html(tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;$5" in page
    assert "default-src 'none'" in page
    assert page.count("<svg") == 3  # labels, confusion, reliability
    assert "http://" not in page.replace("http://www.w3.org/", "")
    with pytest.raises(MediaError, match="There is a file"):
        found.to_html(tmp_path / "report.html")
    other = run.model_copy(update={"settings": {"scenes": {"plugin": "content"}}})
    both = measured(store, other).compare(found)
    assert both.settings.rows() == [("scenes", "plugin", None, '"content"')]
    shown = both.to_html(tmp_path / "report.html", force=True).read_text(encoding="utf-8")
    assert "Settings that differ" in shown
    assert "<script" not in shown
    assert json.loads(json.dumps(both.data()))["settings"]


def test_charts_of_nothing_say_so(store: Store, run: Run, say: Say) -> None:
    say("a", 0.0, target="boundary", action="accept", value=10.0)
    charts = measured(store, run).charts
    for chart in (charts.labels(), charts.confusion(), charts.reliability()):
        assert "Nothing to show" in chart.svg()
