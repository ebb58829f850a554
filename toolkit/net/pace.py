"""How fast one host is asked, by all threads of this process together.

A token bucket lets a burst pass and then a steady rate (Turner, "New directions in
communications", 1986). Whoever takes more than is there has to wait until it would have been, so
that those who wait are served in the order they came, and nobody starves.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from toolkit.net.options import WebOptions
from toolkit.stages.component import Cancel

__all__ = ["Bucket", "Pace", "pace_of"]

_LOOK_S = 0.1  # how often somebody who waits for a place looks whether the run was cancelled
_LONGEST_HOLD_S = 60.0
_BEAT_S = 0.1


class Bucket:
    """Tokens that come back at a steady rate.

    Args:
        rate: Tokens a second; 0 for as many as are asked for.
        burst: Most tokens that are saved up.
    """

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._at_s = time.monotonic()
        self._lock = threading.Lock()

    def reserve(self, tokens: float) -> float:
        """Take tokens, and tell for how many seconds to wait before they are used."""
        if not self._rate:
            return 0.0
        with self._lock:
            now_s = time.monotonic()
            self._tokens += (now_s - self._at_s) * self._rate
            self._tokens = min(self._tokens, self._burst) - tokens
            self._at_s = now_s
            return max(0.0, -self._tokens / self._rate)


class Pace:
    """What one host is asked for. Safe to use from any thread."""

    def __init__(self, options: WebOptions) -> None:
        self._requests = Bucket(options.requests_per_s, options.burst)
        self._bytes = Bucket(options.bytes_per_s, options.bytes_per_s)
        self._pause_s = options.pause_s
        self._places = options.host_downloads
        self._changed = threading.Condition()
        self._next_s = self._held_s = 0.0

    @contextmanager
    def place(self, cancel: Cancel) -> Iterator[None]:
        """Wait until a file may be fetched, and keep the place while it is.

        Raises:
            CancelledError: ``cancel`` was set.
        """
        with self._changed:
            while self._places <= 0:
                cancel.check()
                self._changed.wait(_LOOK_S)
            self._places -= 1
            now_s = time.monotonic()
            start_s = max(now_s, self._next_s)
            self._next_s = start_s + self._pause_s
        try:
            _wait(start_s - now_s, cancel)
            yield
        finally:
            with self._changed:
                self._places += 1
                self._next_s = max(self._next_s, time.monotonic() + self._pause_s)
                self._changed.notify()

    def request(self, cancel: Cancel) -> None:
        """Wait until a request may be made.

        Raises:
            CancelledError: ``cancel`` was set.
        """
        _wait(max(self._requests.reserve(1), self._held_s - time.monotonic()), cancel)

    def receive(
        self, size_bytes: int, cancel: Cancel, beat: Callable[[], None] = lambda: None
    ) -> None:
        """So much has come; wait where that is more than may come.

        Args:
            size_bytes: How much.
            cancel: Ends the wait.
            beat: Called all along, for whoever would take the wait for a silent server.

        Raises:
            CancelledError: ``cancel`` was set.
        """
        seconds = self._bytes.reserve(size_bytes)
        while seconds > 0:
            beat()
            _wait(min(seconds, _BEAT_S), cancel)
            seconds -= _BEAT_S

    def hold(self, seconds: float) -> None:
        """The host asks for patience: nobody asks it for anything meanwhile."""
        until_s = time.monotonic() + min(seconds, _LONGEST_HOLD_S)
        self._held_s = max(self._held_s, until_s)


_paces: dict[tuple[object, ...], Pace] = {}
_lock = threading.Lock()


def pace_of(host: str, options: WebOptions) -> Pace:
    """The pace for a host; the same one for all downloaders of this process with such options."""
    limits = ("host_downloads", "requests_per_s", "burst", "bytes_per_s", "pause_s")
    key = (host.lower(), *(getattr(options, name) for name in limits))
    with _lock:
        return _paces.setdefault(key, Pace(options))


def _wait(seconds: float, cancel: Cancel) -> None:
    if seconds > 0:
        cancel.wait(seconds)
    cancel.check()
