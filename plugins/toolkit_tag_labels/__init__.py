"""Tagger plugin: labels by the analyzer's probabilities, by what it says, and as it proposes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from toolkit.hooks.specs import Context, TaggerPlugin, hookimpl
from toolkit.stages.component import Options

if TYPE_CHECKING:
    from toolkit_tag_labels.tagger import LabelsTagger

__all__ = ["LabelsOptions", "make"]


class LabelsOptions(Options):
    """Tags by how likely it is that a label holds; the labels are those of the vocabulary."""

    scorer: Literal["probability", "similarity", "both"] = Field(
        "probability",
        description="What a label is given by: its probability by the analyzer, the similarity of "
        "its words and the description (needs an embedder, see [embedding]), or whichever of both "
        "reaches its threshold.",
    )

    threshold: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Without a vocabulary: from this probability on a label of [analysis] labels "
        "holds.",
    )
    similarity_threshold: float = Field(
        0.3,
        ge=0,
        le=1,
        description="Without a vocabulary: from this similarity on a label of [analysis] labels "
        "holds.",
    )
    proposed_score: float = Field(
        0.5,
        ge=0,
        le=1,
        description="The score of a vocabulary's label that the analyzer proposed in its own "
        "words, see [analysis] tags.",
    )


def make(options: LabelsOptions, context: Context) -> LabelsTagger:
    """The tagger.

    Raises:
        MissingExtraError: It is to compare texts, and no embedder is installed.
    """
    from toolkit_tag_labels.tagger import LabelsTagger

    embeddings = None if options.scorer == "probability" else context.embeddings()
    return LabelsTagger(options, context.vocabulary, embeddings)


@hookimpl
def toolkit_taggers() -> Iterable[TaggerPlugin]:
    """Bring the labels tagger."""
    yield TaggerPlugin(
        name="labels",
        options=LabelsOptions,
        factory=make,
        version="1",
        summary="the vocabulary's labels, by the analyzer's probabilities or its description",
        extra="labels",
    )
