"""What every byte of a download passes: progress, pace, and the limits on size."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from toolkit.errors import DownloadError
from toolkit.net.guard import Guard
from toolkit.net.options import WebOptions
from toolkit.net.pace import Pace
from toolkit.stages.component import Cancel
from toolkit.stages.download import Progress

__all__ = ["Meter", "refuse_long"]

_RESERVE_BYTES = 500_000_000  # left free on the disk, for the store and everyone else
_DISK_LOOK_BYTES = 16_000_000
_SLOWEST = 256.0  # bytes a second: at less, the largest text of a page takes days


class Meter:
    """Watches over one download.

    Args:
        options: The limits.
        pace: That of the host.
        guard: Told that the transfer makes progress, as long as it does.
        progress: Told how much is here.
        cancel: Ends it.
        folder: Where the file grows.
    """

    def __init__(
        self,
        options: WebOptions,
        pace: Pace,
        guard: Guard,
        progress: Progress,
        cancel: Cancel,
        folder: Path,
    ) -> None:
        self._options, self._pace, self._guard = options, pace, guard
        self._progress, self._cancel, self._folder = progress, cancel, folder
        limit = options.bytes_per_s
        self._slowest = min(_SLOWEST, limit / 8) if limit else _SLOWEST
        self._window_s, self._window = time.monotonic(), 0
        self._since_disk = _DISK_LOOK_BYTES

    def came(self, size_bytes: int) -> None:
        """So much came over the line just now.

        Raises:
            DownloadError: The disk is nearly full.
            CancelledError: The run was cancelled.
        """
        self._cancel.check()
        self._window += size_bytes
        elapsed_s = time.monotonic() - self._window_s
        if self._window >= self._slowest * max(elapsed_s, self._options.timeout_s / 4):
            self._guard.beat()
            self._window_s, self._window = time.monotonic(), 0
        self._since_disk += size_bytes
        if self._since_disk > _DISK_LOOK_BYTES:
            self._since_disk = 0
            self._look_at_disk(0)
        self._pace.receive(size_bytes, self._cancel, self._guard.beat)

    def at(self, done: int, total: int | None) -> None:
        """So much of the video is here, and so much there will be, where that is known.

        Raises:
            DownloadError: That is too large.
            CancelledError: The run was cancelled.
        """
        self._cancel.check()
        most = self._options.max_size_bytes
        if most and max(done, total or 0) > most:
            raise DownloadError(
                f"The video has {total or done} bytes{'' if total else ' or more'}, "
                f"which is over the limit of {most}.",
                hint="Raise max_size_bytes in [download].",
                cause="too-large",
            )
        self._progress(done, total)

    def expect(self, rest: int | None) -> None:
        """So much is still to come.

        Raises:
            DownloadError: There is no room for it.
        """
        self._look_at_disk(rest or 0)

    def _look_at_disk(self, rest: int) -> None:
        free = shutil.disk_usage(self._folder).free
        if free - rest < _RESERVE_BYTES:
            raise DownloadError(
                f"The disk is nearly full: {free} bytes are free, and {rest} more are needed.",
                hint="Make room and start again: what is here is kept.",
                retriable=True,
                cause="disk-full",
            )


def refuse_long(duration_s: object, options: WebOptions) -> None:
    """See that a video is not too long, where its length is known.

    Raises:
        DownloadError: It is.
    """
    most = options.max_duration_s
    if most and isinstance(duration_s, int | float) and duration_s > most:
        raise DownloadError(
            f"The video is {duration_s:.0f} s long, which is over the limit of {most:g} s.",
            hint="Raise max_duration_s in [download].",
            cause="too-long",
        )
