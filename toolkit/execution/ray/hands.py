"""A worker as the coordinator sees it: called, watched, and replaced when it dies.

Ray tells of a process that died and can start it again by itself; it does not count how often an
item was there when it happened. So here nothing is restarted or retried by Ray: a call on a
worker that dies raises a ``Crash``, the next call has a new worker, and whoever called counts.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from toolkit.errors import CancelledError, PluginError
from toolkit.execution.ray.bundles import Bundle, Held, Lot
from toolkit.execution.ray.deaths import Crash, alive, brief, end, meant
from toolkit.execution.ray.packing import unpacked
from toolkit.execution.ray.shifts import Done, Shift, add_spent

__all__ = ["Hand"]

log = logging.getLogger(__name__)
_STARTS = 5  # so many workers in a row may die before they have done anything
_ROOM_S = 2.0  # how long a worker gets to come up until a sibling's does what it was to do


class Hand:
    """One worker, a new one whenever it has died. Several threads may share it.

    Args:
        hire: Starts a worker: its handle, and the reference of its node's id once it is ready.
        threads: How many threads use it; the last to leave ends it.
        siblings: Others whose workers can do the same. They do so while there is no room on the
            cluster for this one's, as after its node is lost.
    """

    def __init__(
        self,
        hire: Callable[[], tuple[Any, Any]],
        threads: int = 1,
        siblings: Callable[[], Sequence[Hand]] = lambda: (),
    ) -> None:
        self._hire = hire
        self._siblings = siblings
        self._lock = threading.Lock()
        self._threads = threads
        self._actor: Any = None
        self._prepared: Any = None
        self._closed = False
        self._calls: list[object] = []  # in the order the worker gets them
        self._suspect: object = None
        self._starts = 0
        self._shifts: list[float] = []  # begin of the first, end of the last, of this worker
        self.node = ""
        self.retired = False
        self.hired_at = math.inf  # of the worker that it has or waits for
        self.quiet_since = self.busy_since = time.monotonic()
        self.span_s = 0.0

    @property
    def busy(self) -> bool:
        """Whether something is asked of it."""
        return bool(self._calls)

    @property
    def ready(self) -> bool:
        """Whether its worker is up: until then it waits for room on the cluster."""
        return bool(self.node)

    @property
    def up(self) -> bool:
        """Whether its worker is up, also where nobody has asked it for anything yet."""
        import ray

        prepared = self._prepared
        return self.ready or bool(prepared and ray.wait([prepared], timeout=0)[0])

    def start(self) -> None:
        """Start its worker before there is something to do."""
        with self._lock:
            self._started()

    def _started(self) -> tuple[Any, Any]:
        if self._closed:
            raise CancelledError("The run was cancelled.")
        if self._actor is None:
            self._actor, self._prepared = self._hire()
            self.hired_at = time.monotonic()
            self._shifts = []
        return self._actor, self._prepared

    def _able(self) -> Hand:
        """Itself, or while its worker waits for room a sibling, which is joined."""
        import ray

        while True:
            with self._lock:
                _, prepared = self._started()
            wait_s = max(0.0, self.hired_at + _ROOM_S - time.monotonic())
            if self.ready or ray.wait([prepared], timeout=wait_s)[0]:
                return self
            others = [hand for hand in self._siblings() if hand is not self and hand.up]
            for hand in sorted(others, key=lambda hand: len(hand._calls)):
                if hand.join():
                    return hand
            if not others and ray.wait([prepared], timeout=_ROOM_S)[0]:
                return self

    def _at_work(self) -> Any:
        """A worker that is ready.

        Raises:
            ToolkitError: None can work.
        """
        import ray

        while True:
            with self._lock:
                actor, prepared = self._started()
            try:
                node = ray.get(prepared)
            except Exception as error:  # noqa: BLE001 - whatever Ray raises is told apart there
                told = meant(error) or self._crashed(actor, None, error)
                if not isinstance(told, Crash):
                    raise told from None
                self._starts += 1
                if self._starts >= _STARTS:
                    raise PluginError(
                        f"{_STARTS} worker processes in a row died as they started: {told.reason}",
                        hint="Look at their logs: ray logs cluster",
                    ) from None
                continue
            self.node = node
            return actor

    def call(self, method: str, *arguments: Any, name: str = "", **named: Any) -> Any:
        """Call the worker and wait for what it gives.

        Args:
            method: A method that returns :class:`Done`.
            arguments: Its arguments; references among them are read by the worker.
            name: What the call is called on the cluster.
            named: More arguments.

        Raises:
            Crash: The worker died.
            LostError: A reference leads to nothing any more.
            ToolkitError: What the worker raised.
        """
        import ray

        with self._asked(method, arguments, named, name) as (hand, reference):
            return hand._noted(ray.get(reference))

    def call_keeping(self, method: str, *arguments: Any, name: str = "") -> Any:
        """The same for a method that gives something large too: its reference."""
        import ray

        with self._asked(method, arguments, {}, name, num_returns=2) as (hand, (done, large)):
            hand._noted(ray.get(done))
            return large

    def scan(self, *arguments: Any, name: str, ahead: int, known: bool) -> Iterator[Any]:
        """Iterate over :meth:`toolkit.execution.ray.workers.Worker.scan`.

        Each item is (work, thumbnail), with :class:`Held` for ``work.frames``; at most ``ahead``
        messages are made before they are asked for.
        """
        import ray

        options = {"num_returns": "streaming", "_generator_backpressure_num_objects": ahead}
        with self._asked("scan", arguments, {"known": known}, name, **options) as (hand, messages):
            for reference in messages:
                bundle: Bundle = unpacked(ray.get(reference))
                works: list[tuple[Any, Any]] = list(bundle.works)
                if framed := bundle.framed:
                    frames, size = next(messages), bundle.frames_bytes
                    lot = Lot(frames, size, len(framed), hand.node)
                    for place, index in enumerate(framed):
                        works[index][0].frames = Held(lot, place)
                    del frames, lot  # as soon as no scene needs them Ray may delete them
                hand._noted(Done(None, bundle.shift))
                yield from works

    @contextmanager
    def _asked(
        self, method: str, arguments: Any, named: Any, name: str, **options: Any
    ) -> Iterator[tuple[Hand, Any]]:
        """A call that goes on: who does it, and the reference of what it gives."""
        hand, ticket = self._able(), object()
        try:
            actor = hand._at_work()
            call = getattr(actor, method).options(name=name or method, **options)
            with hand._lock:  # so that the calls are in the order in which the worker gets them
                if not hand._calls:
                    hand.busy_since = time.monotonic()
                hand._calls.append(ticket)
                reference = call.remote(*arguments, **named)
            try:
                yield hand, reference
            except Exception as error:  # noqa: BLE001 - whatever Ray raises is told apart there
                raise meant(error) or hand._crashed(actor, ticket, error) from None
            finally:
                hand._over(ticket)
        finally:
            if hand is not self:
                hand.leave()

    def _over(self, ticket: object) -> None:
        with self._lock:
            self._calls.remove(ticket)
            self.quiet_since = time.monotonic()

    def _noted(self, done: Done) -> Any:
        with self._lock:
            self._starts = 0
            shift: Shift = done.shift
            before = self._shifts[1] - self._shifts[0] if self._shifts else 0.0
            self._shifts = [self._shifts[0] if self._shifts else shift.begin_s, shift.end_s]
            self.span_s += self._shifts[1] - self._shifts[0] - before
        add_spent(done.shift.effort)
        return done.value

    def _crashed(self, actor: Any, ticket: object, error: Exception) -> Crash:
        with self._lock:
            if self._actor is actor:  # the first thread to notice
                self._suspect = self._calls[0] if self._calls else None
                self._actor = None
                gone, self.node = self.node, ""
            else:
                gone = ""
            guilty = ticket is not None and self._suspect is ticket
        end(actor)
        if guilty and gone and not alive(gone):
            guilty = False
        reason = brief(str(error))
        if not self._closed:
            log.warning("A worker died%s: %s", "" if guilty else " with its node", reason)
        return Crash(reason, guilty=guilty)

    @property
    def closed(self) -> bool:
        """Whether it will do nothing more."""
        return self._closed

    def join(self) -> bool:
        """A thread more uses it, unless it is at its end."""
        with self._lock:
            self._threads += not self._closed
            return not self._closed

    def hire_again(self) -> None:
        """Give up a worker that waits for room, and have another."""
        if not self.ready:
            self.drop()

    def drop(self) -> None:
        """Give up a worker, whatever it is at, and have another for the next call."""
        with self._lock:
            actor, self._actor = self._actor, None
            self.node = ""
        if actor is not None:
            end(actor)

    def leave(self) -> None:
        """A thread uses it no more."""
        with self._lock:
            self._threads -= 1
        if self._threads <= 0:
            self.close()

    def close(self) -> None:
        """End its worker at once, and have no other."""
        with self._lock:
            self._closed = True
            actor, self._actor = self._actor, None
        if actor is not None:
            end(actor)
