"""Try again where that can help, later each time."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from typing import TypeVar

from toolkit.errors import CancelledError, DownloadError, ToolkitError
from toolkit.net.options import WebOptions
from toolkit.net.pace import Pace
from toolkit.stages.component import Cancel
from toolkit.stages.effort import note

__all__ = ["LONGEST_WAIT_S", "pause_s", "persist"]

log = logging.getLogger(__name__)
T = TypeVar("T")
LONGEST_WAIT_S = 60.0


def persist(once: Callable[[], T], uri: str, options: WebOptions, pace: Pace, cancel: Cancel) -> T:
    """The result of the first try that succeeds.

    Between tries there is exponential backoff with jitter, or what the server asks for, if that is
    a minute or less; the host is left alone by everyone for as long as it asks.

    Args:
        once: One try.
        uri: What is tried, for the log.
        options: How often, and how soon again.
        pace: That of the host.
        cancel: Ends the wait.

    Raises:
        DownloadError: The last try's error, or one that another try cannot help.
        CancelledError: ``cancel`` was set.
    """
    tries = options.retries + 1
    for number in range(1, tries + 1):
        try:
            return once()
        except DownloadError as error:
            pace.hold(error.context.get("retry_after_s", 0.0))
            wait_s = pause_s(error, number, options.backoff_s)
            if not error.retriable or number == tries or wait_s > LONGEST_WAIT_S:
                raise
            log.info("%s: %s Try %d of %d.", uri, error.message, number + 1, tries)
            note(retries=1)
        if cancel.wait(wait_s):
            break
    raise CancelledError("The run was cancelled.")


def pause_s(error: ToolkitError, number: int, backoff_s: float) -> float:
    """Seconds to wait after this try: exponential backoff with jitter, or what the server asks for.

    Args:
        error: How the try ended; its ``context["retry_after_s"]`` is what the server asks for.
        number: Which try it was, from 1 on.
        backoff_s: The longest pause after the first.
    """
    longest = min(backoff_s * 2 ** (number - 1), LONGEST_WAIT_S)
    said: float = error.context.get("retry_after_s", 0.0)
    backoff: float = longest * random.uniform(0.5, 1.0)
    return max(said, backoff)
