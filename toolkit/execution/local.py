"""Run a pipeline with threads of this process.

    sources -> [acquire] -> videos -> [scan] -> scenes -> [analyzer 1] -> … -> [tag and save]
    a video's last scene -> [synthesize]

Each bracket is one or more threads, each arrow a bounded queue: frames, the only large thing, are
nowhere else than from the scan to the last analyzer. What needs no work passes straight through.
"""

from __future__ import annotations

import functools
import sys
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from toolkit.acquire import Skipped
from toolkit.errors import CancelledError, ModelError, ToolkitError
from toolkit.execution.channel import Channel
from toolkit.execution.feed import Feed
from toolkit.execution.ledger import Way
from toolkit.execution.stint import Stint
from toolkit.execution.supervisor import Supervisor
from toolkit.pipeline import Pipeline
from toolkit.records import Run, Source, Video
from toolkit.sources import Expanded
from toolkit.stages.component import Cancel
from toolkit.stages.download import Playlist
from toolkit.stages.effort import Effort
from toolkit.work import Trouble, Work

__all__ = ["LocalEngine"]

_PATIENCE_S = 0.05  # how long a batch waits to fill up
_SAVE_BATCH = 64


class LocalEngine(Supervisor):
    """One run. :meth:`start` returns at once; ``ended`` is set when all is over.

    Args:
        pipeline: How each stage is done. The engine closes it.
        row: The run's row.
        given: The run's sources, and the words that led to none.
        cancel: Ends the run.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        row: Run,
        given: Sequence[Expanded],
        cancel: Cancel | None = None,
    ) -> None:
        super().__init__(pipeline, row, cancel)
        self._given = given
        self._out: dict[int, ModelError] = {}
        options = pipeline.settings.execution
        self._feed = Feed(self.ledger, self.cancel)
        # A link may turn out to be a playlist: nobody knows how many files there will be.
        links = any(isinstance(item, Source) and item.kind == "link" for item in given)
        files = max(len(given), options.download_threads) if links else len(given)
        fetchers, scanners, lookers = self._sizes = self._crowds(files)
        before = [scanners + sum(lookers[:place]) for place in range(len(lookers) + 1)]
        self._videos = Channel[Way](options.video_queue, self.cancel, fetchers)
        self._looks = [Channel[Work](options.scene_queue, self.cancel, n) for n in before[:-1]]
        self._results = Channel[Work](options.save_queue, self.cancel, before[-1], drain=True)
        self._complete = Channel[Way](sys.maxsize, self.cancel, scanners + 1)
        self._queues: dict[str, Sequence[Feed | Channel[Any]]] = {
            "acquire": [self._feed],
            "scan": [self._videos],
            "analyze": self._looks,
            "tag": [self._results],
            "synthesize": [self._complete],
        }

    def _crowds(self, files: int) -> tuple[int, int, list[int]]:
        """How many threads fetch, scan, and look with each analyzer, to begin with."""
        options = self.pipeline.settings.execution
        scanners = options.scans(files)
        self.pipeline.crew.readers.expect(files, scanners)
        fetchers = min(options.download_threads, max(1, files))
        return fetchers, scanners, [1] * len(self.pipeline.crew.analyzers)

    def start(self) -> None:
        """Write the run's first rows and start its threads.

        Raises:
            StoreError: The store cannot be written.
        """
        self._feed.add(self.ledger.open(self._given))
        self.supervise()

    def _begin(self) -> None:
        fetchers, scanners, lookers = self._sizes
        self._crowd("acquire", self._acquire, fetchers)
        self._crowd("scan", self._scan, scanners)
        self._crowd("save", self._save, 1)
        for place, count in enumerate(lookers):
            self._crowd("analyze", functools.partial(self._analyze, place), count)
        self._crowd("synthesize", self._synthesize, 1 if self.pipeline.crew.orders else 0)

    def _finish_up(self) -> None:
        self._crowd("upload", self._upload, 1)

    def _stop(self) -> None:
        pass

    def _tend(self) -> None:
        for stage, queues in self._queues.items():
            self.tally.wait(stage, sum(map(len, queues)))

    def _leaves(self) -> bool:
        """Whether a thread that has nothing to do may go."""
        return False

    def _look(self) -> None:
        self.meter.look(self._queues)

    def _spent(self, stint: Stint) -> Effort:
        """What the calling thread's work took since this was last asked."""
        return stint.lap()

    def _fed_by_scan(self) -> list[Channel[Any]]:
        return [*self._looks, self._results, self._complete]

    def _fed_by_analyzer(self, place: int) -> list[Channel[Any]]:
        return [*self._looks[place + 1 :], self._results]

    # ------------------------------------------------------------------ the stages

    def _acquire(self) -> None:
        while source := self._feed.take(self._leaves):
            with self.meter.stints.begun("acquire") as stint:
                self._acquire_one(source, stint)
        self._videos.done()

    def _acquire_one(self, source: Source, stint: Stint) -> None:
        video_s = 0.0
        try:
            with self.pipeline.stage("acquire", source.uri):
                progress = functools.partial(self.tally.transfer, source.uri)
                found = self.pipeline.acquire(source, progress, self.cancel)
        except CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - a plugin is someone else's code
            self.ledger.lost(source, self.pipeline.blamed("acquire", error))
        else:
            if isinstance(found, Playlist):
                self._feed.open(source, found)
            elif isinstance(found, Skipped):
                self.ledger.skipped(source, found.reason)
            elif way := self.ledger.lead(source, found):
                video_s = found.duration_s or 0.0
                stint.put(self._videos, way)
        finally:
            self.tally.arrived(source.uri)
            self._feed.done()
        effort = self._spent(stint)
        effort.video_s = video_s
        self.tally.did("acquire", 1, effort, what=source.uri)

    def _scan(self) -> None:
        while taken := self._videos.take(leaves=self._leaves):
            with self.meter.stints.begun("scan") as stint:
                self._scan_one(taken[0], stint)
        for channel in self._fed_by_scan():
            channel.done()

    def _scan_one(self, way: Way, stint: Stint) -> None:
        seconds, video_s, hits = 0.0, 0.0, 0
        trouble: ToolkitError | None = None
        try:
            with self.pipeline.stage("scan", way.video.id):
                for work in self.pipeline.scan(way.video, self.cancel):
                    self.ledger.found(way, work)
                    hits += not work.missing
                    video_s += work.scene.duration_s
                    self._route(work, stint)
                    if stint.is_long:
                        seconds += self._found(stint, video_s, hits)
                        video_s, hits = 0.0, 0
        except CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - a plugin is someone else's code
            trouble = self.pipeline.blamed("scan", error)
        seconds += self._found(stint, video_s, hits)
        self.tally.did("scan", 1, Effort(), what=way.video.path, before_s=seconds)
        if self.ledger.scanned(way, trouble):
            self._finish(way)

    def _found(self, stint: Stint, video_s: float, hits: int) -> float:
        """Count so much of a scan, with the scenes of which nothing is asked; its seconds."""
        if hits and self._looks:
            self.tally.took("analyze", Effort(hits=hits))
        (effort := self._spent(stint)).video_s = video_s
        self.tally.took("scan", effort)
        return effort.seconds

    def _route(self, work: Work, stint: Stint) -> None:
        if work.missing:
            stint.put(self._looks[min(work.missing)], work)
        else:
            work.frames = None
            stint.put(self._results, work)

    def _analyze(self, place: int) -> None:
        job = self.pipeline.crew.analyzers[place]
        while works := self._looks[place].take(job.component.batch_size, _PATIENCE_S, self._leaves):
            waiting = deque(works)
            with self.meter.stints.begun("analyze") as stint:
                try:
                    if place not in self._out:
                        with job.turn, self.pipeline.stage("analyze", works[0].scene.id):
                            for _ in self.pipeline.analyze(place, works, self.cancel):
                                # At once: a run that dies while the others wait keeps this one.
                                self._seen(place, waiting.popleft(), stint)
                except ModelError as error:
                    self._out[place] = error  # no scene will fare better: do not try them all
                for work in waiting:
                    self.ledger.analyzer_out(work, job.name, self._out[place])
                    self._seen(place, work, stint)
        for channel in self._fed_by_analyzer(place):
            channel.done()

    def _seen(self, place: int, work: Work, stint: Stint) -> None:
        del work.missing[place]
        key, effort = self.pipeline.crew.analyzers[place].key, self._spent(stint)
        if any(answer.analyzer == key and answer.evidence.model for answer in work.answers):
            effort.model_s = effort.seconds
        if not work.missing:
            effort.video_s = work.scene.duration_s
        what = f"{work.video.path} {work.scene.index}"
        self.tally.did("analyze", int(not work.missing), effort, what=what)
        self._route(work, stint)

    def _save(self) -> None:
        while works := self._results.take(_SAVE_BATCH, _PATIENCE_S):
            with self.meter.stints.begun("tag") as stint:
                hits = sum(one.tagged and not one.new for one in works)
                self._tag(works)
                self.pipeline.store.save([record for work in works for record in work.new])
                for work in works:
                    if way := self.ledger.saved(work):
                        self._finish(way)
                effort = self._spent(stint)
                effort.hits += hits if self.pipeline.crew.taggers else 0
                effort.video_s = sum(work.scene.duration_s for work in works)
                self.tally.did("tag", len(works), effort, what=f"{len(works)} scenes")
        self._complete.done()

    def _tag(self, works: Sequence[Work]) -> None:
        self.pipeline.foretell(works)
        for work in works:
            with self.pipeline.stage("tag", work.scene.id):
                self.pipeline.tag(work)

    def _tag_whole(self, video: Video) -> Sequence[Trouble]:
        return self.pipeline.wholes.tag(video)

    def _finish(self, way: Way) -> None:
        """All scenes of a video are saved: tag it as a whole, have it written about, close it."""
        if way.whole and self.pipeline.crew.whole_keys:
            with suppress(CancelledError), self.pipeline.stage("tag", way.video.id):
                self.ledger.troubled(way, self._tag_whole(way.video))
        if not self.pipeline.crew.orders:
            self.ledger.close(way)
        elif not way.whole:
            self.ledger.synthesized(way)
            self.ledger.close(way)
        else:
            with suppress(CancelledError):  # the video stays pending, for the next run
                self._complete.put(way)

    def _synthesize(self) -> None:
        while taken := self._complete.take():
            with self.meter.stints.begun("synthesize") as stint:
                self._synthesize_one(taken[0], stint)

    def _synthesize_one(self, way: Way, stint: Stint) -> None:
        job = self.pipeline.crew.orders[0].job
        place = self.pipeline.crew.analyzers.index(job)
        troubles: Sequence[Trouble] = ()
        try:
            if place not in self._out:
                with self.pipeline.stage("synthesize", way.video.id):
                    troubles = self.pipeline.synthesizer.synthesize(way.video, self.cancel)
        except ModelError as error:
            self._out[place] = error
        if place in self._out and self.pipeline.synthesizer.lacks(way.video):
            self.ledger.out("synthesize", way, job.name, self._out[place])
        self.ledger.synthesized(way, troubles)
        effort = self._spent(stint)
        effort.model_s = 0.0 if effort.hits else effort.seconds
        effort.video_s = way.video.duration_s or 0.0
        self.tally.did("synthesize", 0, effort, what=way.video.path)
        self.ledger.close(way)
