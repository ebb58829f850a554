"""What is said about a whole video, and the scenes that each sentence of it rests on."""

from __future__ import annotations

from typing import Any, Literal

from toolkit.records.analysis import Evidence
from toolkit.records.base import Part, Record, digest

__all__ = ["Statement", "Synthesis", "SynthesisKind"]

SynthesisKind = Literal["summary", "chapters", "question"]


class Statement(Part):
    """A sentence, or a chapter's title, and the scenes that it rests on.

    ``scenes`` are the scenes' indices, ``spans`` their times in seconds, those of neighbours
    joined. ``cited`` says whether the analyzer named these scenes; where it did not, they are all
    those that it was shown for this sentence. A chapter's scenes are always all those of one span.
    """

    text: str
    scenes: tuple[int, ...]
    scene_ids: tuple[str, ...]
    spans: tuple[tuple[float, float], ...]
    cited: bool

    @property
    def start_s(self) -> float:
        """Where the first of its scenes starts."""
        return self.spans[0][0]

    @property
    def end_s(self) -> float:
        """Where the last of its scenes ends."""
        return self.spans[-1][1]


class Synthesis(Record):
    """A video's summary, its chapters, or the answer to a question about all of it.

    ``generation`` names how it was made: the writer, the words around the notes, the budget, and
    what was asked about the scenes. ``basis`` names what the analyzers said about them: where that
    is another one today, the synthesis is out of date. ``calls`` is how often the writer wrote;
    the evidence's tokens and seconds are those of all calls.
    """

    video_id: str
    generation: str
    basis: str
    plugin: str
    kind: SynthesisKind
    name: str = ""
    text: str = ""
    statements: tuple[Statement, ...] = ()
    calls: int = 0
    evidence: Evidence = Evidence()

    @classmethod
    def of(cls, video_id: str, generation: str, **data: Any) -> Synthesis:
        """The synthesis of this video that was made in this way."""
        name = digest("synthesis", video_id, generation)
        return cls(id=name, video_id=video_id, generation=generation, **data)
