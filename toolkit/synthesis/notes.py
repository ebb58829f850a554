"""Numbered notes: what the writer reads, and what it wrote, with the scenes they are about."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from toolkit.records import Answer, Scene, Statement

__all__ = ["Note", "line", "mere", "notes_of", "packed", "shortened", "statement"]

_CONTROL = re.compile(r"<(?=[^\s\d])|\[(?=/?[A-Z_]+\])")
"""How the tokens begin that steer language models: ``<|im_end|>``, ``</s>``, ``[/INST]``."""


@dataclass(frozen=True)
class Note:
    """A text and the scenes it rests on.

    Attributes:
        text: One line.
        scenes: Places in the video's list of scenes, ascending, at least one.
        cited: Whether they were named one by one on the whole way from the scenes to here.
    """

    text: str
    scenes: tuple[int, ...]
    cited: bool = True


def notes_of(scenes: Sequence[Scene], answers: dict[str, list[Answer]]) -> list[Note]:
    """A note for every scene of which something was said in words."""
    notes = []
    for place, scene in enumerate(scenes):
        words = [_words(answer) for answer in answers.get(scene.id, ())]
        if text := " ".join(" ".join(words).split()):
            notes.append(Note(text, (place,)))
    return notes


def _words(answer: Answer) -> str:
    if answer.abstained:
        return ""
    if answer.kind == "question" and answer.text:
        return f"{answer.name} {answer.text}"
    return answer.text


def line(number: int, note: Note, scenes: Sequence[Scene]) -> str:
    """A note as the writer reads it, such as ``[3] 1:20-1:35 A car stops``, with a line end.

    Text that was read off a picture can say anything. What a tokenizer would take for an order to
    the model, such as the end of the user's turn, is kept as mere text by a space in it.
    """
    start_s, end_s = scenes[note.scenes[0]].start_s, scenes[note.scenes[-1]].end_s
    return f"[{number}] {_clock(start_s)}-{_clock(end_s)} {mere(note.text)}\n"


def mere(text: str) -> str:
    """The text with a space in whatever a tokenizer would take for an order to the model."""
    return _CONTROL.sub(r"\g<0> ", text)


def _clock(seconds: float) -> str:
    whole = int(seconds)
    hours = f"{whole // 3600}:{whole // 60 % 60:02}" if whole >= 3600 else f"{whole // 60}"
    return f"{hours}:{whole % 60:02}"


def packed(sizes: Sequence[int], room: int) -> list[slice]:
    """As few runs of neighbours as fit into the room, and those as even as can be.

    No size may be larger than the room.
    """
    low, high = max(sizes), room
    fewest = len(_greedy(sizes, room))
    while low < high:
        middle = (low + high) // 2
        if len(_greedy(sizes, middle)) <= fewest:
            high = middle
        else:
            low = middle + 1
    return _greedy(sizes, high)


def _greedy(sizes: Sequence[int], room: int) -> list[slice]:
    runs, start, filled = [], 0, 0
    for place, size in enumerate(sizes):
        if filled + size > room and place > start:
            runs.append(slice(start, place))
            start, filled = place, 0
        filled += size
    return [*runs, slice(start, len(sizes))]


def shortened(text: str, fits: Callable[[str], bool]) -> str:
    """The text without so many words at its end that it fits; a longest word may be cut."""
    if fits(text):
        return text
    low, high = 0, len(text)
    while low < high:  # the most characters that fit
        middle = (low + high + 1) // 2
        if fits(text[:middle].rstrip() + "…"):
            low = middle
        else:
            high = middle - 1
    head = text[:low]
    whole = head.rpartition(" ")[0] or head
    return whole.rstrip() + "…"


def statement(note: Note, scenes: Sequence[Scene]) -> Statement:
    """A note as it is stored."""
    spans: list[tuple[float, float]] = []
    for before, place in zip((None, *note.scenes), note.scenes, strict=False):
        scene = scenes[place]
        if before is not None and before + 1 == place:
            spans[-1] = (spans[-1][0], scene.end_s)
        else:
            spans.append((scene.start_s, scene.end_s))
    return Statement(
        text=note.text,
        scenes=tuple(scenes[place].index for place in note.scenes),
        scene_ids=tuple(scenes[place].id for place in note.scenes),
        spans=tuple(spans),
        cited=note.cited,
    )
