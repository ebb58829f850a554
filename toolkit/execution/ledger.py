"""What becomes of a run's sources: the rows and counts that every engine keeps alike."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from toolkit.config import redact
from toolkit.errors import ToolkitError
from toolkit.execution.tally import Tally
from toolkit.privacy.audit import AuditLog, begun
from toolkit.records import (
    Failure,
    Record,
    Run,
    RunSource,
    RunStatus,
    Source,
    Video,
    now,
)
from toolkit.sources import Expanded
from toolkit.stages.store import Store
from toolkit.work import Trouble, Work

__all__ = ["Ledger", "Way"]

log = logging.getLogger(__name__)


@dataclass
class Way:
    """A video's way through the run: the sources that lead to it and the scenes under way."""

    video: Video
    sources: list[Source] = field(default_factory=list)
    under_way: int = 0
    scenes: int = 0
    reused: int = 0
    scanned: bool = False
    whole: bool = True  # unless the scan came to a stop before the end
    complete: bool = False
    failed: bool = False
    finished: bool = False
    closing: list[Record] = field(default_factory=list)
    told: set[str] = field(default_factory=set)


class Ledger:
    """Keeps a run's rows true while it goes on. Safe to use from any thread.

    Args:
        store: Where the rows go.
        row: The run's row.
        tally: Counts along.
        audit: Hears of the run's begin and end.
        synthesizes: Whether something is written about whole videos.
    """

    def __init__(
        self, store: Store, row: Run, tally: Tally, audit: AuditLog, *, synthesizes: bool
    ) -> None:
        self.row = row
        self._audit = audit
        self._skipped = 0
        self._of_videos = ("scan", "synthesize") if synthesizes else ("scan",)
        self._store = store
        self._tally = tally
        self._lock = threading.RLock()
        self._ways: dict[str, Way] = {}
        self._known: set[str] = set()

    def open(self, given: Sequence[Expanded]) -> list[Source]:
        """Write down what was asked for; the words that lead nowhere are failures at once."""
        sources = [item for item in given if isinstance(item, Source)]
        self._known = {source.id for source in sources}
        self._audit.add("run.begun", **begun(self.row, len(given)))
        self._store.save([self.row, *(RunSource.of(self.row.id, source) for source in sources)])
        self._tally.expect("acquire", len(given))
        for stage in self._of_videos:
            self._tally.expect(stage, len(sources))
        for item in given:
            if not isinstance(item, Source):
                self._tally.did("acquire")
                self.fail("acquire", *item)
        return sources

    def joins(self, source: Source) -> bool:
        """A playlist leads to this source; False if the run has it already."""
        with self._lock:
            if source.id in self._known:
                return False
            self._known.add(source.id)
        self._store.save([RunSource.of(self.row.id, source)])
        for stage in ("acquire", *self._of_videos):
            self._tally.expect(stage)
        return True

    def opened(self, source: Source, title: str) -> None:
        """A source turns out to be a playlist: the videos are other sources."""
        self._store.save([RunSource.of(self.row.id, source, status="done")])
        self._pass_by()
        self._tally.tell("source", f"{title} is a playlist", source=source.uri)

    def broke_off(self, source: Source, error: ToolkitError) -> None:
        """A playlist could not be read to its end."""
        self._store.save([RunSource.of(self.row.id, source, status="failed")])
        self.fail("acquire", source.uri, error)

    def skipped(self, source: Source, reason: str) -> None:
        """A source was erased on request, or is beyond the limits of what playlists lead to."""
        self._store.save([RunSource.of(self.row.id, source, status="skipped")])
        self._pass_by()
        with self._lock:
            self._skipped += 1
        log.info("%s is left out: %s", redact(source.uri), reason)
        self._tally.tell("skipped", reason, stage="acquire", source=redact(source.uri))

    def lead(self, source: Source, video: Video) -> Way | None:
        """A source leads to this video; None if another one of this run did so before."""
        self._tally.tell("source", f"{source.uri} is here", source=source.uri)
        # From here on the run's frames show the video's scenes, as far as they are there.
        self._store.save([RunSource.of(self.row.id, source, video_id=video.id)])
        with self._lock:
            way = self._ways.get(video.id)
            if way is None:
                way = self._ways[video.id] = Way(video, [source])
                return way
            way.sources.append(source)
            self._pass_by()
            if way.finished:
                self._close(way)
            return None

    def lost(self, source: Source, error: ToolkitError) -> None:
        """A source leads to no video."""
        self._store.save([RunSource.of(self.row.id, source, status="failed")])
        self._pass_by()
        self.fail("acquire", source.uri, error)

    def _pass_by(self) -> None:
        for stage in self._of_videos:
            self._tally.did(stage)

    def found(self, way: Way, work: Work) -> None:
        """The scan found a scene."""
        with self._lock:
            way.under_way += 1
            way.closing = work.closing
        self._tally.expect("tag")
        if work.missing:
            self._tally.expect("analyze")

    def scanned(self, way: Way, error: ToolkitError | None = None) -> bool:
        """The scan found the last scene, or came to a stop; says whether all are saved."""
        if error:
            way.failed = True
            way.whole = False
            self.fail("scan", way.sources[0].uri, error, way=way)
        with self._lock:
            way.scanned = True
            return self._completes(way)

    def analyzer_out(self, work: Work, name: str, error: ToolkitError) -> None:
        """An analyzer is out for the whole run: told once a video, not once a scene."""
        self.out("analyze", self._ways[work.video.id], name, error)

    def out(self, stage: str, way: Way, name: str, error: ToolkitError) -> None:
        """A video lacks what an analyzer that is out should have done."""
        with self._lock:
            way.failed = True
            if name in way.told:
                return
            way.told.add(name)
        self.fail(stage, way.sources[0].uri, error, way=way)

    def saved(self, work: Work) -> Way | None:
        """A scene is in the store, with whatever was troublesome about it.

        Returns:
            The video's way, if this was the last scene that was under way.
        """
        way = self._ways[work.video.id]
        for trouble in work.troubles:
            way.failed = True
            self.fail(trouble.stage, way.sources[0].uri, trouble.error, way=way, work=work)
        with self._lock:
            way.under_way -= 1
            way.scenes += 1
            way.reused += work.reused
            self._tally.reuse(int(work.reused))
            self._tally.tell("scene", f"scene {work.scene.index}", source=way.sources[0].uri)
            return way if self._completes(way) else None

    def _completes(self, way: Way) -> bool:
        """Whether just now all scenes of the video are saved, which is then written down."""
        if not way.scanned or way.under_way or way.complete:
            return False
        way.complete = True
        if way.closing:
            self._store.save(way.closing)
        return True

    def synthesized(self, way: Way, troubles: Sequence[Trouble] = ()) -> None:
        """What was to be written about the whole video is saved, but for this."""
        self.troubled(way, troubles)
        self._tally.did("synthesize")

    def troubled(self, way: Way, troubles: Sequence[Trouble]) -> None:
        """This could not be done for a whole video."""
        for trouble in troubles:
            way.failed = True
            self.fail(trouble.stage, way.sources[0].uri, trouble.error, way=way)

    def close(self, way: Way) -> None:
        """All that there is to do about the video is done."""
        with self._lock:
            way.finished = True
            self._close(way)

    def _close(self, way: Way) -> None:
        rows = [
            RunSource.of(
                self.row.id,
                source,
                video_id=way.video.id,
                status="failed" if way.failed else "done",
                scenes=way.scenes,
                reused=way.reused,
            )
            for source in way.sources
        ]
        self._store.save(rows)
        self._tally.tell("video", f"{way.scenes} scenes", source=way.sources[0].uri)

    def fail(
        self,
        stage: str,
        uri: str,
        error: ToolkitError,
        *,
        way: Way | None = None,
        work: Work | None = None,
    ) -> None:
        """Keep a failure as a row; nothing is dropped silently."""
        failure = Failure(
            run_id=self.row.id,
            source=redact(uri),
            video_id=way.video.id if way else None,
            scene_id=work.scene.id if work else None,
            stage=stage,
            error=type(error).__name__,
            message=redact(error.message),
            hint=redact(error.hint or ""),
            cause=str(error.context.get("cause", "")),
            retriable=error.retriable,
            attempt=1 + self._failed_before(stage, redact(uri), work),
        )
        self._store.save([failure])
        log.info("%s: %s: %s", failure.source, failure.error, failure.message)
        self._tally.tell("failure", failure.message, stage=stage, source=failure.source)

    def _failed_before(self, stage: str, source: str, work: Work | None) -> int:
        """How many runs before this one have failed at the same."""
        scene_id = work.scene.id if work else None
        found = self._store.find(Failure, source=source, stage=stage, scene_id=scene_id)
        return len({failure.run_id for failure in found} - {self.row.id})

    def beat(self) -> None:
        """Write down how far the run is, and that it is alive."""
        progress = self._tally.progress()
        counts = {"reused": progress.reused, "failures": progress.failures}
        counts["skipped"] = self._skipped
        seconds = {"elapsed": round(progress.elapsed_s, 3)}
        for stage, one in progress.stages.items():
            counts[f"{stage}_done"], counts[f"{stage}_total"] = one.done, one.total
            counts[f"{stage}_waiting"] = one.waiting
            counts[f"{stage}_workers"], counts[f"{stage}_busy"] = one.workers, one.busy
            counted, spent = one.effort.written(stage)
            counts |= counted
            seconds |= spent
            if one.span_s:
                seconds[f"{stage}_span"] = round(one.span_s, 3)
        update = {"heartbeat_at": now(), "counts": counts, "seconds": seconds}
        with self._lock:
            self.row = self.row.model_copy(update=update)
            self._store.save([self.row])

    def end(self, status: RunStatus) -> None:
        """Write down how the run ended."""
        self.row = self.row.model_copy(update={"status": status, "finished_at": now()})
        self.beat()
        if status != "done":
            pending = self._store.find(RunSource, run_id=self.row.id, status="pending")
            self._store.save(row.model_copy(update={"status": "cancelled"}) for row in pending)
        counts = {name: self.row.counts[name] for name in ("scan_done", "failures", "skipped")}
        self._audit.add("run.ended", run=self.row.id, status=status, **counts)
