"""Truth files, and a run in a real store measured by them."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

from toolkit.errors import ConfigError, TruthError
from toolkit.insight import reviewing
from toolkit.insight.evaluation.evaluation import FIGURES, Evaluation, evaluated
from toolkit.insight.evaluation.files import read_truth
from toolkit.insight.evaluation.truth import Truth, TruthRow
from toolkit.records import Run, Scene
from toolkit.stages.store import Store

PEOPLE = "How many people?"
HEAD = "video,start_s,end_s,kind,boundary_start_s,boundary_end_s,labels,without,sentiment,"
CSV = f"""\
{HEAD}answer:{PEOPLE}
a.mp4,0,10,start,,,car; night,,positive,two
a.mp4,10,20,fade,9.5,10.5,car,,neutral,2

"copy of b.mp4",0,10,,,,night,,,
copy of b.mp4,20,30,,,,car,,negative,-
"""
ROWS = (
    TruthRow(
        video="a.mp4",
        start_s=0,
        end_s=10,
        kind="start",
        labels=frozenset({"car", "night"}),
        sentiment="positive",
        answers={PEOPLE: "two"},
    ),
    TruthRow(
        video="a.mp4",
        start_s=10,
        end_s=20,
        kind="fade",
        boundary_start_s=9.5,
        boundary_end_s=10.5,
        labels=frozenset({"car"}),
        sentiment="neutral",
        answers={PEOPLE: "2"},
    ),
    TruthRow(video="copy of b.mp4", start_s=0, end_s=10, labels=frozenset({"night"})),
    TruthRow(
        video="copy of b.mp4",
        start_s=20,
        end_s=30,
        labels=frozenset({"car"}),
        sentiment="negative",
        answers={PEOPLE: None},
    ),
)
STRIPES = TruthRow(video="<script>zebra</script>", labels=frozenset({"stripes"}))
TRUTH = Truth((*ROWS, STRIPES), "by <hand>")


def written(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


# ---------------------------------------------------------------------- files


def test_both_forms_say_the_same(tmp_path: Path) -> None:
    lines = "".join(f"{row.model_dump_json(exclude_none=True)}\n\n" for row in ROWS[:3])
    last = ROWS[3].model_dump(mode="json", exclude_none=True) | {"answers": {PEOPLE: None}}
    lines += json.dumps(last)  # no newline at the end
    assert read_truth(written(tmp_path, "t.jsonl", lines)).rows == ROWS
    assert read_truth(written(tmp_path, "t.csv", CSV)).rows == ROWS
    windows = b"\xef\xbb\xbf" + CSV.replace("\n", "\r\n").encode()
    assert read_truth(written(tmp_path, "w.CSV", windows)).rows == ROWS


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("t.jsonl", '{"video": "a"}\n{"video": }', "line 2: it is no JSON"),
        ("t.jsonl", '\n["a"]', "line 2: it is no JSON object"),
        ("t.jsonl", '{"start_s": 1}', "line 1: video is missing"),
        ("t.jsonl", '{"video": "a", "lables": []}', "Did you mean 'labels'"),
        ("t.jsonl", '{"video": "a", "start_s": NaN}', "NaN is no number"),
        ("t.jsonl", '{"video": "a", "start_s": 1e999}', "start_s is inf"),
        ("t.jsonl", '{"video": "a", "start_s": -1}', "start_s is -1"),
        ("t.jsonl", '{"video": "a", "start_s": 5, "end_s": 5}', "end_s (5) is not after"),
        ("t.jsonl", '{"video": "a", "kind": "hard"}', "kind is 'hard'"),
        ("t.jsonl", '{"video": "a", "sentiment": "happy"}', "sentiment is 'happy'"),
        ("t.jsonl", '{"video": "a", "labels": [""]}', "labels holds what is no label"),
        ("t.jsonl", '{"video": "a", "labels": "red"}', "labels is 'red'"),
        ("t.jsonl", '{"video": "a", "labels": ["x"], "without": ["x"]}', "'x' is in labels and"),
        ("t.jsonl", '{"video": "a", "video": "b"}', "'video' is there twice"),
        ("t.jsonl", '{"video": "a", "start_s": 3, "boundary_end_s": 4}', "needs a kind"),
        ("t.jsonl", '{"video":"a","kind":"cut","start_s":3,"boundary_end_s":2}', "does not hold"),
        ("t.jsonl", '{"video": "a"}\n{"video": "b"}\n{"video": "a"}', "line 3: it is about"),
        ("t.jsonl", "[" * 100_000, "line 1: it is no JSON"),
        ("t.jsonl", b'{"video": "a"}\n{"video": "\xff"}', "line 2: it is not UTF-8"),
        ("t.jsonl", "\n", "says nothing"),
        ("t.csv", "video,lables\na,x", "line 1: 'lables' is no column"),
        ("t.csv", "start_s\n1", "line 1: there is no column 'video'"),
        ("t.csv", "video,video\na,b", "line 1: the column 'video' is there twice"),
        ("t.csv", "video,answer: \na,b", "line 1: a column has no name"),
        ("t.csv", "video,start_s\na,1\na", "line 3: it has 1 cells, and the head 2"),
        ("t.csv", "video,start_s\na,soon", "line 2: start_s is 'soon'"),
        ("t.csv", 'video,start_s\n"a\nb",1\nc,x', "line 4: start_s is 'x'"),
        ("t.csv", 'video,start_s\n"a,1', "line 2: it is no CSV"),
        ("t.txt", "a", "neither .jsonl nor .csv"),
    ],
)  # fmt: skip
def test_mistakes_name_their_line(tmp_path: Path, name: str, text: str | bytes, said: str) -> None:
    with pytest.raises(TruthError) as caught:
        read_truth(written(tmp_path, name, text))
    assert said in str(caught.value)
    assert isinstance(pickle.loads(pickle.dumps(caught.value)), TruthError)


def test_several_mistakes_are_told_at_once(tmp_path: Path) -> None:
    lines = ['{"video": "a"}', *(f'{{"video": "v", "start_s": -{n}}}' for n in range(1, 9))]
    with pytest.raises(TruthError, match=r"line 2.*line 6.*and 3 more") as caught:
        read_truth(written(tmp_path, "t.jsonl", "\n".join(lines)))
    assert caught.value.context["lines"] == [*range(2, 10)]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(TruthError, match="cannot be read: No such file"):
        read_truth(tmp_path / "none.csv")


# ---------------------------------------------------------------------- a run


@pytest.fixture
def found(store: Store, run: Run) -> Evaluation:
    return evaluated(store, run, TRUTH, resamples=100)


def test_figures_by_hand(store: Store, run: Run, found: Evaluation) -> None:
    figures = {name: one.value for name, one in found.figures.items()}
    assert list(figures) == list(FIGURES)
    # car: 2 right (a), 1 wrong (b 0), 1 missed (b 20, where nothing was said); night: 2 right.
    assert figures["micro_precision"] == pytest.approx(4 / 5)
    assert figures["micro_recall"] == pytest.approx(4 / 5)
    assert figures["micro_f1"] == pytest.approx(0.8)
    labels = {row["label"]: row for row in found.tags.to_dicts()}
    assert labels["car"]["f1"] == pytest.approx(4 / 6)
    assert labels["night"]["f1"] == 1
    assert labels["stripes"]["f1"] is None  # of a video that is not here: neither there nor given
    assert figures["macro_f1"] == pytest.approx((4 / 6 + 1) / 2)
    # car's scores .5 .5 .5 and 0: right, right, wrong, right.
    assert labels["car"]["average_precision"] == pytest.approx(2 / 3 * 2 / 3 + 1 / 3 * 3 / 4)
    assert figures["sentiment_accuracy"] == pytest.approx(1 / 3)
    assert figures["sentiment_calibration_error"] == pytest.approx(0.25)  # .75 sure, half right
    assert figures["exact_match"] == pytest.approx(2 / 3)  # of b 20 no answer, which is right
    assert figures["boundary_recall"] == 1.0
    interval = found.figures["micro_f1"]
    assert interval.low is not None
    assert interval.high is not None
    assert interval.low < 0.8 < interval.high
    assert found.unjudged == {"day": 1}
    assert found.missing == ("<script>zebra</script>",)
    assert found.frame["value"].to_list() == [*figures.values()]


def test_every_judgement_can_be_looked_up(found: Evaluation) -> None:
    wrong = found.items.filter(~found.items["right"])
    shown = wrong.select("title", "start_s", "what", "name", "truth", "given").rows()
    b = "A <b> & $5"
    assert set(shown) >= {
        ("a.mp4", 10.0, "sentiment", "", "neutral", "negative"),
        ("a.mp4", 10.0, "answer", PEOPLE, '"2"', '"none"'),
        (b, 0.0, "label", "car", "no", "yes"),
        (b, 20.0, "label", "car", "yes", "no"),
        (b, 20.0, "sentiment", "", "negative", None),
    }
    assert found.items["scene_id"].null_count() == 0


def test_what_people_see_is_text(found: Evaluation) -> None:
    html = found._repr_html_()
    assert "<script" not in html
    assert "&lt;script&gt;zebra" in html
    assert "by &lt;hand&gt;" in html
    assert "mathjax_ignore" in html
    assert "micro_f1" in repr(found)
    assert json.loads(json.dumps(found.data()))["figures"]["micro_f1"]["value"] == 0.8


def test_the_same_seed_the_same_intervals(store: Store, run: Run) -> None:
    one, other = (evaluated(store, run, Truth(ROWS), resamples=50) for _ in range(2))
    assert one.data() == other.data()
    assert evaluated(store, run, Truth(ROWS), resamples=0).figures["micro_f1"].low is None


def test_a_persons_word_is_not_graded_as_the_machines(
    store: Store, run: Run, found: Evaluation
) -> None:
    scene = store.find(Scene)[0]
    for label in ("car", "night"):
        said = {"action": "reject", "target": "tag", "name": label, "reviewer": "ann"}
        store.save([reviewing.review_of(store, run, scene.id, value=None, **said)])
    again = evaluated(store, run, TRUTH, resamples=100)
    assert again.figures == found.figures


def test_two_runs_and_what_changed(store: Store, run: Run, found: Evaluation) -> None:
    lineage = run.lineage.model_copy(update={"generations": ("rules-1",)})
    without = run.model_copy(update={"lineage": lineage})
    after = evaluated(store, without, TRUTH, resamples=0)
    both = after.compare(found)
    changes = both.changed.select("title", "start_s", "name", "truth", "before", "after", "change")
    b = "A <b> & $5"
    assert sorted(changes.rows()) == [
        (b, 0.0, "car", "no", "yes", "no", "fixed"),
        (b, 0.0, "night", "yes", "yes", "no", "broken"),
        ("a.mp4", 0.0, "car", "yes", "yes", "no", "broken"),
        ("a.mp4", 0.0, "night", "yes", "yes", "no", "broken"),
        ("a.mp4", 10.0, "car", "yes", "yes", "no", "broken"),
    ]
    row = next(row for row in both.frame.to_dicts() if row["figure"] == "micro_f1")
    assert (row["before"], row["after"], row["difference"]) == (0.8, 0.0, -0.8)
    assert "4 broken, 1 fixed" in repr(both)
    assert "&lt;b&gt; &amp; $5" in both._repr_html_()
    assert not len(found.compare(found).changed)
    with pytest.raises(ConfigError, match="different truths"):
        found.compare(evaluated(store, run, Truth(ROWS, "by <hand>"), resamples=0))


def test_what_is_not_told_is_not_judged(store: Store, run: Run) -> None:
    # "night" is known not to hold, "car" and "day" nobody looked for: as reviews say it.
    rows = (TruthRow(video="a", start_s=0, end_s=9, without=frozenset({"night"})),
            TruthRow(video="a", start_s=11, labels=frozenset({"day"}), without=frozenset()),
            TruthRow(video="a", start_s=10.5, end_s=11, labels=frozenset({"car"})))  # fmt: skip
    found = evaluated(store, run, Truth(rows))
    labels = {row["label"]: row for row in found.tags.to_dicts()}
    assert (labels["night"]["wrong"], labels["night"]["support"]) == (1, 0)
    assert (labels["car"]["right"], labels["car"]["wrong"]) == (1, 0)
    assert (labels["day"]["right"], labels["day"]["wrong"]) == (1, 1)
    assert found.figures["boundary_f1"].value is None
    assert found.figures["sentiment_accuracy"].value is None


def test_videos_that_cannot_be_told(store: Store, run: Run) -> None:
    with pytest.raises(TruthError, match="none of the run's videos") as caught:
        evaluated(store, run, Truth((TruthRow(video="zebra.mp4"),)))
    assert "It names zebra.mp4; the run has" in str(caught.value)
    for name in ("b", "https://example.org/2", "/films/copy of b.mp4", "A <b> & $5", "films/b.mp4"):
        rows = (TruthRow(video=name, labels=frozenset({"car"})),)
        assert [*evaluated(store, run, Truth(rows), resamples=0).titles] == ["b"]
