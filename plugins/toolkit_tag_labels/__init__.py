"""Tagger plugin: labels by the analyzer's own probabilities, and the tags that it proposes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pydantic import Field

from toolkit.hooks.specs import Context, TaggerPlugin, hookimpl
from toolkit.stages.component import Options

if TYPE_CHECKING:
    from toolkit_tag_labels.tagger import LabelsTagger

__all__ = ["LabelsOptions", "make"]


class LabelsOptions(Options):
    """Tags by the probability that a label holds; the labels are those of the vocabulary."""

    threshold: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Without a vocabulary: from this probability on a label of [analysis] labels "
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
    """The tagger."""
    from toolkit_tag_labels.tagger import LabelsTagger

    return LabelsTagger(options, context.vocabulary)


@hookimpl
def toolkit_taggers() -> Iterable[TaggerPlugin]:
    """Bring the labels tagger."""
    yield TaggerPlugin(
        name="labels",
        options=LabelsOptions,
        factory=make,
        version="1",
        summary="tags by the analyzer's probabilities of the vocabulary's labels",
        extra="labels",
    )
