"""What is asked about scenes, what is answered, the tags drawn from it, and people's word on it."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Literal

from pydantic import Field, JsonValue

from toolkit.records.base import Part, Record, digest, new_id, now
from toolkit.records.media import Scene, Video
from toolkit.records.types import AnswerType

__all__ = [
    "Analysis",
    "Answer",
    "Ask",
    "AskKind",
    "Evidence",
    "Review",
    "ReviewAction",
    "ReviewTarget",
    "Sentiment",
    "SentimentLabel",
    "Tag",
]

AskKind = Literal["description", "question", "sentiment", "signals", "labels", "tags"]
SentimentLabel = Literal["positive", "neutral", "negative"]
ReviewTarget = Literal["tag", "description", "answer", "sentiment", "boundary"]
ReviewAction = Literal["accept", "reject", "edit", "add", "withdraw"]


class Ask(Part):
    """One thing asked of an analyzer about a scene.

    ``name`` is what a person calls it (the question's own words); ``prompt`` is all the text
    that the answer depends on, so that a changed prompt file is a changed ask. ``type`` is the
    form of the answer to a question; of label scores, its choices are the labels.
    """

    kind: AskKind
    name: str = ""
    prompt: str = ""
    type: AnswerType = AnswerType()

    def __hash__(self) -> int:
        return hash(self.key)

    @property
    def key(self) -> str:
        """The ask's identity."""
        form = [] if self.type.is_plain else [self.type.model_dump(mode="json")]
        return digest("ask", self.kind, self.name, self.prompt, *form)


class Evidence(Part):
    """What an answer rests on and what it took.

    ``tone_mapping`` says how the frames of an HDR video were brought to what ordinary screens
    show; "none" where they were not, so that colours looked wrong, and "" for any other video.
    ``reduced_from`` is the size that frames would have had if memory had sufficed.
    ``finish_reason`` is "stop", "length" (cut at the most tokens), "loop" (ended early, for the
    model repeated itself) or "scored" (probabilities were compared, nothing was written). ``cost``
    is what the tokens cost, in the money of the prices that the options give; 0 without.
    """

    frame_times_s: tuple[float, ...] = ()
    frame_size: tuple[int, int] | None = None
    reduced_from: tuple[int, int] | None = None
    tone_mapping: str = ""
    model: str = ""
    revision: str = ""
    prompt_hash: str = ""
    dtype: str = ""
    device: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0
    finish_reason: str = ""
    seconds: float = 0.0


class Answer(Record):
    """One analyzer's answer to one ask about one scene.

    ``text`` is what people read, ``value`` the same in its type (a typed question's answer, a
    signal's number, a sentiment's label, label scores); ``confidence`` is a probability, where
    there is one. ``abstained`` says that it was too low to answer: there is no value then.
    """

    scene_id: str
    video_id: str
    analyzer: str
    plugin: str
    kind: AskKind
    name: str = ""
    ask: str
    text: str = ""
    value: JsonValue = None
    confidence: float | None = None
    evidence: Evidence = Evidence()
    abstained: bool = False

    @classmethod
    def of(cls, scene: Scene, analyzer: str, plugin: str, ask: Ask, **data: Any) -> Answer:
        """The answer of the analyzer with this fingerprint to this ask about this scene."""
        return cls(
            id=digest("answer", scene.id, analyzer, ask.key),
            scene_id=scene.id,
            video_id=scene.video_id,
            analyzer=analyzer,
            plugin=plugin,
            kind=ask.kind,
            name=ask.name,
            ask=ask.key,
            **data,
        )


class Sentiment(Part):
    """How a scene feels, with the probability the analyzer gives it."""

    label: SentimentLabel
    confidence: float | None = None


class Analysis(Part):
    """All that analyzers said about a scene, put together from its answers.

    This is what taggers read: ``description`` is "" where nobody described the scene, ``labels``
    are probabilities, ``proposed`` the tags that analyzers gave in words of their own.
    """

    scene_id: str
    description: str = ""
    questions: dict[str, str] = {}
    sentiment: Sentiment | None = None
    signals: dict[str, JsonValue] = {}
    labels: dict[str, float] = {}
    proposed: tuple[str, ...] = ()
    answers: tuple[Answer, ...] = ()

    @classmethod
    def of(cls, scene_id: str, answers: tuple[Answer, ...]) -> Analysis:
        """Put a scene's answers together; of two of one kind the later one wins."""
        data: dict[str, Any] = {"questions": {}, "signals": {}, "labels": {}}
        for answer in answers:
            if answer.kind == "description":
                data["description"] = answer.text
            elif answer.kind == "question":
                data["questions"][answer.name] = answer.text
            elif answer.kind == "sentiment":
                data["sentiment"] = Sentiment.model_validate(
                    {"label": answer.value, "confidence": answer.confidence}
                )
            elif answer.kind == "tags":
                data["proposed"] = _listed(answer.text)
            elif isinstance(answer.value, dict):
                data[answer.kind].update(answer.value)
        return cls(scene_id=scene_id, answers=answers, **data)

    @property
    def values(self) -> dict[str, JsonValue]:
        """The answers to the questions in their types; None where an analyzer abstained.

        A question without a type has its text.
        """
        found: dict[str, JsonValue] = {}
        for answer in self.answers:
            if answer.kind == "question":
                is_text = answer.value is None and not answer.abstained
                found[answer.name] = answer.text if is_text else answer.value
        return found

    @property
    def text(self) -> str:
        """The words of the analysis: the description and every answer, a line each."""
        return "\n".join([self.description, *self.questions.values()]).strip()


_BULLET = re.compile(r"^(?:[-*\u2022#]+|\d+[.)])\s+")
_MOST_WORDS = 5  # a tag is no sentence


def _listed(text: str) -> tuple[str, ...]:
    """The tags that a model wrote: between commas, semicolons or lines, each once, in lower case.

    What has more than a few words is no tag, and left out.
    """
    found: dict[str, None] = {}
    for part in re.split(r"[,;\n]", text):
        word = _BULLET.sub("", part.strip()).strip(" \t\"'`.#[]*").lower()
        if word and len(word.split()) <= _MOST_WORDS:
            found[" ".join(word.split())] = None
    return tuple(found)


class Tag(Record):
    """A label that holds for a scene (or, with no ``scene_id``, for the whole video).

    A tagger yields ``Tag("sport", score=0.9, why="mentions a ball")``; the pipeline fills in the
    rest. ``tagger`` is the plugin's name and ``generation`` the fingerprint of the tagger and of
    the analysis it read.
    """

    id: str = ""
    label: str
    score: float = Field(default=1.0, ge=0.0, le=1.0)
    why: str = ""
    scene_id: str | None = None
    video_id: str = ""
    tagger: str = ""
    generation: str = ""

    def __init__(self, label: str, **data: Any) -> None:
        super().__init__(**{"label": label, **data})

    def placed(self, on: Scene | Video, tagger: str, generation: str) -> Tag:
        """This tag, on this scene or on this whole video."""
        scene_id, video_id = (on.id, on.video_id) if isinstance(on, Scene) else (None, on.id)
        return Tag(
            self.label,
            id=digest("tag", on.id, generation, self.label),
            score=self.score,
            why=self.why,
            scene_id=scene_id,
            video_id=video_id,
            tagger=tagger,
            generation=generation,
        )


class Review(Record):
    """A person's word on a result; it wins over every machine result, also a later one.

    It is about the scene ``scene_id``, or about the same stretch of the video, ``start_s`` to
    ``end_s`` in seconds, where another detector made other scenes; with no ``scene_id`` about the
    whole video. ``name`` is a tag's label or a question's words. ``value`` is the new (or accepted,
    or rejected) text or value; of a tag that is edited the new label; of a boundary the time in
    seconds to "add" (split a scene) or to "reject" (merge two), or ``{"from": …, "to": …}``.

    Of all that a reviewer said about one thing the latest counts; "withdraw" takes it back.
    """

    id: str = Field(default_factory=new_id)
    video_id: str
    scene_id: str | None = None
    start_s: float
    end_s: float
    target: ReviewTarget
    action: ReviewAction
    name: str = ""
    value: JsonValue = None
    reviewer: str
    at: datetime = Field(default_factory=now)
