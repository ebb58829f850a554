"""Timestamps of a file -> seconds since its first frame, always ascending."""

from __future__ import annotations

from fractions import Fraction

__all__ = ["Clock"]

_RESTART_S = 1.0
"""A step back longer than this is a timeline that starts anew, not two frames out of order."""


class Clock:
    """Gives each frame of a stream its time.

    Times are exact where the file's are sound. A frame without a timestamp follows the one before
    by a usual frame's length. Where the timeline starts anew (recordings that were joined byte by
    byte), it is continued. A frame that claims the time of one before it comes right after it.

    Args:
        time_base: Length of a tick in seconds.
        frame_s: Usual length of a frame in seconds.
    """

    def __init__(self, time_base: Fraction, frame_s: float) -> None:
        self._numerator, self._denominator = time_base.as_integer_ratio()
        self._frame_s = frame_s
        self._zero: int | None = None
        self._last_s: float | None = None

    def at(self, ticks: int | None) -> float:
        """The time of the next frame, whose timestamp is this many ticks; None for unknown."""
        if self._last_s is None:
            self._zero, self._last_s = ticks, 0.0
            return 0.0
        following_s = self._last_s + self._frame_s
        if ticks is None:
            self._last_s = following_s
            return following_s
        if self._zero is None:
            self._zero = ticks - self._ticks(following_s)
        # One division of whole numbers: nothing is rounded twice.
        time_s = (ticks - self._zero) * self._numerator / self._denominator
        if time_s < self._last_s - _RESTART_S:
            self._zero = ticks - self._ticks(following_s)
            time_s = following_s
        elif time_s <= self._last_s:
            time_s = self._last_s + self._frame_s / 2
        self._last_s = time_s
        return time_s

    def of(self, ticks: int) -> float:
        """The time of a frame out of turn, once the first frame had its own."""
        assert self._zero is not None  # the first frame's timestamp
        return (ticks - self._zero) * self._numerator / self._denominator

    def ticks(self, time_s: float) -> int:
        """The timestamp of a time, once the first frame had its own."""
        return (self._zero or 0) + self._ticks(time_s)

    def _ticks(self, seconds: float) -> int:
        return round(seconds * self._denominator / self._numerator)
