"""What a video's syntheses are, which of them are there already, and the making of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from toolkit import cache
from toolkit.crew import IN_WORDS, Crew, Order
from toolkit.errors import AnalysisError, CancelledError, ModelError
from toolkit.records import Answer, Scene, Synthesis, Video
from toolkit.stages.component import Cancel
from toolkit.stages.effort import note, tokens_noted
from toolkit.stages.writing import Writer
from toolkit.synthesis.desk import Budget, Desk
from toolkit.synthesis.notes import Note, notes_of, statement
from toolkit.work import Trouble, wrapped

__all__ = ["Synthesizer"]


class Synthesizer:
    """Makes what the settings ask for about whole videos.

    Args:
        crew: Who writes, and what is asked for.
    """

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._store = crew.store
        options = crew.settings.analysis
        self._budget = Budget(options.synthesis_tokens, options.synthesis_answer_tokens)

    def lacks(self, video: Video) -> bool:
        """Whether something is missing or out of date."""
        answers = self._answers(self._scenes(video))
        return bool(self._missing(video, _basis(answers)))

    def synthesize(self, video: Video, cancel: Cancel) -> list[Trouble]:
        """Make and save what is missing or out of date; what goes wrong with one is its trouble.

        All scenes of the video have to be in the store.

        Raises:
            ModelError: The writer cannot write anything.
            StoreError: It cannot be saved.
            CancelledError: ``cancel`` was set; what is made is saved.
        """
        scenes = self._scenes(video)
        answers = self._answers(scenes)
        basis = _basis(answers)
        missing = self._missing(video, basis)
        if not missing:
            note(hits=1)
            return []
        noted = tokens_noted()
        notes = notes_of(scenes, answers)
        if not notes:
            error = AnalysisError("Of no scene of the video anything was said in words.")
            return [Trouble("synthesize", error)]
        troubles = []
        for order in missing:
            try:
                made = self._made(order, video, basis, scenes, notes, cancel)
            except (ModelError, CancelledError):
                raise
            except Exception as error:  # noqa: BLE001 - a plugin is someone else's code
                what = f"The {order.kind} of the video, by the analyzer '{order.job.name}',"
                troubles.append(Trouble("synthesize", wrapped(AnalysisError, what, error)))
            else:
                self._store.save([made])
                if tokens_noted() == noted:  # the writer does not note what it reads
                    spent = made.evidence
                    note(tokens_in=spent.tokens_in, tokens_out=spent.tokens_out)
                noted = tokens_noted()
        return troubles

    def _scenes(self, video: Video) -> list[Scene]:
        return self._store.find(Scene, video_id=video.id, detector=self._crew.detector_key)

    def _missing(self, video: Video, basis: str) -> list[Order]:
        orders = self._crew.orders
        keys = [order.key for order in orders]
        found = self._store.find(Synthesis, video_id=video.id, generation=keys, basis=basis)
        there = {one.generation for one in found}
        return [order for order in orders if order.key not in there]

    def _answers(self, scenes: Sequence[Scene]) -> dict[str, list[Answer]]:
        """What this crew's analyzers said in words: scene id -> answers in the order asked."""
        asked = self._crew.asked
        found: dict[str, list[Answer]] = {scene.id: [] for scene in scenes}
        for answer in self._store.find(Answer, scene_id=list(found), kind=IN_WORDS):
            if (answer.analyzer, answer.ask) in asked:
                found[answer.scene_id].append(answer)
        for answers in found.values():
            answers.sort(key=lambda one: asked[one.analyzer, one.ask])
        return found

    def _made(
        self,
        order: Order,
        video: Video,
        basis: str,
        scenes: Sequence[Scene],
        notes: Sequence[Note],
        cancel: Cancel,
    ) -> Synthesis:
        writer = order.job.component
        assert isinstance(writer, Writer)  # else the crew would not have taken the order
        desk = Desk(writer, order.job.turn, order.prompt, self._budget, scenes, cancel)
        if order.kind == "chapters":
            notes = _without_gaps(notes, len(scenes))
        statements = tuple(statement(note, scenes) for note in desk.make(order.kind, notes))
        return Synthesis.of(
            video.id,
            order.key,
            basis=basis,
            plugin=order.job.name,
            kind=order.kind,
            name=order.name,
            text=("\n" if order.kind == "chapters" else " ").join(one.text for one in statements),
            statements=statements,
            calls=desk.calls,
            evidence=desk.evidence,
        )


def _basis(answers: dict[str, list[Answer]]) -> str:
    return cache.basis(answer for said in answers.values() for answer in said)


def _without_gaps(notes: Sequence[Note], scenes: int) -> list[Note]:
    """The notes, with the scenes of which nothing was said added to the one before."""
    starts = [0, *(note.scenes[0] for note in notes[1:])]
    ends = [*starts[1:], scenes]
    return [
        replace(note, scenes=tuple(range(start, end)))
        for note, start, end in zip(notes, starts, ends, strict=True)
    ]
