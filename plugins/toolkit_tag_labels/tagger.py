"""The tagger: probabilities and similarities compared with thresholds, and proposals looked up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from toolkit.records import Analysis, Label, Scene, Tag, Video, Vocabulary
from toolkit.stages.embedding import Embeddings
from toolkit.stages.similarity import Nearness, Similarity
from toolkit.stages.tags import Tagger, merge
from toolkit_tag_labels import LabelsOptions

__all__ = ["LabelsTagger"]


@dataclass(frozen=True)
class _Verdict:
    """What one scorer says of a label, with the threshold that it is compared with."""

    score: float
    threshold: float
    what: str

    @property
    def holds(self) -> bool:
        return self.score >= self.threshold

    @property
    def why(self) -> str:
        return f"{self.what} {'>=' if self.holds else '<'} {self.threshold:g}"


class LabelsTagger(Tagger):
    """Tags scenes with the vocabulary's labels. Nothing changes after its making: thread-safe.

    Args:
        options: Its options.
        vocabulary: The labels.
        embeddings: Vectors to compare texts by; None where texts are not compared.
    """

    def __init__(
        self, options: LabelsOptions, vocabulary: Vocabulary, embeddings: Embeddings | None
    ) -> None:
        self.reads_labels = options.scorer != "similarity"
        self.looks_ahead = embeddings is not None
        self._options = options
        self._vocabulary = vocabulary
        self._embeddings = embeddings

    def identity(self) -> dict[str, JsonValue]:
        with_ = {"embedder": self._embeddings.key} if self._embeddings else {}
        return {"vocabulary": self._vocabulary.key, **with_}

    def prepare(self, analyses: Sequence[Analysis]) -> None:
        if self._embeddings:
            Similarity(self._embeddings, ()).prepare(one.description for one in analyses)

    def tag(self, scene: Scene, analysis: Analysis, video: Video) -> Iterable[Tag]:
        """Labels that are likely enough, and those that the analyzer proposed.

        Which of them exclude each other is left to whoever reads them, for people may reject the
        likeliest.
        """
        return merge([*self._scored(analysis), *self._proposed(analysis)])

    def close(self) -> None:
        if self._embeddings:
            self._embeddings.close()

    def _scored(self, analysis: Analysis) -> Iterator[Tag]:
        """A label holds if any scorer says so; the best of these is its score, all are its why."""
        known = self._vocabulary.labels or tuple(
            Label(
                name=name,
                phrasing=name,
                threshold=self._options.threshold,
                similarity_threshold=self._options.similarity_threshold,
            )
            for name in analysis.labels
            if name.strip()
        )
        near: dict[str, Nearness] = {}
        if self._embeddings:
            near = Similarity(self._embeddings, known).scores(analysis.description)
        for label in known:
            said: list[_Verdict] = []
            if self.reads_labels and label.phrasing and label.phrasing in analysis.labels:
                said.append(_probable(label, analysis.labels[label.phrasing]))
            if label.name in near:
                said.append(_similar(label, near[label.name]))
            said.sort(key=lambda one: (not one.holds, -one.score))
            if said and said[0].holds:
                yield Tag(label.name, score=said[0].score, why="; ".join(one.why for one in said))

    def _proposed(self, analysis: Analysis) -> Iterator[Tag]:
        for word in analysis.proposed:
            if label := self._vocabulary.find(word):
                yield Tag(
                    label.name, score=self._options.proposed_score, why=f"proposed as '{word}'"
                )


def _probable(label: Label, score: float) -> _Verdict:
    probability = label.probability(score)
    asked = "" if label.phrasing == label.name else f"'{label.phrasing}' has "
    before = f" (uncalibrated {score:.3f})" if label.calibration else ""
    return _Verdict(probability, label.threshold, f"{asked}probability {probability:.3f}{before}")


def _similar(label: Label, near: Nearness) -> _Verdict:
    label = label.by_similarity()
    score = label.probability(near.score)
    before = f" (uncalibrated {near.score:.3f})" if label.calibration else ""
    what = f"the description is similar to '{near.word}': {score:.3f}{before}"
    return _Verdict(score, label.threshold, what)
