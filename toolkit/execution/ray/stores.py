"""The store as the processes of a run see it: one of them has it, the others ask that one."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from toolkit.errors import StoreError, ToolkitError
from toolkit.records import Record
from toolkit.stages.component import Cancel
from toolkit.stages.store import Hit, Store, Where

__all__ = ["PatientStore", "RemoteStore"]

log = logging.getLogger(__name__)
R = TypeVar("R", bound=Record)
T = TypeVar("T")
_PATIENCE_S = 120.0  # a server that restarts, a primary that steps down
_PAUSE_S = 0.5


class PatientStore(Store):
    """A store that is waited for while it is away. All writes may be repeated safely.

    Args:
        store: The store itself.
        cancel: Ends the wait.
    """

    def __init__(self, store: Store, cancel: Cancel) -> None:
        self._store = store
        self._cancel = cancel

    def save(self, records: Iterable[Record]) -> None:
        """See :class:`~toolkit.stages.store.Store`, and so below."""
        rows = list(records)
        self._insist(lambda: self._store.save(rows))

    def stream(self, kind: type[R], /, **where: Where) -> Iterator[R]:
        """Records that fit, read as a whole: a broken stream could not be taken up again."""
        return iter(self.find(kind, **where))

    def find(self, kind: type[R], /, **where: Where) -> list[R]:
        """Records that fit."""
        return self._insist(lambda: self._store.find(kind, **where))

    def count(self, kind: type[Record], /, **where: Where) -> int:
        """How many fit."""
        return self._insist(lambda: self._store.count(kind, **where))

    def delete(self, kind: type[Record], /, **where: Where) -> int:
        """Delete those that fit."""
        return self._insist(lambda: self._store.delete(kind, **where))

    def scrub(self) -> Sequence[str]:
        """See that nothing deleted can be read."""
        return self._insist(self._store.scrub)

    def search(
        self, words: str, *, limit: int = 20, without: Collection[str] = ()
    ) -> Sequence[Hit]:
        """Scenes with these words."""
        return self._insist(lambda: self._store.search(words, limit=limit, without=without))

    def close(self) -> None:
        """Close the store itself."""
        self._store.close()

    def _insist(self, call: Callable[[], T]) -> T:
        until = time.monotonic() + _PATIENCE_S
        while True:
            try:
                return call()
            except StoreError as error:
                if not error.retriable or time.monotonic() > until or self._cancel.wait(_PAUSE_S):
                    raise
                log.warning("The store is tried again: %s", error.message)


class RemoteStore(Store):
    """The store of the run's coordinator, for a worker: nobody else writes.

    What the coordinator knows when it calls is not asked for: each question costs both a
    millisecond or two.

    Args:
        coordinator: The coordinator's handle.

    Attributes:
        unknown: Kinds of which there is nothing there about the item at hand.
        held: Rows that go back with the call's result; None where they are saved at once.
    """

    unknown: frozenset[type[Record]] = frozenset()
    held: list[Record] | None = None

    def __init__(self, coordinator: Any) -> None:
        self._coordinator = coordinator

    def save(self, records: Iterable[Record]) -> None:
        """See :class:`~toolkit.stages.store.Store`, and so below."""
        if self.held is None:
            self._ask("save", list(records))
        else:
            self.held += records

    def stream(self, kind: type[R], /, **where: Where) -> Iterator[R]:
        """Records that fit, read as a whole: a broken stream could not be taken up again."""
        return iter(self.find(kind, **where))

    def find(self, kind: type[R], /, **where: Where) -> list[R]:
        """Records that fit."""
        if kind in self.unknown:
            return []
        found: list[R] = self._ask("find", kind, where)
        return found

    def count(self, kind: type[Record], /, **where: Where) -> int:
        """How many fit."""
        if kind in self.unknown:
            return 0
        return int(self._ask("count", kind, where))

    def delete(self, kind: type[Record], /, **where: Where) -> int:
        """Delete those that fit."""
        raise NotImplementedError("A worker deletes nothing.")

    def scrub(self) -> Sequence[str]:
        """See that nothing deleted can be read."""
        raise NotImplementedError("A worker deletes nothing.")

    def search(
        self, words: str, *, limit: int = 20, without: Collection[str] = ()
    ) -> Sequence[Hit]:
        """Scenes with these words."""
        raise NotImplementedError("A worker searches for nothing.")

    def _ask(self, method: str, *arguments: Any) -> Any:
        import ray
        from ray.exceptions import RayTaskError

        try:
            return ray.get(getattr(self._coordinator, method).remote(*arguments))
        except RayTaskError as error:
            if isinstance(error.cause, ToolkitError):
                raise error.cause from None
            raise
