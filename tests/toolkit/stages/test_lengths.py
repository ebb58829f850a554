"""Scenes that are too short join their neighbours, scenes that are too long are split."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.config.settings import Sampling, Scenes
from toolkit.records import Cut
from toolkit.stages.lengths import Closed, Lengths
from toolkit.stages.sampling import Reservoir

FRAME_S = 0.04


def divided(
    seconds: float, cuts: list[Cut], *, late_s: float = 0.0, **options: Any
) -> list[tuple[float, float, str]]:
    """Begin, end and kind of the scenes of a video, when cuts are told that late."""
    scenes = Lengths(Scenes(**options), Reservoir(Sampling()))
    waiting = list(cuts)
    found: list[Closed] = []
    for number in range(round(seconds / FRAME_S)):
        time_s = number * FRAME_S
        found += scenes.reached(time_s)
        while waiting and waiting[0].at_s + late_s <= time_s:
            found += scenes.cut([waiting.pop(0)])
    found += [*scenes.cut(waiting), *scenes.finish(seconds)]
    return [(round(s.begin.at_s, 6), round(s.end_s, 6), s.begin.kind) for s in found]


def at(*places: tuple[float, float]) -> list[Cut]:
    return [Cut(at_s=round(time_s / FRAME_S) * FRAME_S, score=score) for time_s, score in places]


def test_a_short_scene_joins_the_side_with_the_weaker_boundary() -> None:
    to_the_left = divided(12, at((4, 10), (4.4, 20), (8, 9)), min_scene_s=1)
    assert [begin for begin, _, _ in to_the_left] == [0, 4.4, 8]
    to_the_right = divided(12, at((4, 20), (4.4, 10), (8, 9)), min_scene_s=1)
    assert [begin for begin, _, _ in to_the_right] == [0, 4, 8]


def test_short_scenes_at_either_end_join_their_only_neighbour() -> None:
    found = divided(12, at((0.4, 99), (6, 1), (11.8, 99)), min_scene_s=1)
    assert found == [(0, 6, "cut"), (6, 12, "cut")]


def test_long_scenes_are_split_into_equal_parts() -> None:
    found = divided(16, at((9, 5)), max_scene_s=4)
    assert found == [
        (0, 4, "cut"),
        (4, 6.48, "split"),  # the frame before 6.5
        (6.48, 9, "split"),
        (9, 12.48, "cut"),
        (12.48, 16, "split"),
    ]


def test_nothing_is_changed_that_nobody_asked_for() -> None:
    cuts = at((0.2, 1), (5, 2), (300, 1))
    assert [begin for begin, _, _ in divided(400, cuts)] == [0, 0.2, 5, 300]


@given(
    places=st.lists(st.integers(1, 4000), max_size=25, unique=True),
    least=st.sampled_from([0.0, 0.5, 2.0]),
    most=st.sampled_from([0.0, 4.0, 15.0]),
    late_s=st.sampled_from([0.0, 0.08, 1.2]),
)
@settings(max_examples=60, deadline=None)
def test_lengths_hold_and_nothing_is_lost(
    places: list[int], least: float, most: float, late_s: float
) -> None:
    cuts = [Cut(at_s=place * FRAME_S, score=place % 7) for place in sorted(places)]
    seconds = (max(places, default=0) + 200) * FRAME_S
    found = divided(seconds, cuts, late_s=late_s, min_scene_s=least, max_scene_s=most)
    assert found == divided(seconds, cuts, late_s=late_s, min_scene_s=least, max_scene_s=most)
    assert found[0][0] == 0
    assert found[-1][1] == round(seconds, 6)
    for (_, end_s, _), (begin_s, _, _) in pairwise(found):
        assert begin_s == end_s
    for begin_s, end_s, _ in found:
        assert end_s - begin_s >= least - 2 * FRAME_S
        if most:
            assert end_s - begin_s <= most + 2 * FRAME_S
    if not least:
        assert {round(cut.at_s, 6) for cut in cuts} <= {begin for begin, _, _ in found}
