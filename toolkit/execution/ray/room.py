"""A bound for the frames in the object store, so that Ray has none to write to disk."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque

from toolkit.config.settings import Sampling
from toolkit.stages.component import Cancel

__all__ = ["Room"]

_SHARE = 0.5  # of a node's object store; the rest is for what scans make ahead, and for copies
_FREED_S = 1.2  # Ray deletes what nobody needs any more once a second


class Room:
    """Bounds the scenes whose frames lie on a node: those that have left their scan.

    Args:
        sampling: How many frames a scene has at most, and how large they are.
    """

    def __init__(self, sampling: Sampling) -> None:
        self.scene_bytes = sampling.most * max(sampling.max_pixels, sampling.min_pixels) * 3
        self._changed = threading.Condition()
        self._most: dict[str, int] = {}
        self._taken: Counter[str] = Counter()
        self._nodes: dict[str, str] = {}
        self._freed: deque[tuple[float, str]] = deque()

    def take(self, scene_id: str, node: str, cancel: Cancel) -> None:
        """Wait until there is room for one scene more on a node.

        Raises:
            CancelledError: ``cancel`` was set.
        """
        most = self._most.get(node) or self._most.setdefault(node, self._of(node))
        with self._changed:
            while self._here(node) >= most:
                cancel.check()
                self._changed.wait(0.1)
            self._taken[node] += 1
            self._nodes[scene_id] = node

    def give(self, scene_id: str) -> None:
        """A scene's frames are not needed any more."""
        with self._changed:
            if node := self._nodes.pop(scene_id, None):
                self._freed.append((time.monotonic(), node))

    def _here(self, node: str) -> int:
        while self._freed and self._freed[0][0] < time.monotonic() - _FREED_S:
            self._taken[self._freed.popleft()[1]] -= 1
        return self._taken[node]

    def _of(self, node: str) -> int:
        import ray

        mine = [one["Resources"] for one in ray.nodes() if one["NodeID"] == node]
        size = sum(one.get("object_store_memory", 0.0) for one in mine)
        return max(1, int(_SHARE * size / self.scene_bytes))
