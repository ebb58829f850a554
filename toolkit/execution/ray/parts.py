"""A long file's scan, shared out among scan workers that have nothing else to do.

Parts are read and joined as :mod:`toolkit.chunks` says, with the very result of one pass.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from toolkit.errors import DecodeError
from toolkit.execution.channel import Channel
from toolkit.execution.ray.hands import Hand
from toolkit.execution.ray.shifts import add_spent, spent
from toolkit.piecework import Piecework
from toolkit.records import Source, Video
from toolkit.stages.component import Cancel
from toolkit.stages.effort import Effort
from toolkit.work import Work

if TYPE_CHECKING:
    from toolkit.execution.ray.remote import RemotePipeline

__all__ = ["Parts"]

log = logging.getLogger(__name__)
T = TypeVar("T")
R = TypeVar("R")


class Parts:
    """One long file, and the workers that read it side by side.

    Args:
        pipeline: Has the worker of a hand do something, and tries again where that dies.
        source: Where the video came from.
        video: The video.
        most: How many workers there is work for.
        cancel: Ends the run.

    Attributes:
        complete: Whether all scenes were given.
    """

    def __init__(
        self,
        pipeline: RemotePipeline,
        source: Source,
        video: Video,
        most: int,
        cancel: Cancel,
    ) -> None:
        self.complete = False
        self._pipeline = pipeline
        self._source, self._video = source, video
        self._most = most
        self._hands = [pipeline.hand]
        self._cancel = cancel
        self._work = Piecework(pipeline)

    def works(self) -> Iterator[Work]:
        """The scenes, in any order; none or some of them if the file has to be scanned whole."""
        try:
            yield from self._works()
        except DecodeError as error:
            log.info("%s is scanned as a whole: %s", self._video.path, error)
        finally:
            for hand in self._hands[1:]:
                hand.leave()

    def _works(self) -> Iterator[Work]:
        chunking = self._call(self._hands[0], "plan")
        if not chunking:
            return
        self._hands += self._pipeline.helpers(self._most - 1)
        if len(self._hands) == 1:
            return
        while wanted := chunking.wanted():

            def read(hand: Hand, chunk: Any, give: Callable[[Any], None]) -> None:
                give(self._call(hand, "read", chunk))

            for reading in self._side_by_side(wanted, read):
                chunking.take(reading)
        joined = chunking.joined
        if not joined:
            return
        pieces = self._call(self._hands[0], "pieces", joined)

        def scan(hand: Hand, piece: Any, give: Callable[[Work], None]) -> None:
            for work in self._pipeline.scanned(
                hand, self._source, self._video, piece, self._cancel
            ):
                give(work)

        last: Work | None = None
        for work in self._side_by_side(pieces, scan):
            if last:
                yield last
            last = work
        if last:  # all others were given before it
            last.closing = self._work.closing(self._video, joined, pieces)
            self.complete = True
            yield last

    def _call(self, hand: Hand, method: str, *more: Any) -> Any:
        """What a worker says of the video, tried again where one dies."""
        return self._pipeline.surely(
            hand, method, self._source, self._video, *more, cancel=self._cancel
        )

    def _side_by_side(
        self, items: Sequence[T], do: Callable[[Hand, T, Callable[[R], None]], None]
    ) -> Iterator[R]:
        """What comes of the items, a thread a hand; the first error ends it."""
        stop = Cancel()
        todo = deque(items)
        came: Channel[R | Exception] = Channel(len(self._hands), stop, len(self._hands))
        efforts: list[Effort] = []

        def serve(hand: Hand) -> None:
            try:
                while todo and not stop.asked:
                    do(hand, todo.popleft(), came.put)
            except IndexError:
                pass  # another one was quicker
            except Exception as error:  # noqa: BLE001 - raised by whoever reads what came
                if stop.asked:
                    hand.drop()  # it would go on with what nobody wants any more
                else:
                    came.put(error)
            finally:
                efforts.append(spent())
                came.done()

        threads = [
            threading.Thread(target=serve, args=(hand,), name="part", daemon=True)
            for hand in self._hands
        ]
        for thread in threads:
            thread.start()
        try:
            while taken := came.take():
                if isinstance(taken[0], Exception):
                    raise taken[0]
                yield taken[0]
        finally:
            stop.set()
            for thread in threads:
                thread.join()
            for effort in efforts:
                add_spent(effort)
