"""From many notes to few, group by group, within a budget of tokens a call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from toolkit.errors import AnalysisError, ConfigError
from toolkit.records import Evidence, Scene, SynthesisKind, digest
from toolkit.stages.component import Cancel
from toolkit.stages.writing import NOTES, Prompt, Writer, Written
from toolkit.synthesis import reading
from toolkit.synthesis.notes import Note, line, packed, shortened

__all__ = ["Budget", "Desk"]

_SHARE = 4  # of a group's room is what is written about it, so that the next round has fewer groups
_AT_ONCE = 16  # prompts a call of the writer, between which others may use the model
_LEAST = 64  # tokens: room for a few notes


@dataclass(frozen=True)
class Budget:
    """Most tokens of one request, what is written included, and of what is written."""

    request: int
    written: int


class Desk:
    """Where one synthesis is made. Used once.

    Args:
        writer: Who writes.
        turn: Held while the writer is at work.
        prompt: The words around the notes.
        budget: Most tokens.
        scenes: The video's scenes.
        cancel: Ends it.

    Attributes:
        calls: How often the writer wrote.
        evidence: Of all calls together. Its finish reason is the worst: "empty" if about one group
            nothing was written, else "loop", "length" or "stop".
    """

    def __init__(
        self,
        writer: Writer,
        turn: AbstractContextManager[object],
        prompt: Prompt,
        budget: Budget,
        scenes: Sequence[Scene],
        cancel: Cancel,
    ) -> None:
        self._writer = writer
        self._turn = turn
        self._prompt = prompt
        self._budget = budget
        self._scenes = scenes
        self._cancel = cancel
        self._room = 0
        self.calls = 0
        self.evidence = Evidence(prompt_hash=digest("prompt", prompt.system, prompt.user))

    def make(self, kind: SynthesisKind, notes: Sequence[Note]) -> list[Note]:
        """What the notes add up to: sentences or chapters.

        Notes that fit into one request are read at once. More are read in groups, as even as they
        can be; what was written of each is a few notes for the next round, in which fewer groups
        are left, because it has a quarter of a group's room at most. Links are carried along: a
        note of the next round rests on the scenes of the notes that it was written from.

        Raises:
            AnalysisError: The writer wrote nothing that can be read.
            ConfigError: The budget has no room for notes.
            ModelError: The model cannot be had.
            CancelledError: ``cancel`` was set.
        """
        around = [self._prompt.system, self._prompt.user.replace(NOTES, "")]
        spent = sum(self._count(around)) + self._writer.overhead
        self._room = self._budget.request - self._budget.written - spent
        if self._room < _LEAST:
            raise ConfigError(
                f"Of {self._budget.request} tokens a request, {spent} are the prompt's own and "
                f"{self._budget.written} the answer's: no room is left for the scenes' texts.",
                hint="Raise synthesis_tokens in [analysis].",
            )
        while True:
            groups = self._groups(notes)
            found = self._read(kind, groups)
            if len(groups) == 1:
                return found[0]
            fitting = self._joined if kind == "chapters" else self._first
            notes = [note for few in found for note in fitting(few)]

    def _groups(self, notes: Sequence[Note]) -> list[Sequence[Note]]:
        # Numbered by their place among all, which has as many digits as that in their group.
        sizes = self._sizes(notes)
        share = self._room // _SHARE
        if max(sizes) > share:
            notes = [self._shortened(n) if s > share else n for n, s in zip(notes, sizes)]  # noqa: B905
            sizes = self._sizes(notes)
        return [notes[run] for run in packed(sizes, self._room)]

    def _read(self, kind: SynthesisKind, groups: Sequence[Sequence[Note]]) -> list[list[Note]]:
        found: list[list[Note]] = []
        for group, written in zip(groups, self._written(groups), strict=True):
            if kind == "chapters":
                found.append(reading.chapters(written.text, group))
                continue
            cut = written.evidence.finish_reason in ("length", "loop")
            found.append(reading.sentences(written.text, group, cut=cut))
        if not any(found):
            raise AnalysisError(
                "The model wrote nothing that can be read.",
                hint="Try another model, or other words in its prompts.",
            )
        return found

    def _written(self, groups: Sequence[Sequence[Note]]) -> Iterator[Written]:
        for start in range(0, len(groups), _AT_ONCE):
            self._cancel.check()
            prompts = [self._filled(group) for group in groups[start : start + _AT_ONCE]]
            with self._turn:
                texts = self._writer.write(prompts, self._budget.written, self._cancel)
            for text in texts:
                self._add(text)
                yield text

    def _filled(self, group: Sequence[Note]) -> Prompt:
        lines = (line(number, note, self._scenes) for number, note in enumerate(group, 1))
        notes = "".join(lines).rstrip("\n")
        return replace(self._prompt, user=self._prompt.user.replace(NOTES, notes))

    def _add(self, written: Written) -> None:
        so_far, one = self.evidence, written.evidence
        reason = one.finish_reason if any(map(str.isalnum, written.text)) else "empty"
        self.calls += 1
        self.evidence = one.model_copy(
            update={
                "prompt_hash": so_far.prompt_hash,
                "tokens_in": so_far.tokens_in + one.tokens_in,
                "tokens_out": so_far.tokens_out + one.tokens_out,
                "cost": so_far.cost + one.cost,
                "seconds": so_far.seconds + one.seconds,
                "finish_reason": max(so_far.finish_reason, reason, key=_gravity),
            }
        )

    # ------------------------------------------------------------------ sizes, in tokens

    def _count(self, texts: Sequence[str]) -> list[int]:
        self._cancel.check()
        with self._turn:
            return self._writer.count(texts, self._cancel)

    def _sizes(self, notes: Sequence[Note]) -> list[int]:
        return self._count([line(i, note, self._scenes) for i, note in enumerate(notes, 1)])

    def _shortened(self, note: Note) -> Note:
        def fits(text: str) -> bool:
            [size] = self._sizes([replace(note, text=text)])
            return size < self._room // _SHARE - 4  # whatever number it gets

        return replace(note, text=shortened(note.text, fits))

    def _first(self, notes: Sequence[Note]) -> list[Note]:
        """The first sentences, as many as a group's share has room for, and one at least."""
        return self._fitting(notes, lambda kept: kept[:-1])

    def _joined(self, notes: Sequence[Note]) -> list[Note]:
        """The chapters, the shortest joined to their neighbours until they fit."""
        return self._fitting(notes, _without_shortest)

    def _fitting(
        self, notes: Sequence[Note], fewer: Callable[[list[Note]], list[Note]]
    ) -> list[Note]:
        kept = list(notes)
        while len(kept) > 1 and sum(self._sizes(kept)) > self._room // _SHARE:
            kept = fewer(kept)
        return kept


def _gravity(finish_reason: str) -> int:
    """How much people have to know of it; a server's own reasons are like a cut."""
    return {"": 0, "stop": 1, "loop": 3, "empty": 4}.get(finish_reason, 2)


def _without_shortest(notes: list[Note]) -> list[Note]:
    """The chapter with the fewest scenes joins the shorter one beside it, and has its title."""
    lengths = [len(note.scenes) for note in notes]
    place = lengths.index(min(lengths))
    beside = [other for other in (place - 1, place + 1) if 0 <= other < len(notes)]
    into = min(beside, key=lambda other: lengths[other])
    scenes = tuple(sorted((*notes[place].scenes, *notes[into].scenes)))
    joined = replace(notes[into], scenes=scenes)
    first = min(place, into)
    return [*notes[:first], joined, *notes[first + 2 :]]
