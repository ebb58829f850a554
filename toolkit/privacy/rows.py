"""The rows about a subject: which they are, and how they go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from toolkit.config import redact
from toolkit.privacy.audited import note
from toolkit.privacy.subjects import Subject
from toolkit.privacy.tombstones import STAGE
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
    digest,
)
from toolkit.stages.store import Store, Where

__all__ = ["UPLOAD", "copies", "counts", "delete", "note_copies", "rows", "upload"]

UPLOAD = "upload"
Condition = tuple[type[Record], dict[str, Where]]


def upload(item_id: str, url: str) -> Completion:
    """The note that something of a video, or of a run, is in a cloud."""
    return Completion.of(item_id, UPLOAD, url)


def note_copies(store: Store, to: str, items: Sequence[tuple[str, Path, str, str]]) -> None:
    """Write down where copies of videos will be.

    Args:
        store: Where it is written.
        to: The folder in the cloud.
        items: Of each file the video or run it is of, its path, its kind, and its URL. One that is
            of nobody may be a video's own.
    """
    paths = [str(path) for owner, path, *_ in items if not owner]
    videos = {video.path: video.id for video in store.stream(Video, path=paths)}
    owned = [(owner or videos.get(str(path), ""), url) for owner, path, _, url in items]
    store.save(upload(owner, url) for owner, url in owned if owner)
    note(store, "upload", to=digest(to), **Counter(kind for _, _, kind, _ in items))


def copies(store: Store, subject: Subject) -> list[Completion]:
    """The notes about files in clouds: those of its videos, and of runs that have them."""
    return store.find(Completion, item_id=[*subject.video_ids, *subject.run_ids], stage=UPLOAD)


def rows(store: Store, subject: Subject, keep: Collection[str] = ()) -> Iterator[Condition]:
    """Conditions that together find every row about a subject, each row once.

    What names the subject comes last, so that an erasure that was cut off can be done again.

    Args:
        store: Where the rows are.
        subject: What they are about.
        keep: Ids of completions that stay.
    """
    videos: list[str] = [*subject.video_ids]
    names = [*videos, *subject.scene_ids, *subject.source_ids]
    done = [one for one in store.stream(Completion, item_id=names) if one.stage != STAGE]
    done += [one for one in copies(store, subject) if one.item_id in subject.run_ids]
    yield Completion, {"id": [one.id for one in done if one.id not in keep]}
    yield Answer, {"video_id": videos}
    yield Synthesis, {"video_id": videos}
    yield Scene, {"video_id": videos}
    told = [*subject.uris, *map(redact, subject.uris)]
    failed = [*store.stream(Failure, video_id=videos), *store.stream(Failure, source=told)]
    yield Failure, {"id": list({one.id for one in failed})}
    yield Source, {"id": subject.source_ids}
    ways = [*store.stream(RunSource, video_id=videos)]
    ways += store.stream(RunSource, source_id=subject.source_ids)
    yield RunSource, {"id": list({way.id for way in ways})}
    yield Tag, {"video_id": videos}
    yield Review, {"video_id": videos}
    yield Video, {"id": videos}


def counts(store: Store, subject: Subject) -> dict[str, int]:
    """How many rows there are of each kind; of runs, those that name one of its sources."""
    found = {kind.__name__: store.count(kind, **where) for kind, where in rows(store, subject)}
    found["Run"] = len(_asking(store, subject))
    return {kind: count for kind, count in found.items() if count}


def delete(store: Store, subject: Subject, keep: Collection[str] = ()) -> None:
    """Delete them; runs keep all but the words that named it."""
    store.save(_asking(store, subject))
    for kind, where in list(rows(store, subject, keep)):
        store.delete(kind, **where)


def _asking(store: Store, subject: Subject) -> list[Run]:
    """The runs that were asked for one of its sources by name, without that name."""
    uris = {*subject.uris}
    found = []
    for run in store.find(Run, id=list(subject.run_ids)):
        left = tuple(word for word in run.sources if not _names(word, uris))
        if left != run.sources:
            found.append(run.model_copy(update={"sources": left}))
    return found


def _names(word: str, uris: Collection[str]) -> bool:
    return word in uris or ("://" not in word and str(Path(word).resolve()) in uris)
