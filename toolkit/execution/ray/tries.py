"""How often something may end its worker before it is left alone."""

from __future__ import annotations

from collections.abc import Callable

from toolkit.errors import PoisonError
from toolkit.execution.ray.deaths import Crash
from toolkit.execution.ray.shifts import add_spent
from toolkit.stages.component import Cancel
from toolkit.stages.effort import Effort
from toolkit.work import Trouble

__all__ = ["Tries"]

_NODES_PER_ATTEMPT = 3  # a node that dies says little about what was on it


class Tries:
    """How often an item's worker died.

    Args:
        what: What was done with it.
        most: How often is too often.
        cancel: Ends the run, and with it the workers.
    """

    def __init__(self, what: str, most: int, cancel: Cancel) -> None:
        self._what, self._most, self._cancel = what, most, cancel
        self._points = 0.0

    def count(self, crash: Crash) -> None:
        """One time more.

        Raises:
            PoisonError: That is often enough.
            CancelledError: The worker was ended, for the run was cancelled.
        """
        self._cancel.check()
        self._points += 1.0 if crash.guilty else 1.0 / _NODES_PER_ATTEMPT
        if self._points >= self._most - 0.01:
            raise PoisonError(
                f"{self._what} ended {self._most} worker processes in a row, "
                f"the last one so: {crash.reason}",
                hint="It is left out. A process that needs too much memory is ended, too: look at "
                "the workers' logs.",
            )
        add_spent(Effort(retries=1))

    def troubles(self, stage: str, call: Callable[[], list[Trouble]]) -> list[Trouble]:
        """What a call on a worker gives, or the trouble that it ends all who do it."""
        while True:
            try:
                return call()
            except Crash as crash:
                try:
                    self.count(crash)
                except PoisonError as error:
                    return [Trouble(stage, error)]
