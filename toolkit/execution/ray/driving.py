"""The engine inside the coordinator: the local one, with workers elsewhere and more or fewer."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from toolkit.errors import CancelledError, ClusterError
from toolkit.execution.channel import Channel
from toolkit.execution.local import LocalEngine
from toolkit.execution.ray.bundles import BUNDLE_BYTES
from toolkit.execution.ray.hands import Hand
from toolkit.execution.ray.metrics import Gauges
from toolkit.execution.ray.pools import Agency, Pool
from toolkit.execution.ray.remote import RemotePipeline
from toolkit.execution.ray.shifts import spent
from toolkit.execution.stint import Stint
from toolkit.records import Run, Video
from toolkit.sources import Expanded
from toolkit.stages.component import Cancel
from toolkit.stages.effort import Effort
from toolkit.work import Trouble, Work

__all__ = ["RayEngine"]

log = logging.getLogger(__name__)
_STARTING_S = 20.0  # until workers are up, nobody knows how much room they leave
_CALL_S = 1.0  # of work is worth a call, which takes some milliseconds by itself
_DEPTH = 3  # calls on an analyzer at once: the next batch is there when it is done with one


class RayEngine(LocalEngine):
    """One run, driven from here and done elsewhere.

    A thread stands for one call at a time on one worker (three on an analyzer), so that queues,
    order, counts and rows are those of the local engine. Frames are references here.

    Args:
        pipeline: How each stage is done. The engine closes it.
        row: The run's row.
        given: The run's sources, and the words that led to none.
        agency: Starts workers.
        tagger: The worker that tags.
        cancel: Ends the run.
    """

    _works_here = False
    pipeline: RemotePipeline

    def __init__(
        self,
        pipeline: RemotePipeline,
        row: Run,
        given: Sequence[Expanded],
        agency: Agency,
        tagger: Hand,
        cancel: Cancel,
    ) -> None:
        self._agency = agency
        self._tagger = tagger
        self._gauges = Gauges(row.id)
        pipeline.alone, pipeline.helpers = self._alone, self._helpers
        self._batches = [job.component.batch_size for job in pipeline.crew.analyzers]
        sampling = pipeline.settings.sampling
        self._scene_bytes = sampling.most * sampling.max_pixels * 3
        super().__init__(pipeline, row, given, cancel)

    # ------------------------------------------------------------------ sizes

    def _crowds(self, files: int) -> tuple[int, int, list[int]]:
        lookers = [pool.least * _DEPTH for pool in self._agency.pools if pool.stage == "analyze"]
        return 1, 1, lookers

    # ------------------------------------------------------------------ threads and workers

    def _crowd(self, name: str, target: Callable[[], None], count: int) -> None:
        if name == "upload":
            super()._crowd(name, target, count)
        elif name == "save":
            super()._crowd(name, functools.partial(self._manned, self._tagger, target), count)
        elif name == "synthesize":
            for _ in range(count):  # whoever looked at scenes first has the model loaded
                place = self.pipeline.crew.analyzers.index(self.pipeline.crew.orders[0].job)
                writer = self._pool("analyze", place).hands[0]
                writer.join()
                super()._crowd(name, functools.partial(self._manned, writer, target), 1)
        else:
            place = target.args[0] if isinstance(target, functools.partial) else 0
            depth = _DEPTH if name == "analyze" else 1
            pool = self._pool(name, place)
            for _ in range(count // depth):
                hand = self._agency.hire(pool, depth)
                if name != "acquire" or len(self._feed):
                    hand.start()
                super()._crowd(name, functools.partial(self._manned, hand, target), depth)

    def _pool(self, stage: str, place: int) -> Pool:
        return next(p for p in self._agency.pools if (p.stage, p.place) == (stage, place))

    def _alone(self) -> bool:
        """Whether no other file waits for a scan."""
        return not len(self._videos) and not len(self._feed)

    def _helpers(self, most: int) -> list[Hand]:
        """Scan workers for a long file: idle ones, and new ones for cores that nobody waits for."""
        end = time.monotonic() + _STARTING_S
        while time.monotonic() < end and not self._agency.settled():
            self.cancel.wait(0.1)
        pool = self._pool("scan", 0)
        idle = [hand for hand in pool.working if hand.ready and not hand.busy]
        idle = [hand for hand in idle if hand is not self.pipeline.hand][:most]
        for hand in idle:
            hand.join()
        more = min(most - len(idle), pool.fits(self._agency.room()))
        return idle + [self._agency.hire(pool) for _ in range(more)]

    def _manned(self, hand: Hand, target: Callable[[], None]) -> None:
        self.pipeline.lend(hand)
        try:
            target()
        finally:
            hand.leave()

    def _leaves(self) -> bool:
        return self.pipeline.hand.retired

    def _spent(self, stint: Stint) -> Effort:
        effort, here = spent(), stint.lap()
        effort.blocked_s += here.blocked_s
        effort.hits += here.hits
        return effort

    def _tag(self, works: Sequence[Work]) -> None:
        with suppress(CancelledError):  # what is analyzed is saved, and tagged by the next run
            self.pipeline.tag_all(works, self.cancel)

    def _tag_whole(self, video: Video) -> Sequence[Trouble]:
        return self.pipeline.tag_whole(self._tagger, video, self.cancel)

    def _route(self, work: Work, stint: Stint) -> None:
        held: Any = work.frames
        if held and not work.missing:
            self.pipeline.room.give(held.lot)
        super()._route(work, stint)

    def _stop(self) -> None:
        for pool in self._agency.pools:
            for hand in pool.hands:
                hand.close()
        self._tagger.close()
        self.pipeline.close()

    # ------------------------------------------------------------------ more and fewer

    def _tend(self) -> None:
        super()._tend()
        pools = self._agency.pools
        for stage in ("acquire", "scan", "analyze"):
            mine = [pool for pool in pools if pool.stage == stage]
            ready = [hand for pool in mine for hand in pool.working if hand.ready]
            span_s = sum(hand.span_s for pool in mine for hand in pool.hands)
            self.tally.man(stage, len(ready), sum(hand.busy for hand in ready), span_s)
        progress = self.tally.progress()
        self._gauges.show(progress)
        if self.cancel.asked:
            return
        try:
            self._agency.check()
        except ClusterError as error:
            self._abort(error)
            return
        room = functools.cache(self._agency.room)
        for pool in pools:
            done = progress.stages[pool.stage]
            item_s = done.seconds / done.done if done.done else 0.0
            if pool.stage == "analyze":
                self._share(pool, item_s)
                item_s *= self._size(pool)
            for _ in range(pool.wants(self._backlog(pool), item_s, room)):
                self._grow(pool)
                for name, need in pool.needs.items():
                    room()[name] = room().get(name, 0.0) - need
            pool.squeeze_in(room, self._agency.cores())
            pool.shrink()
            pool.complain()

    def _share(self, pool: Pool, scene_s: float) -> None:
        """How many scenes go to an analyzer in a call: of its batches as many as it is worth."""
        workers, batch = len(pool.working), self._batches[pool.place]
        most = min(_CALL_S / (batch * scene_s or 1.0), BUNDLE_BYTES / (batch * self._scene_bytes))
        self.pipeline.crew.analyzers[pool.place].component.batch_size = batch * max(1, int(most))
        self._looks[pool.place].sharers = workers * _DEPTH if workers > 1 else 1

    def _backlog(self, pool: Pool) -> int:
        """How many items wait for a stage, though the next one could take more.

        Queues are short: where one is filled as fast as it is emptied, what waits in front of it
        counts, too. Of videos it is not known yet how many scenes they have: one at least.
        """
        sources, videos = len(self._feed), len(self._videos)
        if pool.stage == "acquire":
            return 0 if videos > 1 else sources
        most = self.pipeline.settings.execution.scene_queue
        full = [len(look) * 2 > most for look in self._looks]
        if pool.stage == "scan":
            return 0 if any(full) else videos + (sources if videos > 1 else 0)
        scenes = len(self._looks[pool.place])
        return (scenes + (videos + sources if full[pool.place] else 0)) // self._size(pool)

    def _size(self, pool: Pool) -> int:
        """How many items a worker takes at once."""
        if pool.stage != "analyze":
            return 1
        return self.pipeline.crew.analyzers[pool.place].component.batch_size

    def _grow(self, pool: Pool) -> None:
        targets: dict[str, tuple[Callable[[], None], list[Channel[Any]], int]] = {
            "acquire": (self._acquire, [self._videos], 1),
            "scan": (self._scan, self._fed_by_scan(), 1),
            "analyze": (
                functools.partial(self._analyze, pool.place),
                self._fed_by_analyzer(pool.place),
                _DEPTH,
            ),
        }
        target, channels, count = targets[pool.stage]
        for channel in channels * count:
            channel.join()
        self._crowd(pool.stage, target, count)
