"""A bounded queue between two stages: it slows the faster one down, and it ends."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from toolkit.stages.component import Cancel

__all__ = ["Channel"]

T = TypeVar("T")
_WAKE_S = 0.2  # how often a waiting thread looks whether the run was cancelled


class Channel(Generic[T]):
    """Items from several producers to several consumers, in order.

    Args:
        size: Most items waiting.
        cancel: Ends every wait.
        producers: How many producers there are; the channel ends when all are done.
        drain: Whether consumers still get what is waiting after the run was cancelled.

    Attributes:
        sharers: Among how many consumers the last items are shared out, once no more will come.
    """

    def __init__(self, size: int, cancel: Cancel, producers: int, *, drain: bool = False) -> None:
        self._size = size
        self._cancel = cancel
        self._producers = producers
        self._drain = drain
        self.sharers = 1
        self._items: deque[tuple[T, float]] = deque()
        self._waited_s = 0.0
        self._turn = threading.RLock()
        # Three, so that nobody is woken for nothing: that costs more than an item.
        self._room = threading.Condition(self._turn)
        self._some = threading.Condition(self._turn)
        self._enough = threading.Condition(self._turn)
        self._patient_for = 0

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> None:
        """Add an item, waiting for room.

        Raises:
            CancelledError: The run was cancelled.
        """
        with self._turn:
            while len(self._items) >= self._size:
                self._cancel.check()
                self._room.wait(_WAKE_S)
            self._cancel.check()
            self._items.append((item, time.perf_counter()))
            self._some.notify()
            if len(self._items) >= self._patient_for:
                self._enough.notify()

    def join(self) -> None:
        """One producer more."""
        with self._turn:
            self._producers += 1

    def done(self) -> None:
        """One producer has nothing more to give."""
        with self._turn:
            self._producers -= 1
            self._some.notify_all()
            self._enough.notify_all()

    def take(
        self,
        most: int = 1,
        patience_s: float = 0.0,
        leaves: Callable[[], bool] = lambda: False,
    ) -> list[T]:
        """At least one item, at most ``most``; none when the channel has ended.

        Args:
            most: Most items to take.
            patience_s: How long to wait for more once there is one.
            leaves: Asked while there is no item: whether to wait no longer.
        """
        with self._turn:
            while not self._items and self._producers > 0 and not self._stopped:
                if leaves():
                    return []
                self._some.wait(_WAKE_S)
            if patience_s and len(self._items) < most:
                self._patient_for = most  # all consumers take as many
                self._enough.wait_for(
                    lambda: len(self._items) >= most or self._producers <= 0 or self._stopped,
                    patience_s,
                )
            if self._stopped and not self._drain:
                return []
            if self._producers <= 0:
                most = min(most, math.ceil(len(self._items) / self.sharers))
            now_s, taken = time.perf_counter(), []
            for _ in range(min(most, len(self._items))):
                item, since_s = self._items.popleft()
                self._waited_s += now_s - since_s
                taken.append(item)
            self._room.notify(len(taken))
            return taken

    def waited_s(self) -> float:
        """Seconds that items waited here, all together: those taken since this was last asked."""
        with self._turn:
            waited_s, self._waited_s = self._waited_s, 0.0
        return waited_s

    @property
    def _stopped(self) -> bool:
        return self._cancel.asked
