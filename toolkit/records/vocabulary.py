"""The labels that people want to find, and how they hang together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from toolkit.records.base import Part, digest
from toolkit.records.calibration import Calibration, calibrated

__all__ = ["Label", "Vocabulary"]


class Label(Part):
    """One label of a vocabulary.

    Attributes:
        name: What the tag is called.
        phrasing: What the model is asked about; its probability decides. "" for a mere category,
            which others are kinds of, and which is not asked about.
        synonyms: Other words for it, in any case, that analyzers and rules may use.
        parent: The name of the label that this one is a kind of; "" at the top.
        threshold: From this probability on it holds, 0 to 1.
        exclusive: Of the labels of one such group a scene has the likeliest alone; "" for none.
        calibration: What puts the probability right before it is compared.
        similarity_threshold: From this similarity of a description on it holds, 0 to 1, where
            similarities are looked at.
        similarity_calibration: What puts the similarity right before it is compared.
    """

    name: str
    phrasing: str
    synonyms: tuple[str, ...] = ()
    parent: str = ""
    threshold: float = 0.5
    exclusive: str = ""
    calibration: Calibration | None = None
    similarity_threshold: float = 0.3
    similarity_calibration: Calibration | None = None

    def probability(self, score: float) -> float:
        """The calibrated probability."""
        return calibrated(score, self.calibration)

    def by_similarity(self) -> Label:
        """The label as similarities are compared with it: with their threshold and calibration."""
        return self.model_copy(
            update={
                "threshold": self.similarity_threshold,
                "calibration": self.similarity_calibration,
            }
        )

    def with_similarity(self, other: Label) -> Label:
        """This label, its similarities compared as those of another :meth:`by_similarity`."""
        return self.model_copy(
            update={
                "similarity_threshold": other.threshold,
                "similarity_calibration": other.calibration,
            }
        )


class Vocabulary(Part):
    """Labels by name, in the order of their file. Names are compared in any case."""

    labels: tuple[Label, ...] = ()

    @property
    def key(self) -> str:
        """Names what it says: layout and comments of its file do not matter."""
        return digest("vocabulary", self.model_dump(mode="json"))

    @property
    def phrasings(self) -> tuple[str, ...]:
        """What the model is asked about, in an order that is not that of the file."""
        return tuple(sorted(label.phrasing for label in self.labels if label.phrasing))

    @cached_property
    def _known(self) -> dict[str, Label]:
        found: dict[str, Label] = {}
        for label in self.labels:
            for word in (label.name, *label.synonyms):
                found.setdefault(folded(word), label)
        return found

    def find(self, word: str) -> Label | None:
        """The label that has this name or synonym."""
        return self._known.get(folded(word))

    def above(self, name: str) -> Iterator[Label]:
        """The label of this name, its parent, that one's parent, and so on."""
        label = self.find(name)
        while label is not None:
            yield label
            label = self.find(label.parent) if label.parent else None

    def scored(self, scores: Mapping[str, float]) -> dict[str, float]:
        """Calibrated probabilities by name, of those by phrasing; labels without one are left out.

        Args:
            scores: What the model gave each phrasing.
        """
        return {
            label.name: label.probability(scores[label.phrasing])
            for label in self.labels
            if label.phrasing and label.phrasing in scores
        }


def folded(word: str) -> str:
    """A word as it is compared: case and the number of spaces do not matter."""
    return " ".join(word.split()).casefold()
