"""From asks to answers: what is written and what is compared, and how sure the model was."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from pydantic import JsonValue

from toolkit.errors import AnalysisError
from toolkit.records import Ask
from toolkit.stages.component import Cancel
from toolkit.stages.prompts import Prompts
from toolkit.stages.verdicts import NOT_VISIBLE, abstains, calibrated, candidates, verdict
from toolkit_analyze_qwen2vl import Qwen2VLOptions
from toolkit_analyze_qwen2vl.generating import Generated, Request, generate
from toolkit_analyze_qwen2vl.model import Prefix, VisionModel
from toolkit_analyze_qwen2vl.scoring import Candidate, log_probabilities, shares

__all__ = ["Answering", "Ballot", "Said", "ballots_of", "decided", "endings", "limit_of", "typed"]


@dataclass(frozen=True)
class Said:
    """An answer without its evidence; the fields are those of the record."""

    text: str
    value: JsonValue
    confidence: float | None
    tokens_in: int
    tokens_out: int
    finish_reason: str
    abstained: bool = False


@dataclass(frozen=True)
class Ballot:
    """A question with the answers that are compared."""

    question: str
    answers: tuple[str, ...]


class Answering:
    """Answers what is asked about scenes that were read.

    Args:
        model: The model.
        prompts: The words around the questions.
        options: How long answers may be, and how sure.
        empty: Reads an empty input: what answers are likely there is taken for the model's leaning.
    """

    def __init__(
        self,
        model: VisionModel,
        prompts: Prompts,
        options: Qwen2VLOptions,
        empty: Callable[[], Prefix],
    ) -> None:
        self._model = model
        self._prompts = prompts
        self._options = options
        self._read_empty = empty
        self._empty: Prefix | None = None
        self._leanings: dict[Ballot, list[float]] = {}

    def answer(
        self, prefix: Prefix, asks: Sequence[Sequence[Ask]], cancel: Cancel
    ) -> list[list[Said | AnalysisError]]:
        """Answer all asks.

        Args:
            prefix: What the model read of the scenes.
            asks: For each scene, what is asked.
            cancel: Looked at between the steps.

        Returns:
            For each scene the answers in the order of its asks; an error in place of one that
            could not be brought into its type.

        Raises:
            CancelledError: ``cancel`` was set.
        """
        said: dict[tuple[int, Ask], Said | AnalysisError] = {}
        rows = [(scene, ask) for scene, each in enumerate(asks) for ask in each]
        written = [row for row in rows if not candidates(row[1])]
        if written:
            requests = [self._request(scene, ask) for scene, ask in written]
            found = generate(self._model, prefix, requests, cancel)
            for row, answer in zip(written, found, strict=True):
                said[row] = typed(row[1], answer, self._options.abstain_below)
        alike: dict[tuple[Ask, ...], list[int]] = {}
        for scene, each in enumerate(asks):
            if scored := tuple(ask for ask in each if candidates(ask)):
                alike.setdefault(scored, []).append(scene)
        for scored, scenes in alike.items():
            for scene, answers in zip(
                scenes, self._compare(prefix, scenes, scored, cancel), strict=True
            ):
                said.update({(scene, ask): answers[ask] for ask in scored})
        return [[said[scene, ask] for ask in each] for scene, each in enumerate(asks)]

    def _request(self, scene: int, ask: Ask) -> Request:
        [question] = self._prompts.questions(ask)
        return Request(scene, question, ask.type, limit_of(ask, self._options))

    def _compare(
        self, prefix: Prefix, scenes: Sequence[int], asks: Sequence[Ask], cancel: Cancel
    ) -> list[dict[Ask, Said]]:
        """Answer for each scene all asks whose answers are compared, in one pass."""
        ballots = {ask: ballots_of(ask, self._prompts) for ask in asks}
        every = [ballot for each in ballots.values() for ballot in each]
        unknown = [ballot for ballot in dict.fromkeys(every) if ballot not in self._leanings]
        if unknown:
            self._empty = self._empty or self._read_empty()
            [leanings] = self._shares(self._empty, [0], unknown, cancel)
            self._leanings.update(zip(unknown, leanings, strict=True))
        asked = {
            ask: sum(len(self._ids(ballot.question, prefix)) for ballot in each)
            for ask, each in ballots.items()
        }
        answers: list[dict[Ask, Said]] = []
        for scene, row in zip(scenes, self._shares(prefix, scenes, every, cancel), strict=True):
            rest = iter(zip(every, row, strict=True))
            answers.append({})
            for ask, each in ballots.items():
                counted = [calibrated(next(rest)[1], self._leanings[ballot]) for ballot in each]
                tokens_in = prefix.tokens[scene] + asked[ask]
                answers[-1][ask] = decided(ask, counted, tokens_in, self._options.abstain_below)
        return answers

    def _shares(
        self, prefix: Prefix, scenes: Sequence[int], ballots: Sequence[Ballot], cancel: Cancel
    ) -> list[list[list[float]]]:
        """For each scene and ballot, what share each answer has."""
        candidates: list[Candidate] = []
        for ballot in ballots:
            question = tuple(self._ids(ballot.question, prefix))
            candidates += [Candidate(question, answer) for answer in self._endings(ballot.answers)]
        totals = log_probabilities(self._model, prefix, scenes, candidates, cancel)
        counted: list[list[list[float]]] = []
        for row in totals:
            counted.append([])
            start = 0
            for ballot in ballots:
                end = start + len(ballot.answers)
                lengths = [len(candidate.answer) for candidate in candidates[start:end]]
                counted[-1].append(shares(row[start:end], lengths))
                start = end
        return counted

    def _ids(self, question: str, prefix: Prefix) -> list[int]:
        return self._model.ids(question + prefix.tail)

    def _endings(self, answers: Iterable[str]) -> list[tuple[int, ...]]:
        return endings([self._model.ids(answer) for answer in answers], self._model.end)


def ballots_of(ask: Ask, prompts: Prompts) -> list[Ballot]:
    """What is compared to answer an ask."""
    return [Ballot(question, candidates(ask)) for question in prompts.questions(ask)]


def limit_of(ask: Ask, options: Qwen2VLOptions) -> int:
    """Most tokens of an answer that is written."""
    if ask.kind == "description":
        return options.max_description_tokens
    return options.max_json_tokens if ask.type.kind == "json" else options.max_answer_tokens


def endings(answers: Sequence[Sequence[int]], end: int) -> list[tuple[int, ...]]:
    """The answers' tokens, with an end where one is the beginning of another."""
    found = [tuple(answer) for answer in answers]
    nested = any(one != other and other[: len(one)] == one for one in found for other in found)
    return [(*ids, end) if nested else ids for ids in found]


def typed(ask: Ask, answer: Generated | AnalysisError, below: float) -> Said | AnalysisError:
    """A written answer in its type; "not visible" where the model is less sure than ``below``."""
    if isinstance(answer, AnalysisError):
        return answer
    value: JsonValue = None
    if not ask.type.is_plain:
        try:
            value = ask.type.parse(answer.text)
        except ValueError as error:
            return AnalysisError(f"The answer does not fit its type: {error}.")
    spent = (answer.tokens_in, answer.tokens_out, answer.finish_reason)
    return _sure(ask, Said(answer.text, value, min(1.0, answer.confidence), *spent), below)


def decided(ask: Ask, shares: Sequence[Sequence[float]], tokens_in: int, below: float) -> Said:
    """What compared answers come to; "not visible" where the model is less sure than ``below``."""
    found = verdict(ask, shares)
    return _sure(
        ask, Said(found.text, found.value, found.confidence, tokens_in, 0, "scored"), below
    )


def _sure(ask: Ask, said: Said, below: float) -> Said:
    if not abstains(ask, said.confidence, below):
        return said
    return replace(said, text=NOT_VISIBLE, value=None, abstained=True)
