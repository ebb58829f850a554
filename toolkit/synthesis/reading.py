"""What a writer wrote -> sentences and chapters, each with its scenes, whatever it wrote.

Numbers count only if they are those of notes that it was shown. A sentence without one rests on
all notes of its group, and is marked so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from toolkit.synthesis.notes import Note

__all__ = ["chapters", "sentences"]

_LONGEST_TITLE = 80
_DASH = r"[-\u2013]"
_END = r".!?\u2026\u3002\uff01\uff1f"  # with those of Chinese and Japanese
_MARK = r"\[\s*\d[\d\s,;\u2013-]*\]"
_MARKS = re.compile(_MARK)
_MARKS_FIRST = re.compile(rf"\s*{_MARK}")
_BEFORE_END = re.compile(rf"((?:\s*{_MARK})+)([{_END}]+)")
# Up to an end mark that a space, a citation or nothing follows, but not after "Dr" or an initial.
_PIECE = re.compile(
    r"(.+?(?:(?<!\b[A-Z])(?<!\b(?:Mr|Ms|Dr|St|vs))(?<!\bMrs)[.!?\u2026]+[\"'\u201d\u2019)]*"
    rf"(?=\s|\[|$)|[\u3002\uff01\uff1f]+|$))((?:\s*{_MARK})*)"
)
_WHOLE = re.compile(rf"[{_END}][\"'\u201d\u2019)]*$")
_BULLET = re.compile(r"^\s*(?:[-*\u2022]|\d+[.)])\s+")
_CLOCK = r"\d+:\d\d(?::\d\d)?"
_TIMES = re.compile(rf"^\s*{_CLOCK}\s*{_DASH}\s*{_CLOCK}:?\s*")
_NUMBERS = re.compile(rf"(\d+)(?:\s*{_DASH}\s*(\d+))?")
_CHAPTER = re.compile(rf"^\W*(\d+)(?!\d|:\d)(?:\s*{_DASH}\s*\d+)?\s*\]?\s*[:.)\u2013-]?\s*(\S.*)$")


def sentences(text: str, group: Sequence[Note], *, cut: bool = False) -> list[Note]:
    """The sentences, in order, each with the scenes of the notes that it cites.

    The same sentence written again adds its scenes to the first one.

    Args:
        text: What was written about the group.
        group: The notes that were shown, numbered from 1.
        cut: Whether the text was cut: its last sentence is then left out, if it is not the only
            one.
    """
    pieces = [piece for row in text.splitlines() for piece in _pieces(row)]
    if cut and len(pieces) > 1 and not _WHOLE.search(pieces[-1][0]):
        pieces.pop()
    found: dict[str, Note] = {}
    for said, numbers in pieces:
        cited = [group[number - 1] for number in numbers if 0 < number <= len(group)]
        rests_on = cited or group
        scenes = {place for note in rests_on for place in note.scenes}
        sure = bool(cited) and all(note.cited for note in cited)
        if before := found.get(said):
            scenes |= set(before.scenes)
            sure = sure and before.cited
        found[said] = Note(said, tuple(sorted(scenes)), sure)
    return list(found.values())


def _pieces(row: str) -> Iterator[tuple[str, list[int]]]:
    """The sentences of a line, without their citations, and what these name."""
    row = _BULLET.sub("", row)
    if _MARKS_FIRST.match(row):  # the marks come first: each is about what follows it
        marks = list(_MARKS.finditer(row))
        ends = [mark.start() for mark in marks[1:]] + [len(row)]
        parts = [(row[m.end() : end], m[0]) for m, end in zip(marks, ends, strict=True)]
        parts = [(part, mark) for part, mark in parts if part.strip()]
    else:
        row = _BEFORE_END.sub(r"\2\1", row)
        parts = [(piece[1], piece[2] + " ".join(_MARKS.findall(piece[1])))
                 for piece in _PIECE.finditer(row)]  # fmt: skip
    for part, marks_text in parts:
        said = " ".join(_TIMES.sub("", _MARKS.sub("", part)).split())
        said = re.sub(r"\s+([.,;:!?])", r"\1", said)
        if any(map(str.isalnum, said)):
            yield said, _numbers(marks_text)


def _numbers(marks: str) -> list[int]:
    """The numbers of citations: ``[1, 3-5]`` names four."""
    found: list[int] = []
    for first, last in _NUMBERS.findall(marks):
        start = int(first[:9])
        end = int(last[:9]) if last else start
        found += range(start, min(end, start + 10_000) + 1)
    return list(dict.fromkeys(found))


def chapters(text: str, group: Sequence[Note]) -> list[Note]:
    """The chapters: runs of neighbouring notes that together are all notes of the group.

    A line counts if it has the number of a note that comes after those before it, and a title.
    The first chapter begins with the group, whatever its number. Where no line counts, the group
    is one chapter, marked as not the writer's. Neighbours of one title are one chapter.
    """
    starts: list[tuple[int, str]] = []
    for row in text.splitlines():
        match = _CHAPTER.match(row)
        if not match:
            continue
        place, title = int(match[1][:9]) - 1, _title(match[2])
        after = starts[-1][0] if starts else -1
        if title and after < place < len(group) and not (starts and starts[-1][1] == title):
            starts.append((place, title))
    if not starts:
        first, last = group[0].scenes[0], group[-1].scenes[-1]
        title = f"Scene {first}" if first == last else f"Scenes {first} to {last}"
        return [_chapter(group, title, cited=False)]
    starts[0] = (0, starts[0][1])
    ends = [place for place, _ in starts[1:]] + [len(group)]
    return [
        _chapter(group[start:end], title, cited=True)
        for (start, title), end in zip(starts, ends, strict=True)
    ]


def _chapter(notes: Sequence[Note], title: str, *, cited: bool) -> Note:
    return Note(title, tuple(place for note in notes for place in note.scenes), cited)


def _title(text: str) -> str:
    title = " ".join(_TIMES.sub("", text).split()).strip("*_#\"'“”[] ")
    if len(title) > _LONGEST_TITLE:
        title = title[:_LONGEST_TITLE].rpartition(" ")[0] or title[:_LONGEST_TITLE]
        title += "…"
    return title if any(map(str.isalnum, title)) else ""
