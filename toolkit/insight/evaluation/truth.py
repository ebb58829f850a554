"""What is known to be true of videos, whoever says it: a file, a person, a maker of films."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Self

from pydantic import Field, JsonValue, model_validator

from toolkit.records.analysis import SentimentLabel
from toolkit.records.base import Part

__all__ = ["ANY", "KINDS", "Moment", "Truth", "TruthRow", "ends"]

KINDS = ("cut", "fade", "dissolve", "wipe")
"""The kinds of boundaries; hard cuts are "cut"."""
ANY = "any"
"""A boundary of which only the place is known."""


class TruthRow(Part):
    """What is true of a stretch of a video; whatever is None is not told, and not judged.

    Attributes:
        video: The video's path, link, file name, title or id.
        start_s: Where the stretch starts.
        end_s: Where it ends; None: where the video's next row starts, or at the video's end.
        kind: The boundary that the stretch starts with; "start" is none. A video's boundaries are
            judged where one of its rows has a kind; its rows then name all of them.
        boundary_start_s: First moment of a boundary that lasts; None: ``start_s``.
        boundary_end_s: Last moment of a boundary that lasts; None: ``start_s``.
        labels: Labels that hold.
        without: Labels that do not hold; None: all others that the truth speaks of anywhere.
        sentiment: The sentiment.
        answers: Questions in their words -> right answers; null where none can be given.
        wrong_sentiment: A sentiment that it has not, where the right one is not known. A run is
            judged where it says so, and then it is wrong.
        wrong_answers: The same of answers.
    """

    video: str = Field(min_length=1)
    start_s: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    end_s: float | None = Field(default=None, allow_inf_nan=False)
    kind: Literal["start", "cut", "fade", "dissolve", "wipe"] | None = None
    boundary_start_s: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    boundary_end_s: float | None = Field(default=None, allow_inf_nan=False)
    labels: frozenset[str] | None = None
    without: frozenset[str] | None = None
    sentiment: SentimentLabel | None = None
    answers: dict[str, JsonValue] = Field(default_factory=dict)
    wrong_sentiment: SentimentLabel | None = None
    wrong_answers: dict[str, JsonValue] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.end_s is not None and self.end_s <= self.start_s:
            raise ValueError(f"end_s ({self.end_s:g}) is not after start_s ({self.start_s:g})")
        first, last = self.boundary
        if (first, last) != (self.start_s, self.start_s) and self.kind in {None, "start"}:
            raise ValueError("a boundary that lasts needs a kind: cut, fade, dissolve or wipe")
        if not first <= self.start_s <= last:
            raise ValueError(
                f"the boundary from {first:g} to {last:g} does not hold start_s ({self.start_s:g})"
            )
        both = sorted((self.labels or frozenset()) & (self.without or frozenset()))
        if both:
            raise ValueError(f"'{both[0]}' is in labels and in without")
        return self

    @property
    def boundary(self) -> tuple[float, float]:
        """First and last moment of the boundary, in seconds; the same of a cut."""
        first = self.start_s if self.boundary_start_s is None else self.boundary_start_s
        last = self.start_s if self.boundary_end_s is None else self.boundary_end_s
        return first, last

    @property
    def tells_labels(self) -> bool:
        """Whether anything is said about labels."""
        return self.labels is not None or self.without is not None

    @property
    def tells_content(self) -> bool:
        """Whether anything is said that is judged on one scene, and not where scenes meet."""
        said = (self.sentiment, self.answers, self.wrong_sentiment, self.wrong_answers)
        return self.tells_labels or any(said)

    def holds(self, label: str) -> bool | None:
        """Whether a label holds; None where the row does not tell."""
        if label in (self.labels or ()):
            return True
        told = self.labels is not None if self.without is None else label in self.without
        return False if told else None


@dataclass(frozen=True)
class Moment:
    """A moment of a video at which there is a boundary, or is none.

    Attributes:
        video: As in :class:`TruthRow`.
        at_s: The moment, in seconds.
        holds: Whether there is a boundary.
    """

    video: str
    at_s: float
    holds: bool


@dataclass(frozen=True)
class Truth:
    """What is known to be true.

    Attributes:
        rows: The stretches, in any order.
        name: What people call it, such as the file's name.
        moments: Single boundaries, of videos of which nobody named all of them. What a run has
            elsewhere in these videos is not judged.
        overlap: The least that a row and a scene have in common, as the intersection over the union
            of their times. A row without such a scene is not judged; with 0 it counts as missed.
        disputed: How many things were left out because people say different things of them.
    """

    rows: tuple[TruthRow, ...]
    name: str = "truth"
    moments: tuple[Moment, ...] = ()
    overlap: float = 0.0
    disputed: int = 0

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels that it speaks of, sorted."""
        named = (label for row in self.rows for label in (row.labels or ()))
        absent = (label for row in self.rows for label in (row.without or ()))
        return tuple(sorted({*named, *absent}))


def ends(rows: Iterable[TruthRow]) -> list[float]:
    """Where each of a video's rows ends, in seconds, in their order; infinite: with the video."""
    rows = list(rows)
    starts = sorted({row.start_s for row in rows})
    following = dict(zip(starts, [*starts[1:], math.inf], strict=False))
    return [following[row.start_s] if row.end_s is None else row.end_s for row in rows]
