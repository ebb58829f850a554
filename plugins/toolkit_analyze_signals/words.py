"""Signals as a line that people read."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue

__all__ = ["sentence"]


def sentence(signals: Mapping[str, JsonValue]) -> str:
    """The signals in words.

    >>> sentence({"brightness": 0.1, "colourfulness": 40, "colours": "black, blue", "motion": 0.2})
    'Dark, colourful; black and blue; much motion.'
    """
    if signals.get("black"):
        return "A black picture."
    parts = [f"{_brightness(signals)}, {_colourfulness(signals)}", _colours(signals)]
    if signals.get("frozen"):
        parts.append("nothing moves")
    elif (motion := signals.get("motion")) is not None:
        parts.append(
            _step(motion, ("hardly any motion", 0.01), ("some motion", 0.06)) or "much motion"
        )
    if faces := signals.get("faces"):
        parts.append(f"{faces} {'face' if faces == 1 else 'faces'} ({signals['shot_scale']})")
    return "; ".join(filter(None, parts)) + "."


def _brightness(signals: Mapping[str, JsonValue]) -> str:
    return _step(signals["brightness"], ("Dark", 0.25), ("Medium bright", 0.65)) or "Bright"


def _colourfulness(signals: Mapping[str, JsonValue]) -> str:
    # 15 and 33 are "slightly" and "moderately colourful" in Hasler & Süsstrunk's table.
    return _step(signals["colourfulness"], ("grey", 8), ("muted", 33)) or "colourful"


def _colours(signals: Mapping[str, JsonValue]) -> str:
    if signals.get("single_colour"):
        return f"a single colour: {signals['colour_1']}"
    return str(signals["colours"]).replace(", ", " and ")


def _step(value: JsonValue, *steps: tuple[str, float]) -> str:
    """The word of the first step that the value is below, "" where it is above them all."""
    assert isinstance(value, int | float)
    return next((word for word, below in steps if value < below), "")
