"""A bound for the frames in the object store, so that Ray has none to write to disk."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque

from toolkit.execution.ray.bundles import Lot
from toolkit.stages.component import Cancel

__all__ = ["Room"]

_SHARE = 0.5  # of a node's object store; the rest is for what scans make ahead, and for copies
_FREED_S = 1.2  # Ray deletes what nobody needs any more once a second


class Room:
    """Bounds the frames that lie on a node: those that have left their scan."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._most: dict[str, int] = {}
        self._taken: Counter[str] = Counter()
        self._freed: deque[tuple[float, str, int]] = deque()

    def take(self, lot: Lot, cancel: Cancel) -> None:
        """Wait until there is room for one lot more on its node, once for all of its scenes.

        Raises:
            CancelledError: ``cancel`` was set.
        """
        if lot.counted:
            return
        node = lot.node
        most = self._most.get(node) or self._most.setdefault(node, self._of(node))
        with self._changed:
            while (here := self._here(node)) and here + lot.size_bytes > most:
                cancel.check()
                self._changed.wait(0.1)
            self._taken[node] += lot.size_bytes
            lot.counted = True

    def give(self, lot: Lot) -> None:
        """The frames of one of its scenes are not needed any more."""
        with self._changed:
            lot.left -= 1
            if not lot.left and lot.counted:
                self._freed.append((time.monotonic(), lot.node, lot.size_bytes))

    def _here(self, node: str) -> int:
        while self._freed and self._freed[0][0] < time.monotonic() - _FREED_S:
            _, where, size_bytes = self._freed.popleft()
            self._taken[where] -= size_bytes
        return self._taken[node]

    def _of(self, node: str) -> int:
        import ray

        mine = [one["Resources"] for one in ray.nodes() if one["NodeID"] == node]
        return int(_SHARE * sum(one.get("object_store_memory", 0.0) for one in mine))
