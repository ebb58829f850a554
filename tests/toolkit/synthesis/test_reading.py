"""What a writer wrote, read: links only to what was shown, chapters without gaps."""

from __future__ import annotations

from itertools import pairwise

import hypothesis
import pytest
from hypothesis import strategies as st

from toolkit.synthesis.notes import Note
from toolkit.synthesis.reading import chapters, sentences

GROUP = [Note(f"note {i}", (10 + 2 * i, 11 + 2 * i)) for i in range(5)]


def said(text: str, *, cut: bool = False) -> list[tuple[str, list[int] | None]]:
    """The sentences with the numbers of their notes; None for one that cites none."""
    return [
        (note.text, sorted({(s - 10) // 2 + 1 for s in note.scenes}) if note.cited else None)
        for note in sentences(text, GROUP, cut=cut)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A car stops [3]. It rains [1, 2].", [("A car stops.", [3]), ("It rains.", [1, 2])]),
        ("A car stops. [3] It rains. [4-5]", [("A car stops.", [3]), ("It rains.", [4, 5])]),
        ("[3] A car stops. [4] It rains.", [("A car stops.", [3]), ("It rains.", [4])]),
        ("[2] 0:10-0:20 A car.", [("A car.", [2])]),
        ("A car [1] meets a bus [2][3].", [("A car meets a bus.", [1, 2, 3])]),
        ("- A car [1]\n2. A bus [2]", [("A car", [1]), ("A bus", [2])]),
        ("Dr. Who costs 3.50 at St. Ives [1].", [("Dr. Who costs 3.50 at St. Ives.", [1])]),
        ('"Stop!" he says [2]!', [('"Stop!"', None), ("he says!", [2])]),
        ("車が止まる。[1] 雨。[2]", [("車が止まる。", [1]), ("雨。", [2])]),
        ("A car. A bus [9]. A dog [0][99999999999999].",
         [("A car.", None), ("A bus.", None), ("A dog.", None)]),
        ("A bus [2, 77].", [("A bus.", [2])]),
        ("Again [1]. Again [4].", [("Again.", [1, 4])]),
        ("", []),
        (" \n-- [1] ...", []),
    ],
)  # fmt: skip
def test_sentences_are_linked_to_what_they_cite(
    text: str, expected: list[tuple[str, list[int] | None]]
) -> None:
    assert said(text) == expected


def test_a_sentence_without_a_citation_rests_on_its_whole_group() -> None:
    [note] = sentences("It rains.", GROUP)
    assert note.scenes == tuple(range(10, 20))
    assert not note.cited


def test_a_sentence_is_as_sure_as_what_it_cites() -> None:
    group = [Note("a", (0,), cited=False), Note("b", (1,))]
    unsure, sure = sentences("One [1]. Two [2].", group)
    assert (unsure.scenes, unsure.cited) == ((0,), False)
    assert (sure.scenes, sure.cited) == ((1,), True)


def test_the_end_of_a_text_that_was_cut_is_left_out() -> None:
    assert said("A car [1]. A bus goes", cut=True) == [("A car.", [1])]
    assert said("A bus goes", cut=True) == [("A bus goes", None)]
    assert said("A car. A bus.", cut=True) == [("A car.", None), ("A bus.", None)]


def found(text: str) -> list[tuple[str, int]]:
    return [((note.text), (note.scenes[0] - 10) // 2 + 1) for note in chapters(text, GROUP)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1: Arrival\n3: Dinner", [("Arrival", 1), ("Dinner", 3)]),
        ("[1] Arrival\n[4-5] **Dinner**", [("Arrival", 1), ("Dinner", 4)]),
        ("Chapters:\n2. 'Arrival'\n- 4 - Dinner", [("Arrival", 1), ("Dinner", 4)]),
        ("1: A\n4: B\n2: C\n4: D\n6: E\n0: F", [("A", 1), ("B", 4)]),
        ("1: A\n2: A\n3: B", [("A", 1), ("B", 3)]),
        ("1: \n2: ...\n3: B", [("B", 1)]),
        ("1:20 At noon\n3: B", [("B", 1)]),
        ("nothing to read", [("Scenes 10 to 19", 1)]),
        ("", [("Scenes 10 to 19", 1)]),
    ],
)
def test_chapters_start_where_a_line_with_a_number_says(
    text: str, expected: list[tuple[str, int]]
) -> None:
    assert found(text) == expected


def test_a_long_title_is_cut_between_words() -> None:
    [chapter] = chapters("1: " + "word " * 50, GROUP)
    assert chapter.text.endswith("word…")
    assert len(chapter.text) <= 81


LINES = st.from_regex(r"[\[\]\-\d .:,;–*a-zé\n]{0,60}", fullmatch=True)  # noqa: RUF001


@hypothesis.settings(max_examples=300, deadline=None, database=None)
@hypothesis.given(st.one_of(LINES, st.text()), st.integers(1, 12))
def test_whatever_was_written_links_are_valid_and_chapters_have_no_gaps(
    text: str, size: int
) -> None:
    group = [Note("n", tuple(range(3 * i, 3 * i + 3))) for i in range(size)]
    for note in sentences(text, group):
        assert note.text.strip()
        assert note.scenes
        assert list(note.scenes) == sorted(set(note.scenes))
        assert set(note.scenes) <= set(range(3 * size))
    made = chapters(text, group)
    assert made[0].scenes[0] == 0
    assert made[-1].scenes[-1] == 3 * size - 1
    for before, after in pairwise(made):
        assert before.scenes[-1] + 1 == after.scenes[0]
        assert after.scenes[0] % 3 == 0
    assert all(chapter.text for chapter in made)
