"""Run a pipeline with threads of this process.

    sources -> [acquire] -> videos -> [scan] -> scenes -> [analyzer 1] -> … -> [tag and save]
    a video's last scene -> [synthesize]

Each bracket is one or more threads, each arrow a bounded queue: frames, the only large thing,
live between the scan and the last analyzer, and never more than the queues hold. Everything
that needs no work passes straight through.
"""

from __future__ import annotations

import functools
import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

from toolkit.acquire import Skipped
from toolkit.config import redact
from toolkit.errors import CancelledError, DecodeError, ModelError, SourceError, ToolkitError
from toolkit.execution import uploads
from toolkit.execution.channel import Channel
from toolkit.execution.feed import Feed
from toolkit.execution.ledger import Ledger, Way
from toolkit.execution.progress import Tally
from toolkit.pipeline import Pipeline
from toolkit.records import Run, RunStatus, Source
from toolkit.sources import Expanded
from toolkit.stages.component import Cancel
from toolkit.stages.download import Playlist
from toolkit.synthesis import Synthesizer
from toolkit.work import Trouble, Work, wrapped

__all__ = ["LocalEngine"]

log = logging.getLogger(__name__)
_HEARTBEAT_S = 0.5
_GRACE_S = 1.5  # what a cancelled run's threads get to come to an end
_PATIENCE_S = 0.05  # how long a batch waits to fill up
_SAVE_BATCH = 64


class LocalEngine:
    """One run. :meth:`start` returns at once; ``ended`` is set when all is over.

    Args:
        pipeline: How each stage is done. The engine closes it.
        row: The run's row.
        given: The run's sources, and the words that led to none.
    """

    def __init__(self, pipeline: Pipeline, row: Run, given: Sequence[Expanded]) -> None:
        self.pipeline = pipeline
        self.cancel = Cancel()
        self.tally = Tally()
        orders = pipeline.crew.orders
        self.ledger = Ledger(pipeline.store, row, self.tally, synthesizes=bool(orders))
        self.ended = threading.Event()
        self.error: Exception | None = None
        self._given = given
        self._lock = threading.Lock()
        self._out: dict[int, ModelError] = {}
        options = pipeline.settings.execution
        self._feed = Feed(self.ledger, self.cancel)
        # A link may turn out to be a playlist: nobody knows how many files there will be.
        links = any(isinstance(item, Source) and item.kind == "link" for item in given)
        files = max(len(given), options.download_threads) if links else len(given)
        self._fetchers = min(options.download_threads, max(1, files))
        self._scanners = options.scans(files)
        analyzers = len(pipeline.crew.analyzers)
        self._videos = Channel[Way](options.video_queue, self.cancel, self._fetchers)
        self._looks = [
            Channel[Work](options.scene_queue, self.cancel, self._scanners + place)
            for place in range(analyzers)
        ]
        self._results = Channel[Work](
            options.save_queue, self.cancel, self._scanners + analyzers, drain=True
        )
        self._synthesizer = Synthesizer(pipeline.crew)
        self._complete = Channel[Way](sys.maxsize, self.cancel, self._scanners + 1)

    def start(self) -> None:
        """Write the run's first rows and start its threads.

        Raises:
            StoreError: The store cannot be written.
        """
        self._feed.add(self.ledger.open(self._given))
        threading.Thread(
            target=self._supervise, name=f"run-{self.ledger.row.id}", daemon=True
        ).start()

    # ------------------------------------------------------------------ the supervisor

    def _supervise(self) -> None:
        try:
            self._drive()
            self.pipeline.close()
        except Exception as error:  # noqa: BLE001 - kept in self.error, for whoever waits
            self._abort(error)
        finally:  # whatever happened, nobody waits for ever
            self.tally.end()
            self.ended.set()

    def _drive(self) -> None:
        workers = [
            *self._crowd("acquire", self._acquire, self._fetchers),
            *self._crowd("scan", self._scan, self._scanners),
            *self._crowd("save", self._save, 1),
            *self._crowd("synthesize", self._synthesize, 1 if self.pipeline.crew.orders else 0),
        ]
        for place in range(len(self._looks)):
            workers += self._crowd("analyze", functools.partial(self._analyze, place), 1)
        try:
            for worker in workers:
                worker.start()
            self._watch(workers)
            last = self._crowd("upload", self._upload, 1)
            last[0].start()
            self._watch(last)
        except Exception as error:  # noqa: BLE001 - kept in self.error, for whoever waits
            self._abort(error)
        status: RunStatus = "failed" if self.error else "cancelled" if self.cancel.asked else "done"
        try:
            self.ledger.end(status)
        except Exception as error:  # noqa: BLE001 - kept in self.error, for whoever waits
            self._abort(error)
        self.tally.tell("status", status)

    def _crowd(self, name: str, target: Callable[[], None], count: int) -> list[threading.Thread]:
        def guarded() -> None:
            try:
                target()
            except Exception as error:  # noqa: BLE001 - kept in self.error, for whoever waits
                self._abort(error)

        return [
            threading.Thread(target=guarded, name=f"{name}-{number}", daemon=True)
            for number in range(count)
        ]

    def _watch(self, workers: Sequence[threading.Thread]) -> None:
        deadline: float | None = None
        beat = 0.0
        while any(worker.is_alive() for worker in workers):
            next(worker for worker in workers if worker.is_alive()).join(0.05)
            if self.cancel.asked and deadline is None:
                deadline = time.monotonic() + _GRACE_S
            if deadline and time.monotonic() > deadline:
                log.warning("A stage did not stop in time and is left behind.")
                return
            if time.monotonic() - beat > _HEARTBEAT_S:
                beat = time.monotonic()
                self.ledger.beat()
                if self.pipeline.cancel_asked(self.ledger.row.id):
                    self.cancel.set()

    def _abort(self, error: Exception) -> None:
        """A worker came to an end: with the run cancelled that is well, otherwise all stop."""
        with self._lock:
            if isinstance(error, CancelledError) or self.cancel.asked:
                return
            self.error = error
            self.cancel.set()
        log.error("The run failed: %s: %s", type(error).__name__, redact(str(error)))

    # ------------------------------------------------------------------ the stages

    def _acquire(self) -> None:
        while source := self._feed.take():
            started = time.perf_counter()
            try:
                with self.pipeline.stage("acquire", source.uri):
                    progress = functools.partial(self.tally.transfer, source.uri)
                    found = self.pipeline.acquire(source, progress, self.cancel)
            except CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - a plugin is someone else's code
                self.ledger.lost(source, wrapped(SourceError, "Getting the file", error))
            else:
                if isinstance(found, Playlist):
                    self._feed.open(source, found)
                elif isinstance(found, Skipped):
                    self.ledger.skipped(source, found.reason)
                elif way := self.ledger.lead(source, found):
                    self._videos.put(way)
            finally:
                self.tally.arrived(source.uri)
                self._feed.done()
            self.tally.did("acquire", seconds=time.perf_counter() - started)
        self._videos.done()

    def _scan(self) -> None:
        while taken := self._videos.take():
            way = taken[0]
            started = time.perf_counter()
            trouble: ToolkitError | None = None
            try:
                with self.pipeline.stage("scan", way.video.id):
                    for work in self.pipeline.scan(way.video, self.cancel):
                        self.ledger.found(way, work)
                        self._route(work)
            except CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - a plugin is someone else's code
                settings = self.pipeline.settings
                what = f"The scan (decoder '{settings.decode.plugin}', "
                what += f"scene detector '{settings.scenes.plugin}')"
                trouble = wrapped(DecodeError, what, error)
            self.tally.did("scan", seconds=time.perf_counter() - started)
            if self.ledger.scanned(way, trouble):
                self._finish(way)
        for channel in (*self._looks, self._results):
            channel.done()
        self._complete.done()

    def _route(self, work: Work) -> None:
        if work.missing:
            self._looks[min(work.missing)].put(work)
        else:
            work.frames = None
            self._results.put(work)

    def _analyze(self, place: int) -> None:
        job = self.pipeline.crew.analyzers[place]
        while works := self._looks[place].take(job.component.batch_size, _PATIENCE_S):
            waiting = deque(works)
            started = time.perf_counter()
            try:
                if place not in self._out:
                    with job.turn, self.pipeline.stage("analyze", works[0].scene.id):
                        for _ in self.pipeline.analyze(place, works, self.cancel):
                            now = time.perf_counter()
                            # At once: a run that dies while the others wait keeps this one.
                            self._seen(place, waiting.popleft(), now - started)
                            started = now
            except ModelError as error:
                self._out[place] = error  # no scene will fare better: do not try them all
            for work in waiting:
                self.ledger.analyzer_out(work, job.name, self._out[place])
                self._seen(place, work, 0.0)
        for channel in (*self._looks[place + 1 :], self._results):
            channel.done()

    def _seen(self, place: int, work: Work, seconds: float) -> None:
        del work.missing[place]
        self.tally.did("analyze", int(not work.missing), seconds)
        self._route(work)

    def _save(self) -> None:
        while works := self._results.take(_SAVE_BATCH, _PATIENCE_S):
            started = time.perf_counter()
            for work in works:
                with self.pipeline.stage("tag", work.scene.id):
                    self.pipeline.tag(work)
            self.pipeline.store.save([record for work in works for record in work.new])
            for work in works:
                if way := self.ledger.saved(work):
                    self._finish(way)
            self.tally.did("tag", len(works), time.perf_counter() - started)
        self._complete.done()

    def _finish(self, way: Way) -> None:
        """All scenes of a video are saved: close it, or have it written about first."""
        if not self.pipeline.crew.orders:
            self.ledger.close(way)
        elif not way.whole:
            self.ledger.synthesized(way)
            self.ledger.close(way)
        else:
            with suppress(CancelledError):  # the video stays pending, for the next run
                self._complete.put(way)

    def _upload(self) -> None:
        row = self.ledger.row
        for url, error in uploads.at_end(self.pipeline.crew, row, self.cancel):
            self.ledger.fail("upload", url, error)

    def _synthesize(self) -> None:
        while taken := self._complete.take():
            way = taken[0]
            started = time.perf_counter()
            job = self.pipeline.crew.orders[0].job
            place = self.pipeline.crew.analyzers.index(job)
            troubles: Sequence[Trouble] = ()
            try:
                if place not in self._out:
                    with self.pipeline.stage("synthesize", way.video.id):
                        troubles = self._synthesizer.synthesize(way.video, self.cancel)
            except ModelError as error:
                self._out[place] = error
            if place in self._out and self._synthesizer.lacks(way.video):
                self.ledger.out("synthesize", way, job.name, self._out[place])
            self.ledger.synthesized(way, troubles)
            self.tally.did("synthesize", 0, time.perf_counter() - started)
            self.ledger.close(way)
