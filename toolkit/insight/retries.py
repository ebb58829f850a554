"""What of a run another try can help with, and what it cannot."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from toolkit.config import redact
from toolkit.errors import SourceError
from toolkit.records import Failure, Run, RunSource
from toolkit.stages.store import Store

__all__ = ["Retry", "helpable", "retry_of"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Retry:
    """What to take up again: the sources with failures that may pass.

    ``left`` are the failures that stay what they are, ``unfinished`` counts the sources that the
    run did not come to: those are for a resumed run.
    """

    sources: tuple[str, ...]
    left: tuple[Failure, ...]
    unfinished: int


def retry_of(store: Store, run: Run) -> Retry:
    """What another try of this run can help with."""
    failures = store.find(Failure, run_id=run.id)
    passing = {failure.source for failure in failures if failure.retriable}
    ways = store.find(RunSource, run_id=run.id)
    return Retry(
        tuple(way.uri for way in ways if redact(way.uri) in passing),
        tuple(failure for failure in failures if not failure.retriable),
        sum(way.status in ("pending", "cancelled") for way in ways),
    )


def helpable(store: Store, run: Run) -> tuple[str, ...]:
    """The sources to take up again; the log tells how much is left alone.

    Raises:
        SourceError: There are none.
    """
    found = retry_of(store, run)
    if not found.sources:
        raise SourceError(
            f"Nothing of the run {run.id} can be helped by another try.",
            hint="Its failures say why: run.failures",
        )
    if found.left:
        log.warning("%d failures are left alone, see run.failures", len(found.left))
    return found.sources
