"""Runs: what was asked for, how it went, what could not be done, what is done already."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import Field, JsonValue

from toolkit.records.base import Part, Record, digest, new_id, now
from toolkit.records.media import Source
from toolkit.records.vocabulary import Vocabulary

__all__ = ["Completion", "Failure", "Lineage", "Run", "RunSource", "RunStatus"]

RunStatus = Literal["running", "done", "failed", "cancelled", "interrupted"]
_SILENCE = timedelta(seconds=15)  # a live run is heard of twice a second


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
    """Something that could not be done, and whether trying again can help.

    ``cause`` is why a link could not be fetched, in a word such as "rate-limited" or "private";
    ``attempt`` counts this run and those before it in which the same failed.
    """

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
    cause: str = ""


class Lineage(Part):
    """The fingerprints that a run's results carry: with them a store finds exactly its rows.

    ``vocabulary`` is what its tags are read with: synonyms, what excludes what, the tree.
    """

    detector: str = ""
    sampler: str = ""
    asks: tuple[tuple[str, str], ...] = ()  # (analyzer fingerprint, ask key)
    generations: tuple[str, ...] = ()  # of tags
    syntheses: tuple[str, ...] = ()  # generations of what is said about whole videos
    vocabulary: Vocabulary = Vocabulary()


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
    def engine(self) -> str:
        """What ran or runs it."""
        options = self.settings.get("execution")
        return str(options.get("engine", "local")) if isinstance(options, dict) else "local"

    @property
    def standing(self) -> RunStatus:
        """Its status; "interrupted" where its process died before it could say so."""
        silent = now() - self.heartbeat_at > _SILENCE
        return "interrupted" if self.status == "running" and silent else self.status


class RunSource(Record):
    """One source's way through one run; ``scenes`` and ``reused`` count what was done and kept.

    "skipped" is what a playlist has beyond the limits set for it. A playlist itself is "done" when
    all that it leads to is known, and leads to no video of its own.
    """

    run_id: str
    source_id: str
    uri: str
    video_id: str | None = None
    status: Literal["pending", "done", "failed", "cancelled", "skipped"] = "pending"
    scenes: int = 0
    reused: int = 0

    @classmethod
    def of(cls, run_id: str, source: Source, **data: Any) -> RunSource:
        """The source's row in the run."""
        key = digest("run-source", run_id, source.id)
        return cls(id=key, run_id=run_id, source_id=source.id, uri=source.uri, **data)
