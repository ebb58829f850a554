"""Frames -> description, answers, sentiment, signals."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from toolkit.errors import ToolkitError
from toolkit.records import Answer, Ask, AskKind, Frames
from toolkit.stages.component import Cancel, Component

__all__ = ["Analyzer", "Look", "Reply"]


@dataclass(frozen=True)
class Look:
    """A scene's frames, and what is asked about them in one go."""

    frames: Frames
    asks: Sequence[Ask]


Reply = Answer | tuple[Ask, ToolkitError]
"""An answer, or the ask that failed with its error."""


class Analyzer(Component):
    """Answers what is asked about scenes, all of it from one look at their frames."""

    kinds: frozenset[AskKind] = frozenset()
    """What it can be asked."""
    remote = False
    """Whether frames leave this machine or cluster."""
    accelerated = False
    """Whether it runs a model on this machine that a GPU makes faster."""
    batch_size = 1
    """How many scenes it likes to get at once; it may cut them into smaller batches."""

    @abstractmethod
    def asks(self, wanted: Iterable[Ask]) -> Sequence[Ask]:
        """What it will be asked, with all text an answer depends on. Loads no model.

        ``wanted`` are asks of a kind out of :attr:`kinds`, without a prompt: a question has its
        words as its name, and the type of its answer; label scores have the labels as choices.
        """

    @abstractmethod
    def analyze(
        self, looks: Sequence[Look], fingerprint: str, cancel: Cancel
    ) -> Iterable[Sequence[Reply]]:
        """The replies to each look, in its order, each ask of a look replied to exactly once.

        Called from one thread. ``fingerprint`` is this analyzer's, for ``Answer.of``. One scene's
        trouble is its own: it comes back as a reply, not as an exception.

        Raises:
            ModelError: Nothing can be answered at all.
            CancelledError: ``cancel`` was set.
        """
