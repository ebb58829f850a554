"""How near what is said of a scene comes to a label, by the vectors of both."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from toolkit.records import Label
from toolkit.stages.embedding import Embeddings

__all__ = ["Nearness", "Similarity"]

_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+")


@dataclass(frozen=True)
class Nearness:
    """How near a description comes to a label.

    Attributes:
        score: The cosine, 0 to 1; below 0 counts as 0.
        word: Which of the label's words it is that came so near.
    """

    score: float
    word: str


class Similarity:
    """Compares descriptions with labels. Nothing changes after its making: thread-safe.

    A description is compared sentence by sentence, for the mean of many sentences resembles
    everything a little; a label is compared by its phrasing, its name and its synonyms. The nearest
    pair counts.

    Args:
        embeddings: Where vectors come from.
        labels: The labels; those without a phrasing are mere categories, and left out.
    """

    def __init__(self, embeddings: Embeddings, labels: Iterable[Label]) -> None:
        self._embeddings = embeddings
        self._words = [
            (label.name, word)
            for label in labels
            if label.phrasing
            for word in dict.fromkeys((label.phrasing, label.name, *label.synonyms))
        ]

    def prepare(self, descriptions: Iterable[str]) -> None:
        """Have the vectors of these made in one call.

        Raises:
            EmbeddingError: It could not be done.
        """
        self._embeddings.of([part for one in descriptions for part in _sentences(one)])

    def scores(self, description: str) -> dict[str, Nearness]:
        """The nearness of each label by its name; nothing where nothing is said.

        Raises:
            EmbeddingError: There are no vectors.
        """
        parts = _sentences(description)
        if not parts or not self._words:
            return {}
        said = self._embeddings.of(parts)
        cosines = (self._embeddings.of([word for _, word in self._words]) @ said.T).max(axis=1)
        found: dict[str, Nearness] = {}
        for (name, word), cosine in zip(self._words, cosines.tolist(), strict=True):
            score = min(max(cosine, 0.0), 1.0)
            if name not in found or score > found[name].score:
                found[name] = Nearness(score, word)
        return found


def _sentences(text: str) -> Sequence[str]:
    return [part for part in map(str.strip, _SENTENCE.split(text)) if part]
