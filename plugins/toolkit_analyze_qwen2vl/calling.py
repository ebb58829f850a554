"""A model on vLLM's engine: asks into calls, and what comes of them into answers."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from toolkit.errors import AnalysisError
from toolkit.records import Ask
from toolkit.stages.component import Cancel
from toolkit.stages.prompts import Prompts
from toolkit.stages.verdicts import calibrated, candidates, empty_frames
from toolkit.stages.writing import Prompt
from toolkit_analyze_qwen2vl import Qwen2VLOptions
from toolkit_analyze_qwen2vl.answers import (
    Ballot,
    Said,
    ballots_of,
    decided,
    endings,
    limit_of,
    typed,
)
from toolkit_analyze_qwen2vl.decoding import Grammars
from toolkit_analyze_qwen2vl.engine import Call, Engine, Output
from toolkit_analyze_qwen2vl.generating import Generated, replay
from toolkit_analyze_qwen2vl.preparing import MARK, Preparation, metadata
from toolkit_analyze_qwen2vl.scoring import shares

__all__ = ["Decision", "OfflineModel", "Shown"]


_Reading = Callable[[Sequence[Output]], Said | AnalysisError]
"""What makes an answer of the outputs of its calls."""


@dataclass(frozen=True)
class Shown:
    """A scene as calls about it begin.

    Attributes:
        head: The prompt's tokens up to the question, the video being one.
        tail: What follows a question.
        video: Its frames, and what is known of them.
        name: Names them.
        size: Width and height in pixels of the frames as the model sees them.
    """

    head: tuple[int, ...]
    tail: str
    video: tuple[Any, dict[str, Any]]
    name: str
    size: tuple[int, int]


class Decision:
    """A question whose answers are compared, as calls for the probabilities of their tokens.

    What the answers begin with in common is one call: the model is asked for the probabilities of
    all that may come next there.

    Args:
        shown: The scene.
        question: The question's tokens, with what follows it.
        answers: Those of each answer.
    """

    def __init__(
        self, shown: Shown, question: tuple[int, ...], answers: Sequence[tuple[int, ...]]
    ) -> None:
        self.question = question
        self._answers = answers
        following: dict[tuple[int, ...], dict[int, None]] = {}
        for answer in answers:
            for place, token in enumerate(answer):
                following.setdefault(answer[:place], {})[token] = None
        self._places = [*following]
        self.calls = [
            Call(shown.head, question + place, shown.video, shown.name, among=(*following[place],))
            for place in self._places
        ]

    def shares(self, outputs: Sequence[Output]) -> list[float]:
        """What part of the probability each answer has; the outputs are those of the calls."""
        found = {at: out.among for at, out in zip(self._places, outputs, strict=True)}
        totals = [
            math.fsum(found[answer[:place]][token] for place, token in enumerate(answer))
            for answer in self._answers
        ]
        return shares(totals, [len(answer) for answer in self._answers])


class OfflineModel:
    """A started engine and the checkpoint's processor. Belongs to one thread.

    Args:
        engine: The engine.
        processor: The processor.
        ends: The tokens that end an answer.
        prompts: The words around the questions.
        options: How long answers may be, and how sure.
    """

    def __init__(
        self,
        engine: Engine,
        processor: Any,
        ends: frozenset[int],
        prompts: Prompts,
        options: Qwen2VLOptions,
    ) -> None:
        self.engine = engine
        self._ends = ends
        self._prompts = prompts
        self._options = options
        self._tokenizer = processor.tokenizer
        self._chat = processor.apply_chat_template
        self._preparation = Preparation(copy.deepcopy(processor), pin=False)
        self._grammars = Grammars(processor.tokenizer, len(processor.tokenizer), ends)
        self._numbers = itertools.count()
        self._sizes: dict[tuple[int, ...], tuple[int, int]] = {}
        self._leanings: dict[Ballot, list[float]] = {}

    def ids(self, text: str) -> tuple[int, ...]:
        """The tokens of a text."""
        return tuple(self._tokenizer(text, add_special_tokens=False).input_ids)

    def show(self, rgb: Any, times_s: Any) -> Shown:
        """A scene's frames (n, height, width, 3) at these times, ready to be asked about."""
        conversation = self._prompts.conversation(times_s.tolist(), MARK)
        if rgb.shape not in self._sizes:  # told by the processor, once for frames of a shape
            ready = self._preparation.prepare([rgb], [times_s], [conversation])
            self._sizes[rgb.shape] = ready.frame_sizes[0]
        head, _, tail = self._chat(conversation, add_generation_prompt=True).partition(MARK)
        size = self._sizes[rgb.shape]
        rgb, times_s = self._preparation.filled(rgb, times_s)
        known = metadata(times_s) | {"do_sample_frames": False}
        return Shown(self.ids(head), tail, (rgb, known), f"frames-{next(self._numbers)}", size)

    def answer(
        self, scenes: Sequence[tuple[Shown, Sequence[Ask]]], cancel: Cancel
    ) -> list[list[Said | AnalysisError]]:
        """Answer all asks about all scenes; an error in place of what does not fit its type.

        Raises:
            CancelledError: ``cancel`` was set.
            Exception: Whatever vLLM raises.
        """
        self._learn(scenes, cancel)
        calls: list[Call] = []
        readings: list[list[tuple[int, int, _Reading]]] = []
        for shown, asks in scenes:
            readings.append([])
            for ask in asks:
                first = len(calls)
                if candidates(ask):
                    ballots = ballots_of(ask, self._prompts)
                    decisions = [self._decision(shown, ballot) for ballot in ballots]
                    calls += [call for decision in decisions for call in decision.calls]
                    reading = self._compared(ask, ballots, decisions)
                else:
                    call = self._written(shown, ask)
                    calls.append(call)
                    reading = self._said(ask, call)
                readings[-1].append((first, len(calls), reading))
        outputs = self.engine.run(calls, cancel)
        return [
            [reading(outputs[first:last]) for first, last, reading in each] for each in readings
        ]

    def write(self, prompts: Sequence[Prompt], limit: int, cancel: Cancel) -> list[Generated]:
        """A text for each prompt."""
        calls = []
        for prompt in prompts:
            chat = [
                {"role": "system", "content": prompt.system},
                {"role": "user", "content": prompt.user},
            ]
            calls.append(
                Call(self.ids(self._chat(chat, add_generation_prompt=True)), (), limit=limit)
            )
        found = [
            self._generated(call, output)
            for call, output in zip(calls, self.engine.run(calls, cancel), strict=True)
        ]
        return [text for text in found if isinstance(text, Generated)]  # words have no grammar

    def _learn(self, scenes: Sequence[tuple[Shown, Sequence[Ask]]], cancel: Cancel) -> None:
        """Ask an empty input what was not asked of it yet."""
        ballots = [
            ballot
            for _, asks in scenes
            for ask in asks
            if candidates(ask)
            for ballot in ballots_of(ask, self._prompts)
        ]
        unknown = [ballot for ballot in dict.fromkeys(ballots) if ballot not in self._leanings]
        if not unknown:
            return
        shown = self.show(*empty_frames())
        decisions = [self._decision(shown, ballot) for ballot in unknown]
        outputs = iter(self.engine.run([c for d in decisions for c in d.calls], cancel))
        for ballot, decision in zip(unknown, decisions, strict=True):
            found = decision.shares([*itertools.islice(outputs, len(decision.calls))])
            self._leanings[ballot] = found

    def _decision(self, shown: Shown, ballot: Ballot) -> Decision:
        answers = endings([self.ids(one) for one in ballot.answers], self._tokenizer.eos_token_id)
        return Decision(shown, self.ids(ballot.question + shown.tail), answers)

    def _written(self, shown: Shown, ask: Ask) -> Call:
        [question] = self._prompts.questions(ask)
        tokens, limit = self.ids(question + shown.tail), limit_of(ask, self._options)
        return Call(shown.head, tokens, shown.video, shown.name, limit, ask.type)

    def _said(self, ask: Ask, call: Call) -> _Reading:
        below = self._options.abstain_below
        return lambda outputs: typed(ask, self._generated(call, outputs[0]), below)

    def _compared(
        self, ask: Ask, ballots: Sequence[Ballot], decisions: Sequence[Decision]
    ) -> _Reading:
        def read(outputs: Sequence[Output]) -> Said:
            rest = iter(outputs)
            found = [
                calibrated(
                    decision.shares([*itertools.islice(rest, len(decision.calls))]),
                    self._leanings[ballot],
                )
                for ballot, decision in zip(ballots, decisions, strict=True)
            ]
            # The first call ends with the first question.
            others = sum(len(decision.question) for decision in decisions[1:])
            tokens_in = outputs[0].tokens_in + others
            return decided(ask, found, tokens_in, self._options.abstain_below)

        return read

    def _generated(self, call: Call, output: Output) -> Generated | AnalysisError:
        return replay(
            output.steps,
            call.form,
            call.limit,
            ends=self._ends,
            grammars=self._grammars,
            text=lambda ids: str(self._tokenizer.decode(list(ids), skip_special_tokens=True)),
            tokens_in=output.tokens_in,
        )
