"""The measures, by figures worked out by hand and by what must hold of any data."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from toolkit.insight.evaluation.answers import Asked, judge_answers, same, token_f1
from toolkit.insight.evaluation.boundaries import Boundary, Seen, judge_boundaries, matched
from toolkit.insight.evaluation.figures import Bootstrap
from toolkit.insight.evaluation.labels import average_precision, judge_labels
from toolkit.insight.evaluation.sentiment import calibration, judge_sentiment


def drawn(videos: list[str], resamples: int = 200) -> Bootstrap:
    return Bootstrap(videos, resamples=resamples, seed=3)


# ---------------------------------------------------------------------- boundaries


def test_a_moment_counts_once_and_a_boundary_too() -> None:
    assert matched([(1, 1), (1.05, 1.05)], [1.02], 0.1) == [(0, 0)]
    assert matched([(1, 1)], [0.95, 1.0, 1.04], 0.1) == [(0, 1)]  # the nearest of three
    assert matched([(2, 3)], [1.95, 3.09], 0.1) == [(0, 0)]
    assert matched([(2, 3)], [1.8, 3.2], 0.1) == []
    assert matched([(1, 1)], [1.1], 0.1) == [(0, 0)]  # exactly so far away


def test_a_greedy_choice_does_not_cost_a_match() -> None:
    # Who takes the nearest first gives 1.0 to the cut at 1.05, and leaves 0.95 and 1.12 apart.
    assert len(matched([(0.92, 0.92), (1.05, 1.05)], [1.0, 1.14], 0.1)) == 2


moments = st.integers(0, 30).map(lambda n: n / 10)
stretches = st.tuples(moments, st.integers(0, 8)).map(lambda t: (t[0], t[0] + t[1] / 10))


@settings(deadline=None)
@given(st.lists(stretches, max_size=5), st.lists(moments, max_size=5))
def test_there_are_as_many_pairs_as_there_can_be(
    truth: list[tuple[float, float]], found: list[float]
) -> None:
    pairs = matched(truth, found, 0.15)
    fits = [
        {m for m, t in enumerate(found) if start - 0.15 <= t <= end + 0.15} for start, end in truth
    ]
    assert all(moment in fits[place] for place, moment in pairs)
    assert len({place for place, _ in pairs}) == len({moment for _, moment in pairs}) == len(pairs)

    def most(place: int, free: frozenset[int]) -> int:
        if place == len(truth):
            return 0
        without = most(place + 1, free)
        return max([without, *(1 + most(place + 1, free - {m}) for m in fits[place] & free)])

    assert len(pairs) == most(0, frozenset(range(len(found))))


def test_boundaries_by_kind() -> None:
    truth = [Boundary(1, 1, "cut"), Boundary(2, 2.6, "fade"), Boundary(4, 4, "cut")]
    seen = [Boundary(1, 1, "cut"), Boundary(2.3, 2.3, "cut"), Boundary(5, 5, "dissolve")]
    pairs = matched([(b.start_s, b.end_s) for b in truth], [b.start_s for b in seen], 0.1)
    figures, kinds = judge_boundaries(
        [Seen("a", truth, seen, pairs), Seen("b", [], [], [])], resamples=50, seed=0
    )
    assert figures["boundary_precision"].value == pytest.approx(2 / 3)
    assert figures["boundary_recall"].value == pytest.approx(2 / 3)
    rows = {row["kind"]: row for row in kinds.to_dicts()}
    assert rows["cut"] == {
        "kind": "cut", "there": 2, "found": 1, "given": 2,
        "precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3), "named": 1.0,
    }  # fmt: skip
    assert rows["fade"]["recall"] == 1.0
    assert rows["fade"]["named"] == 0.0
    assert rows["fade"]["precision"] is None
    assert rows["dissolve"]["precision"] == 0.0
    assert "wipe" not in rows


# ---------------------------------------------------------------------- labels


def test_labels_by_hand() -> None:
    # red: 2 right, 1 wrong, 0 missed; blue: 0 right, 0 wrong, 2 missed, and unknown in scene 3.
    holds = np.array([[1, 1], [1, 0], [0, 1], [0, -1]], np.int8)
    said = np.array([[1, 0], [1, 0], [1, 0], [0, 1]], np.bool_)
    scores = np.array([[0.9, 0.1], [0.4, 0.6], [0.8, 0.7], [0.0, 1.0]])
    figures, rows = judge_labels(("red", "blue"), holds, said, scores, drawn(["v"] * 4))
    assert figures["micro_precision"].value == pytest.approx(2 / 3)
    assert figures["micro_recall"].value == pytest.approx(2 / 4)
    assert figures["micro_f1"].value == pytest.approx(4 / 7)
    assert figures["macro_precision"].value == pytest.approx(2 / 3)  # blue was never given
    assert figures["macro_recall"].value == pytest.approx(0.5)
    assert figures["macro_f1"].value == pytest.approx((0.8 + 0) / 2)
    red, blue = rows.to_dicts()
    assert (red["support"], red["right"], red["wrong"], red["missed"]) == (2, 2, 1, 0)
    assert red["f1"] == pytest.approx(0.8)
    # red by score: right, wrong, right -> 1/2 * 1 + 1/2 * 2/3
    assert red["average_precision"] == pytest.approx(5 / 6)
    # blue: 0.7 right, 0.6 wrong, 0.1 right; the unknown scene is left out
    assert blue["average_precision"] == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert blue["precision"] is None
    mean = figures["mean_average_precision"].value
    assert mean == pytest.approx(5 / 6)


def test_scores_that_are_equal_are_ranked_together() -> None:
    holds = np.array([False, True, True, False])
    assert average_precision(holds, np.ones(4)) == pytest.approx(0.5)
    assert average_precision(np.zeros(3, np.bool_), np.ones(3)) is None


ranked = st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=1, max_size=12)


@settings(deadline=None)
@given(ranked, st.randoms())
def test_average_precision_by_its_definition(items: list[tuple[bool, int]], rng: Any) -> None:
    holds, scores = np.array([h for h, _ in items]), np.array([float(s) for _, s in items])
    value = average_precision(holds, scores)
    if not holds.any():
        assert value is None
        return
    expected, recall = 0.0, 0.0
    for threshold in sorted(set(scores), reverse=True):
        above = scores >= threshold
        reached = holds[above].sum() / holds.sum()
        expected += (reached - recall) * holds[above].mean()
        recall = reached
    assert value == pytest.approx(expected)
    order = [*range(len(items))]
    rng.shuffle(order)
    assert average_precision(holds[order], scores[order]) == pytest.approx(value)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from([1, 0, -1]), st.booleans()), min_size=1, max_size=20))
def test_figures_are_shares_and_their_intervals_hold_them(cells: list[tuple[int, bool]]) -> None:
    holds = np.array([[h] for h, _ in cells], np.int8)
    said = np.array([[g] for _, g in cells])
    bootstrap = drawn(["v"] * len(cells), resamples=50)
    figures, _ = judge_labels(("x",), holds, said, said.astype(np.float64), bootstrap)
    for name, one in figures.items():
        assert one.value is None or 0 <= one.value <= 1, name
        if one.low is not None and one.high is not None:
            assert 0 <= one.low <= one.high <= 1
    # One label: both means are that label's own figure.
    assert figures["micro_f1"].value == figures["macro_f1"].value


def test_the_interval_of_a_share_is_that_of_the_binomial() -> None:
    right = np.array([[1.0]] * 80 + [[0.0]] * 20)
    bootstrap = Bootstrap(["v"] * 100, resamples=4000, seed=1)
    (figure,) = bootstrap.figures(right, lambda sums: sums / 100)
    assert bootstrap.unit == "scenes"
    assert figure.value == pytest.approx(0.8)
    deviation = math.sqrt(0.8 * 0.2 / 100)
    assert figure.low == pytest.approx(0.8 - 1.96 * deviation, abs=0.012)
    assert figure.high == pytest.approx(0.8 + 1.96 * deviation, abs=0.012)
    again = Bootstrap(["v"] * 100, resamples=4000, seed=1)
    assert again.figures(right, lambda sums: sums / 100) == [figure]


def test_whole_videos_are_drawn_where_there_are_many() -> None:
    # 20 videos of 10 scenes that are all right or all wrong: a tenth of the scenes' freedom.
    right = np.repeat(np.arange(20) % 2, 10)[:, None].astype(np.float64)
    counts = np.concatenate([right, np.ones_like(right)], axis=1)
    bootstrap = drawn([f"v{n // 10}" for n in range(200)], resamples=2000)
    assert bootstrap.unit == "videos"
    (figure,) = bootstrap.figures(counts, lambda sums: sums[:, :1] / sums[:, 1:])
    assert figure.low is not None
    assert figure.low < 0.35  # of single scenes: 0.43


# ---------------------------------------------------------------------- sentiment


def test_sentiment_by_hand() -> None:
    truth = ["positive", "positive", "negative", "neutral"]
    said = ["positive", "negative", "negative", None]
    figures, table = judge_sentiment(truth, said, drawn(["v"] * 4))
    assert figures["sentiment_accuracy"].value == pytest.approx(0.5)
    # positive: 1 right, 1 missed: 2/3; negative: 1 right, 1 wrong: 2/3; neutral: 1 missed: 0
    assert figures["sentiment_macro_f1"].value == pytest.approx(4 / 9)
    assert table.rows() == [
        ("positive", 1, 0, 1, 0),
        ("neutral", 0, 0, 0, 1),
        ("negative", 0, 0, 1, 0),
    ]


def test_calibration_by_hand() -> None:
    # Bin 0.5 to 0.6: two at 0.6, one right: gap 0.1. Bin 0.9 to 1: two at 0.95, both right: 0.05.
    error, bins = calibration([True, False, True, True], [0.6, 0.6, 0.95, 0.95])
    assert error == pytest.approx(0.5 * 0.1 + 0.5 * 0.05)
    assert bins["scenes"].to_list() == [0, 0, 0, 0, 0, 2, 0, 0, 0, 2]
    assert bins["accuracy"][5] == 0.5
    error, bins = calibration([], [])
    assert error is None
    assert len(bins) == 10


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=30))
def test_calibration_counts_every_scene_once(said: list[tuple[bool, float]]) -> None:
    error, bins = calibration([r for r, _ in said], [c for _, c in said])
    assert error is not None
    assert 0 <= error <= 1
    assert bins["scenes"].sum() == len(said)
    for row in bins.filter(bins["scenes"] > 0).to_dicts():
        assert row["from"] - 1e-9 <= row["confidence"] <= row["to"] + 1e-9


# ---------------------------------------------------------------------- answers


@pytest.mark.parametrize(
    ("truth", "found", "right", "shared"),
    [
        ("The red car.", "a red Car", True, 1.0),
        ("two red cars", "red cars at night", False, 2 * 2 / 7),
        ("2.0", 2, True, 1.0),
        (2, "2", True, 1.0),
        (2.5, 25, False, 0.0),
        ("2.5", "25", False, 0.0),
        ("-3", 3, False, 0.0),
        ("yes", True, True, 1.0),
        (False, "No.", True, 1.0),
        (True, False, False, 0.0),
        (True, 1, False, 0.0),
        (["car", "bus"], ["bus", "car"], True, 1.0),
        ("car, bus", ["bus"], False, 2 / 3),
        ("none", [], True, 1.0),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True, 1.0),
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, False, 0.5),
        (None, None, True, 1.0),
        (None, "red", False, 0.0),
        ("red", None, False, 0.0),
        ("", "", True, 1.0),
    ],
)
def test_answers_by_hand(truth: JsonValue, found: JsonValue, right: bool, shared: float) -> None:
    assert same(truth, found) is right
    assert token_f1(truth, found) == pytest.approx(shared)


values = st.one_of(
    st.text(max_size=20), st.booleans(), st.integers(-99, 99), st.lists(st.text(max_size=5)),
    st.none(),
)  # fmt: skip


@settings(deadline=None)
@given(values, values)
def test_words_in_common_need_no_order(one: JsonValue, other: JsonValue) -> None:
    assert token_f1(one, one) == 1
    assert same(one, one)
    assert token_f1(one, other) == pytest.approx(token_f1(other, one))
    if same(one, other):
        assert token_f1(one, other) == 1


def test_a_row_a_question() -> None:
    asked = [Asked("How many?", 2, 2), Asked("How many?", 3, None), Asked("Who?", "two men", "men")]
    figures, rows = judge_answers(asked, drawn(["v"] * 3))
    assert figures["exact_match"].value == pytest.approx(1 / 3)
    assert figures["token_f1"].value == pytest.approx((1 + 0 + 2 / 3) / 3)
    assert rows["given"].to_list() == [1, 1]
    assert rows["token_f1"].to_list() == pytest.approx([0.5, 2 / 3])


def test_nothing_to_judge_has_no_figures() -> None:
    empty = np.zeros((0, 0))
    found, rows = judge_labels((), empty.astype(np.int8), empty.astype(np.bool_), empty, drawn([]))
    figures = [*found.values(), *judge_sentiment([], [], drawn([]))[0].values()]
    figures += [*judge_answers([], drawn([]))[0].values()]
    figures += [*judge_boundaries([], resamples=10, seed=0)[0].values()]
    assert {one.value for one in figures} == {None}
    assert not len(rows)
    assert len(list(itertools.chain(figures))) == 14
