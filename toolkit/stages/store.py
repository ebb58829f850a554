"""Rows in, records out."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from toolkit.records import (
    Answer,
    Completion,
    Failure,
    Record,
    Review,
    Run,
    RunSource,
    Scene,
    Source,
    Synthesis,
    Tag,
    Video,
)
from toolkit.stages.component import Component

__all__ = ["KINDS", "Hit", "Store", "Where"]

KINDS: tuple[type[Record], ...] = (
    Source,
    Video,
    Scene,
    Answer,
    Tag,
    Synthesis,
    Review,
    Completion,
    Failure,
    Run,
    RunSource,
)
"""Every kind of record that a store holds, in the order they are made."""

R = TypeVar("R", bound=Record)
Where = str | int | None | Collection[str]
"""A value a field must equal (None: must be empty), or the values one of which it must have."""


@dataclass(frozen=True)
class Hit:
    """A search result: a scene, and its words around the match with the match in [ ].

    Where the words are those of a video's summary, chapters or answers, there is no scene.
    ``rank`` is higher for better matches and means nothing across searches.
    """

    scene_id: str | None
    video_id: str
    snippet: str
    rank: float


class Store(Component):
    """Holds every record. Safe to use from many threads and many processes at once."""

    @abstractmethod
    def save(self, records: Iterable[Record]) -> None:
        """Write the records in one transaction: all or none.

        A record replaces the one with its id, so that a write can be repeated safely.

        Raises:
            StoreError: They could not be written.
        """

    @abstractmethod
    def stream(self, kind: type[R], /, **where: Where) -> Iterator[R]:
        """The records of a kind whose top-level fields fit, one after the other.

        Scenes come by video and index, everything else in the order first saved. A collection
        may hold thousands of values. Memory does not grow with the number of records. Records
        saved while this goes on may be among them or not; each comes once.

        Raises:
            StoreError: They could not be read; or at once, where there is no such kind or field.
        """

    def find(self, kind: type[R], /, **where: Where) -> list[R]:
        """All that :meth:`stream` gives, as a list."""
        return list(self.stream(kind, **where))

    @abstractmethod
    def count(self, kind: type[Record], /, **where: Where) -> int:
        """How many records :meth:`find` would give."""

    @abstractmethod
    def delete(self, kind: type[Record], /, **where: Where) -> int:
        """Delete the records that :meth:`find` would give, search included; gives their number.

        Raises:
            StoreError: They could not be deleted; or there is no such kind or field, or no
                condition: nobody deletes all that there is by leaving something out.
        """

    @abstractmethod
    def scrub(self) -> Sequence[str]:
        """See that what was deleted or replaced cannot be read from the store's files either.

        It may rewrite all of them, so it takes as long as they are large. Nobody should write
        meanwhile; whoever does waits or is refused, and nothing is lost.

        Returns:
            Where deleted bytes may remain all the same, a sentence each that says for how long.

        Raises:
            StoreError: It could not be done.
        """

    @abstractmethod
    def search(
        self, words: str, *, limit: int = 20, without: Collection[str] = ()
    ) -> Sequence[Hit]:
        """Scenes whose description or answers have all these words, best first.

        Texts that reviews give to descriptions and answers are searched like those of machines.
        Records whose ids are in ``without``, such as answers that a review replaces, count as if
        they were not there; there may be thousands.

        A whole video is among them where what was said about it as a whole has all the words.
        Words are matched by stem; text in double quotes is matched as a phrase. Any input is
        safe: there is no query syntax that can fail.
        """
