"""The tagger: probabilities compared with thresholds, and proposals looked up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydantic import JsonValue

from toolkit.records import Analysis, Label, Scene, Tag, Video, Vocabulary
from toolkit.stages.tags import Tagger, merge
from toolkit_tag_labels import LabelsOptions

__all__ = ["LabelsTagger"]


class LabelsTagger(Tagger):
    """Tags scenes with the vocabulary's labels. Nothing changes after its making: thread-safe."""

    reads_labels = True

    def __init__(self, options: LabelsOptions, vocabulary: Vocabulary) -> None:
        self._options = options
        self._vocabulary = vocabulary

    def identity(self) -> dict[str, JsonValue]:
        return {"vocabulary": self._vocabulary.key}

    def tag(self, scene: Scene, analysis: Analysis, video: Video) -> Iterable[Tag]:
        """Labels that are likely enough, and those that the analyzer proposed.

        Which of them exclude each other is left to whoever reads them, for people may reject the
        likeliest.
        """
        return merge([*self._scored(analysis), *self._proposed(analysis)])

    def _scored(self, analysis: Analysis) -> Iterator[Tag]:
        scores = analysis.labels
        known = self._vocabulary.labels or tuple(
            Label(name=name, phrasing=name, threshold=self._options.threshold)
            for name in scores
            if name.strip()
        )
        for label in known:
            if not label.phrasing or label.phrasing not in scores:
                continue
            score = scores[label.phrasing]
            probability = label.probability(score)
            if probability >= label.threshold:
                asked = "" if label.phrasing == label.name else f"'{label.phrasing}' has "
                before = f" (uncalibrated {score:.3f})" if label.calibration else ""
                why = f"{asked}probability {probability:.3f}{before} >= {label.threshold:g}"
                yield Tag(label.name, score=probability, why=why)

    def _proposed(self, analysis: Analysis) -> Iterator[Tag]:
        for word in analysis.proposed:
            if label := self._vocabulary.find(word):
                yield Tag(
                    label.name, score=self._options.proposed_score, why=f"proposed as '{word}'"
                )
