"""Texts -> text: what an analyzer brings that can write about a whole video."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from toolkit.records import Evidence, SynthesisKind
from toolkit.stages.component import Cancel

__all__ = ["NOTES", "Prompt", "Writer", "Written"]

NOTES = "{notes}"
"""Stands, in the words around them, for the numbered notes."""


@dataclass(frozen=True)
class Prompt:
    """What a writer is told: what it is, and what it has to do."""

    system: str
    user: str


@dataclass(frozen=True)
class Written:
    """A text, and its share of model, revision, tokens, finish reason and seconds.

    The finish reason is "stop", "length" (cut at the limit), "loop" (ended early, for the model
    repeated itself), or a server's own.
    """

    text: str
    evidence: Evidence


class Writer:
    """What an :class:`~toolkit.stages.analysis.Analyzer` is besides, if it can write from text.

    It is given numbered notes about a video's scenes, within the words that it chooses itself,
    and writes what they add up to. It never gets to know how long the video is: the notes of a
    long one come in groups, and what was written about the groups comes as notes again.

    ``write`` and ``count`` are not called while ``analyze`` runs, nor two of them at once.
    """

    overhead = 0
    """Most tokens that a request has besides the texts of its prompt."""

    @abstractmethod
    def wording(self, kind: SynthesisKind, name: str) -> Prompt:
        """The words around the notes, ``{notes}`` being where they come. Loads no model.

        ``name`` is the question's words for a question, "" otherwise. The words have to ask for
        what is read: of a summary and an answer, sentences with the numbers of the notes that
        they rest on, as in ``A car stops [3]. Two people get out [4, 5].``; of chapters, a line
        each, with the number of the first note and a title, as in ``3: The arrival``.
        ``toolkit.stages.prompts`` has such words.
        """

    @abstractmethod
    def count(self, texts: Sequence[str], cancel: Cancel) -> list[int]:
        """How many tokens each text has, at least as many as in company.

        Raises:
            ModelError: The model cannot be had.
            CancelledError: ``cancel`` was set.
        """

    @abstractmethod
    def write(self, prompts: Sequence[Prompt], limit: int, cancel: Cancel) -> Sequence[Written]:
        """A text for each prompt, in order, of ``limit`` tokens at most.

        Raises:
            ModelError: Nothing can be written at all.
            AnalysisError: These cannot.
            CancelledError: ``cancel`` was set.
        """
