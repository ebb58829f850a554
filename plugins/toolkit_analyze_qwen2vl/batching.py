"""Which scenes share a batch: as many as a budget of tokens allows, of like length."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, Self, TypeVar

__all__ = ["Batches", "batch_tokens", "next_batch"]

T = TypeVar("T")
_LIKE = 2  # the longest scene of a batch has at most so many times the tokens of the shortest


def batch_tokens(lengths: Sequence[int]) -> int:
    """Tokens of a batch of scenes of these lengths, with the padding of the shorter ones."""
    return max(lengths) * len(lengths)


def next_batch(lengths: Mapping[int, int], budget: int) -> list[int]:
    """The scenes to take next: the first that waits, and those nearest to it in length.

    The first one always goes, so results can be given in order without waiting for long, and a
    scene above the budget goes alone.

    Args:
        lengths: Tokens of each waiting scene, by its place.
        budget: Most tokens of a batch, padding included.

    Returns:
        Places, in order.
    """
    first = min(lengths)
    batch = [first]
    least = most = lengths[first]
    near = sorted(lengths, key=lambda place: (abs(lengths[place] - lengths[first]), place))
    for place in near[1:]:
        shorter, longer = min(least, lengths[place]), max(most, lengths[place])
        if longer <= _LIKE * shorter and longer * (len(batch) + 1) <= budget:
            batch.append(place)
            least, most = shorter, longer
    return sorted(batch)


class Batches(Generic[T]):
    """Batches, each prepared in a thread while the one before is worked on.

    Args:
        lengths: Tokens of each scene, by its place.
        prepare: Makes the scenes at these places ready; called from one other thread.
    """

    def __init__(self, lengths: Mapping[int, int], prepare: Callable[[Sequence[int]], T]) -> None:
        self._waiting = dict(lengths)
        self._prepare = prepare
        self._budget = 0
        self._ahead: tuple[list[int], Future[T]] | None = None
        self._thread = ThreadPoolExecutor(1, "prepare")

    def take(self, budget: int) -> tuple[list[int], Future[T]]:
        """The next batch's places and what was prepared of it; its successor is begun."""
        if self._ahead is None or self._budget != budget:
            self._begin(budget)
        assert self._ahead is not None
        batch, prepared = self._ahead
        for place in batch:
            del self._waiting[place]
        self._ahead = None
        if self._waiting:
            self._begin(budget)
        return batch, prepared

    def _begin(self, budget: int) -> None:
        if self._ahead:
            self._ahead[1].cancel()
        batch = next_batch(self._waiting, budget)
        self._ahead, self._budget = (batch, self._thread.submit(self._prepare, batch)), budget

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._thread.shutdown(cancel_futures=True)
