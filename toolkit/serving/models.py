"""What clients send and get, as OpenAPI tells it."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, TypeAdapter

from toolkit.execution.progress import Progress
from toolkit.execution.run import RunHandle
from toolkit.records import ReviewAction, ReviewTarget, Run, RunStatus
from toolkit.serving.tokens import Scope, Token

__all__ = [
    "Health",
    "Holder",
    "Identifier",
    "Link",
    "Links",
    "LinksRequest",
    "Moment",
    "QuestionRequest",
    "QuestionsRequest",
    "ReviewRequest",
    "RunRequest",
    "RunView",
    "Runs",
    "SearchWords",
]

_DEEPEST = 8
_TEXT = r"^[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*$"  # what stores, logs and headers can hold
_ID = "[0-9A-Za-z@._-]{1,120}"
_EXAMPLE_VIDEO = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_EXAMPLE_SCENE = "3a7bd3e2360a3d29eea436fcfb7e44c7"


_TEXTS = TypeAdapter[str](Annotated[str, Field(pattern=_TEXT)])


def _plain(value: JsonValue, depth: int = 0) -> JsonValue:
    if depth > _DEEPEST:
        raise ValueError(f"it is more than {_DEEPEST} levels deep")
    if isinstance(value, str):
        return _TEXTS.validate_python(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a number in it is not finite")
    if isinstance(value, int) and abs(value) >= 2**63:
        raise ValueError("a number in it is too large")
    if isinstance(value, list):
        return [_plain(one, depth + 1) for one in value]
    if isinstance(value, dict):
        return {_TEXTS.validate_python(name): _plain(one, depth + 1) for name, one in value.items()}
    return value


Words = Annotated[str, Field(min_length=1, max_length=2000, pattern=_TEXT)]
SearchWords = Annotated[str, Field(max_length=500, pattern=_TEXT)]
Name = Annotated[str, Field(max_length=500, pattern=_TEXT)]
Identifier = Annotated[str, Field(pattern=f"^{_ID}$")]
MediaPath = Annotated[
    str,
    Field(pattern=f"^/v1/(videos/{_ID}/file|runs/{_ID}/scenes/{_ID}/(thumbnail|clip))$"),
]
Value = Annotated[JsonValue, AfterValidator(_plain)]


class _Sent(BaseModel):
    """What clients send."""

    model_config = ConfigDict(extra="forbid", strict=True)


class RunRequest(_Sent):
    """What to analyze. All else is as the server's config says."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "examples": [
                {
                    "sources": ["https://example.org/talk.mp4"],
                    "questions": ["How many people are there? [number]"],
                }
            ]
        },
    )

    sources: Annotated[list[Words], Field(min_length=1, max_length=100)] = Field(
        description="Links, and absolute paths, folders or patterns below the server's roots."
    )
    questions: Annotated[list[Words], Field(max_length=50)] = Field(
        [], description="About every scene, each with its type in brackets at its end."
    )
    video_questions: Annotated[list[Words], Field(max_length=50)] = Field(
        [], description="About every video as a whole."
    )
    analyzers: Annotated[list[Name], Field(max_length=10)] = Field(
        [], description="Instead of those of the config."
    )
    summary: bool = Field(False, description="Sum up every video.")
    chapters: bool = Field(False, description="Divide every video into chapters.")


class QuestionsRequest(_Sent):
    """More questions to a run that is over."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"questions": ["Is it raining? [yes/no]"]}]},
    )

    questions: Annotated[list[Words], Field(max_length=50)] = []
    video_questions: Annotated[list[Words], Field(max_length=50)] = []
    video: Identifier | None = Field(None, description="The id of the one video it is about.")


class QuestionRequest(_Sent):
    """A question about one scene."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"question": "Is it raining? [yes/no]"}]},
    )

    question: Words


class ReviewRequest(_Sent):
    """A person's word on a scene's result, or on the tags of a whole video."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "examples": [{"subject": _EXAMPLE_SCENE, "action": "add", "name": "night"}]
        },
    )

    subject: Identifier = Field(description="The scene's id; a video's, for its own tags.")
    action: ReviewAction
    target: ReviewTarget = "tag"
    name: Name = Field("", description="The tag's label, or the question's words.")
    value: Value = Field(None, description="The new text, value, label or time.")


class LinksRequest(_Sent):
    """Which pictures and films links are wanted for."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"paths": [f"/v1/videos/{_EXAMPLE_VIDEO}/file"]}]},
    )

    paths: Annotated[list[MediaPath], Field(min_length=1, max_length=500)]


class Link(BaseModel):
    """A path, and a link to it that needs no token."""

    path: str
    url: str


class Links(BaseModel):
    """Links, and for how many seconds they hold."""

    links: list[Link]
    life_s: float


class Stage(BaseModel):
    """Items of a stage: done, and known so far."""

    done: int
    total: int


class Moment(BaseModel):
    """How far a run is; ``share`` goes from 0 to 1."""

    share: float
    eta_s: float | None
    elapsed_s: float
    reused: int
    failures: int
    bytes_done: int
    bytes_total: int
    stages: dict[str, Stage]

    @classmethod
    def of(cls, progress: Progress) -> Moment:
        """That of a run's handle."""
        return cls(
            share=progress.share,
            eta_s=progress.eta_s,
            elapsed_s=progress.elapsed_s,
            reused=progress.reused,
            failures=progress.failures,
            bytes_done=progress.bytes_done,
            bytes_total=progress.bytes_total,
            stages={
                name: Stage(done=stage.done, total=stage.total)
                for name, stage in progress.stages.items()
            },
        )


class RunView(BaseModel):
    """A run, and how far it is."""

    id: str
    status: RunStatus
    engine: str
    sources: list[str]
    questions: list[JsonValue]
    started_at: datetime
    finished_at: datetime | None
    progress: Moment

    @classmethod
    def of(cls, handle: RunHandle, row: Run | None = None) -> RunView:
        """That of a handle, whose row may be known already."""
        row = row or handle.row
        analysis: Any = row.settings.get("analysis")
        asked = analysis.get("questions", []) if isinstance(analysis, dict) else []
        return cls(
            id=row.id,
            status=handle.status,
            engine=row.engine,
            sources=[*row.sources],
            questions=[*asked],
            started_at=row.started_at,
            finished_at=row.finished_at,
            progress=Moment.of(handle.progress),
        )


class Runs(BaseModel):
    """Some runs, the latest first, and how many there are."""

    total: int
    runs: list[RunView]


class Holder(BaseModel):
    """A token, without its word."""

    id: str
    name: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None

    @classmethod
    def of(cls, token: Token) -> Holder:
        """What may be told of a token."""
        return cls.model_validate(token.model_dump(exclude={"sha256"}))


class Health(BaseModel):
    """That it works."""

    status: Literal["ok"] = "ok"
