"""What flows: a source becomes a video, a video scenes, a scene answers, an analysis tags.

Every record is frozen, validates itself, and has an ``id`` that comes from content, so that the
same work has the same name everywhere and every write can be repeated safely. Only runs, failures
and reviews happen at a moment: their ids are random. ``Frames`` never enters a store.

Times are seconds from the video's first frame, unless a name says otherwise; moments are UTC.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = [
    "Analysis",
    "Answer",
    "Ask",
    "AskKind",
    "AudioStream",
    "Chapter",
    "Completion",
    "Cut",
    "Evidence",
    "Failure",
    "Frames",
    "Lineage",
    "Record",
    "Review",
    "Run",
    "RunSource",
    "RunStatus",
    "Scene",
    "Sentiment",
    "Source",
    "SubtitleStream",
    "Tag",
    "Video",
    "digest",
    "new_id",
    "now",
]

AskKind = Literal["description", "question", "sentiment", "signals", "labels"]
RunStatus = Literal["running", "done", "failed", "cancelled", "interrupted"]
SentimentLabel = Literal["positive", "neutral", "negative"]
_SILENCE = timedelta(seconds=15)  # a live run is heard of twice a second


def digest(*parts: JsonValue) -> str:
    """A 128-bit name for JSON values, as 32 hex digits: equal values, equal name."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def new_id() -> str:
    """A random id, sortable by the moment it was made (12 hex digits of time, 8 of chance)."""
    return f"{int(now().timestamp() * 1000):012x}{uuid.uuid4().hex[:8]}"


def now() -> datetime:
    """The moment, in UTC."""
    return datetime.now(UTC)


class Part(BaseModel):
    """A value inside a record."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Record(Part):
    """A row: something with an identity."""

    id: str


class Source(Record):
    """Where a video comes from: a link or a path, as given and normalised.

    ``stamp`` tells whether a local file changed since it was hashed (size and modification time).
    ``info`` holds what the site said about the video: title, uploader, licence, description.
    """

    uri: str
    kind: Literal["file", "link"]
    requested_by: str = ""
    requested_at: datetime = Field(default_factory=now)
    video_id: str | None = None
    stamp: str = ""
    info: dict[str, JsonValue] = {}

    @classmethod
    def of(cls, uri: str, kind: Literal["file", "link"], **data: Any) -> Source:
        """The source with this normalised URI."""
        return cls(id=digest("source", uri), uri=uri, kind=kind, **data)


class AudioStream(Part):
    """One audio stream of a file."""

    index: int
    codec: str
    language: str = ""
    channels: int = 0
    sample_rate_hz: int = 0


class SubtitleStream(Part):
    """One subtitle stream of a file."""

    index: int
    codec: str
    language: str = ""


class Chapter(Part):
    """A chapter that the file itself marks."""

    start_s: float
    end_s: float
    title: str = ""


class Video(Record):
    """A file's content; its ``id`` is a hash of the file's bytes.

    ``width`` and ``height`` are pixels as stored; ``rotation`` (degrees, clockwise: 0, 90, 180 or
    270) and ``sample_aspect_ratio`` say how to show them. ``truncated`` and ``share_read`` are
    known after a scan: a file cut in the middle yields what is there.
    """

    path: str
    size_bytes: int
    container: str
    duration_s: float | None
    start_s: float = 0.0
    width: int
    height: int
    rotation: int = 0
    sample_aspect_ratio: float = 1.0
    frame_rate: float | None = None
    nominal_frame_rate: float | None = None
    variable_frame_rate: bool = False
    frame_count: int | None = None
    codec: str
    profile: str = ""
    pixel_format: str = ""
    bit_depth: int = 8
    colour_space: str = ""
    colour_transfer: str = ""
    colour_primaries: str = ""
    colour_range: str = ""
    hdr: str = ""
    bit_rate_bps: int | None = None
    audio: tuple[AudioStream, ...] = ()
    subtitles: tuple[SubtitleStream, ...] = ()
    chapters: tuple[Chapter, ...] = ()
    tags: dict[str, str] = {}
    truncated: bool = False
    share_read: float | None = None


class Cut(Part):
    """A boundary that a detector found: the pts of the new scene's first frame, in seconds."""

    at_s: float
    kind: Literal["cut", "fade", "dissolve"] = "cut"
    score: float = 0.0


class Scene(Record):
    """A stretch of a video, from the pts of its first frame to the pts of the next scene's first.

    ``kind`` and ``score`` are those of the cut it starts with; the first scene's kind is "start".
    """

    video_id: str
    detector: str
    index: int
    start_s: float
    end_s: float
    kind: Literal["start", "cut", "fade", "dissolve"] = "cut"
    score: float = 0.0
    thumbnail: str = ""

    @classmethod
    def of(cls, video_id: str, detector: str, index: int, **data: Any) -> Scene:
        """The scene with this place in this detector's reading of the video."""
        key = digest("scene", video_id, detector, index)
        return cls(id=key, video_id=video_id, detector=detector, index=index, **data)

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.end_s - self.start_s


@dataclass(frozen=True, eq=False)
class Frames:
    """The few frames of a scene worth looking at.

    Attributes:
        scene: The scene they are from.
        sampler: Fingerprint of the sampler that chose them.
        pts_s: Their times in seconds, ascending, as (n,) float64.
        rgb: Their pixels, upright and with square pixels, as (n, height, width, 3) uint8.
    """

    scene: Scene
    sampler: str
    pts_s: npt.NDArray[np.float64]
    rgb: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.pts_s)


class Ask(Part):
    """One thing asked of an analyzer about a scene.

    ``name`` is what a person calls it (the question's own words); ``prompt`` is all the text
    that the answer depends on, so that a changed prompt file is a changed ask.
    """

    kind: AskKind
    name: str = ""
    prompt: str = ""

    @property
    def key(self) -> str:
        """The ask's identity."""
        return digest("ask", self.kind, self.name, self.prompt)


class Evidence(Part):
    """What an answer rests on and what it took."""

    frame_times_s: tuple[float, ...] = ()
    frame_size: tuple[int, int] | None = None
    model: str = ""
    revision: str = ""
    prompt_hash: str = ""
    dtype: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    finish_reason: str = ""
    seconds: float = 0.0


class Answer(Record):
    """One analyzer's answer to one ask about one scene.

    ``text`` is what people read, ``value`` the same in its type (a number of a signal, a
    sentiment's label, label scores); ``confidence`` is a probability, where there is one.
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

    This is what taggers read: ``description`` is "" where nobody described the scene.
    """

    scene_id: str
    description: str = ""
    questions: dict[str, str] = {}
    sentiment: Sentiment | None = None
    signals: dict[str, JsonValue] = {}
    labels: dict[str, float] = {}
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
            elif isinstance(answer.value, dict):
                data[answer.kind].update(answer.value)
        return cls(scene_id=scene_id, answers=answers, **data)

    @property
    def text(self) -> str:
        """The words of the analysis: the description and every answer, a line each."""
        return "\n".join([self.description, *self.questions.values()]).strip()


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
        super().__init__(label=label, **data)

    def placed(self, scene: Scene, tagger: str, generation: str) -> Tag:
        """This tag, on this scene."""
        return Tag(
            self.label,
            id=digest("tag", scene.id, generation, self.label),
            score=self.score,
            why=self.why,
            scene_id=scene.id,
            video_id=scene.video_id,
            tagger=tagger,
            generation=generation,
        )


class Review(Record):
    """A person's word on a result; it wins over every later machine result."""

    id: str = Field(default_factory=new_id)
    target_id: str
    target: Literal["tag", "description", "answer", "sentiment", "scene"]
    action: Literal["accept", "reject", "edit", "add"]
    value: JsonValue = None
    reviewer: str
    at: datetime = Field(default_factory=now)


class Completion(Record):
    """A note that a stage is done with an item, though it may have left no row there.

    ``key`` is the stage's fingerprint; ``count`` is how many rows it left.
    """

    item_id: str
    stage: str
    key: str
    count: int = 0

    @classmethod
    def of(cls, item_id: str, stage: str, key: str, count: int = 0) -> Completion:
        """The completion of a stage on an item."""
        name = digest("completion", item_id, stage, key)
        return cls(id=name, item_id=item_id, stage=stage, key=key, count=count)


class Failure(Record):
    """Something that could not be done, and whether trying again can help."""

    id: str = Field(default_factory=new_id)
    run_id: str
    source: str
    video_id: str | None = None
    scene_id: str | None = None
    stage: str
    error: str
    message: str
    hint: str = ""
    retriable: bool = False
    attempt: int = 1
    at: datetime = Field(default_factory=now)


class Lineage(Part):
    """The fingerprints that a run's results carry: with them a store finds exactly its rows."""

    detector: str = ""
    sampler: str = ""
    asks: tuple[tuple[str, str], ...] = ()  # (analyzer fingerprint, ask key)
    generations: tuple[str, ...] = ()  # of tags


class Run(Record):
    """One call of ``analyze``: what was asked for, how it went, what it took."""

    id: str = Field(default_factory=new_id)
    status: RunStatus = "running"
    sources: tuple[str, ...] = ()
    settings: dict[str, JsonValue] = {}
    lineage: Lineage = Lineage()
    versions: dict[str, str] = {}
    host: str = ""
    pid: int = 0
    started_at: datetime = Field(default_factory=now)
    heartbeat_at: datetime = Field(default_factory=now)
    finished_at: datetime | None = None
    counts: dict[str, int] = {}
    seconds: dict[str, float] = {}

    @property
    def standing(self) -> RunStatus:
        """Its status; "interrupted" where its process died before it could say so."""
        silent = now() - self.heartbeat_at > _SILENCE
        return "interrupted" if self.status == "running" and silent else self.status


class RunSource(Record):
    """One source's way through one run; ``scenes`` and ``reused`` count what was done and kept."""

    run_id: str
    source_id: str
    uri: str
    video_id: str | None = None
    status: Literal["pending", "done", "failed", "cancelled"] = "pending"
    scenes: int = 0
    reused: int = 0

    @classmethod
    def of(cls, run_id: str, source: Source, **data: Any) -> RunSource:
        """The source's row in the run."""
        key = digest("run-source", run_id, source.id)
        return cls(id=key, run_id=run_id, source_id=source.id, uri=source.uri, **data)
