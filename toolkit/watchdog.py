"""Somebody else's code may hang: whoever waits for it gives up in time."""

from __future__ import annotations

import contextvars
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from toolkit.errors import CancelledError, StalledError
from toolkit.stages.component import Cancel
from toolkit.stages.effort import note
from toolkit.stages.threads import counted

__all__ = ["Beat", "watched", "within"]

log = logging.getLogger(__name__)
T = TypeVar("T")
Beat = Callable[[], None]
"""Called by watched code at every step; raises when nobody waits for it any more."""
_WAKE_S = 0.2  # how often whoever waits looks at the clock, and whether the run was cancelled
_GRACE_S = 1.0  # what watched code gets to come to an end when nobody waits any more


def watched(
    make: Callable[[Beat], Iterator[T]], what: str, stall_s: float, cancel: Cancel
) -> Iterator[T]:
    """Iterate in a thread of its own, and give up on it when it makes no progress.

    A thread that hangs in C code cannot be ended: it is left behind, and ends by itself should it
    ever go on. Items are handed over one by one, so that at most one is ahead.

    Args:
        make: Makes the iterator. What it is given is to be called at every step.
        what: What is being done, for the error: "Decoding 'talk.mp4'".
        stall_s: Seconds without a step after which it counts as stuck.
        cancel: Ends the wait.

    Raises:
        StalledError: It made no step in time.
        CancelledError: ``cancel`` was set.
    """
    worker = _Worker(make)
    worker.thread.start()
    try:
        while item := worker.take(what, stall_s, cancel):
            yield item[0]
    except StalledError:
        worker.leave()
        raise
    except BaseException:
        worker.leave()
        worker.thread.join(_GRACE_S)  # its file is closed before the caller goes on
        raise


def within(call: Callable[[], T], what: str, stall_s: float, cancel: Cancel) -> T:
    """Call in a thread of its own, and give up on it after a time, see :func:`watched`."""
    [result] = watched(lambda _: iter((call(),)), what, stall_s, cancel)
    return result


class _Worker(Generic[T]):
    def __init__(self, make: Callable[[Beat], Iterator[T]]) -> None:
        self._make = make
        self._changed = threading.Condition()
        self._item: tuple[T] | None = None
        self._error: BaseException | None = None
        self._ended = self._left = False
        self._beat_s = time.monotonic()
        context = contextvars.copy_context()  # in which whoever waits collects what this takes
        self.thread = threading.Thread(
            target=context.run, args=(self._run,), name="watched", daemon=True
        )

    def beat(self) -> None:
        self._beat_s = time.monotonic()
        if self._left:
            raise CancelledError("Nobody waits for it any more.")

    def leave(self) -> None:
        with self._changed:
            self._left = True
            self._changed.notify_all()

    def take(self, what: str, stall_s: float, cancel: Cancel) -> tuple[T] | None:
        """The next item; None at the end."""
        started_s = time.monotonic()  # before, it may have waited for its last item to be taken
        with self._changed:
            while self._item is None and not self._ended:
                cancel.check()
                if time.monotonic() - max(self._beat_s, started_s) > stall_s:
                    log.warning("%s hangs; its thread is left behind.", what)
                    raise StalledError(
                        f"{what} made no progress for {stall_s:g} seconds.",
                        hint="Look at the file and its disk; [decode] stall_s is the limit.",
                        retriable=True,
                    )
                self._changed.wait(min(_WAKE_S, stall_s))
            item, self._item = self._item, None
            self._changed.notify_all()
            if item is None and self._error:
                raise self._error
            return item

    def _run(self) -> None:
        with counted():
            self._work()

    def _work(self) -> None:
        spent_s = 0.0
        try:
            for item in self._make(self.beat):
                spent_s = _noted(spent_s)
                self._give(item)
                self.beat()
        except BaseException as error:  # noqa: BLE001 - raised where the items are taken
            self._error = error
        finally:
            _noted(spent_s)
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _give(self, item: T) -> None:
        with self._changed:
            self._item = (item,)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._item is None or self._left)


def _noted(before_s: float) -> float:
    """Note what this thread took since; gives its processor seconds so far."""
    spent_s = time.thread_time()
    note(cpu_s=spent_s - before_s)
    return spent_s
