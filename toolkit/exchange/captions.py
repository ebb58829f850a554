"""WebVTT (https://www.w3.org/TR/webvtt1/): chapters or scenes that players show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from toolkit.exchange.texts import one_line

__all__ = ["Cue", "webvtt"]

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


class Cue(NamedTuple):
    """A text and when it is shown, in seconds."""

    start_s: float
    end_s: float
    text: str


def webvtt(cues: Iterable[Cue], title: str, about: Mapping[str, str] = {}) -> str:
    """A WebVTT file. Lines of a text stay lines; cues without a text are left out.

    Args:
        cues: The cues.
        title: What the file is called by players.
        about: Where the video came from, for a note that no player shows.
    """
    blocks = [f"WEBVTT - {_escaped(title)}"]
    if about:
        notes = [f"{name}: {_escaped(value)}" for name, value in about.items()]
        blocks.append("\n".join(["NOTE", *notes]))
    for cue in cues:
        lines = [_escaped(line) for line in cue.text.splitlines() if line.strip()]
        start_ms = max(0, round(cue.start_s * 1000))
        end_ms = max(start_ms + 1, round(cue.end_s * 1000))
        if lines:
            blocks.append("\n".join([f"{_clock(start_ms)} --> {_clock(end_ms)}", *lines]))
    return "\n\n".join(blocks) + "\n"


def _escaped(text: str) -> str:
    return one_line(text).translate(_ESCAPES)


def _clock(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest:03}"
