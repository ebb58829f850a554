"""Sources for those who fetch: the given ones, then what playlists among them lead to."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from toolkit.errors import CancelledError, DownloadError, SourceError
from toolkit.execution.ledger import Ledger
from toolkit.records import Source
from toolkit.sources import linked
from toolkit.stages.component import Cancel
from toolkit.stages.download import Entry, Playlist
from toolkit.work import wrapped

__all__ = ["Feed"]

_WAKE_S = 0.2  # how often whoever waits looks whether the run was cancelled
_DEEPEST = 3  # a channel has playlists, which have videos; what goes deeper has no end


class Feed:
    """Gives sources out, each once. A playlist is asked for its next video when one is wanted.

    Args:
        ledger: Told what playlists lead to.
        cancel: Ends every wait.
    """

    def __init__(self, ledger: Ledger, cancel: Cancel) -> None:
        self._ledger = ledger
        self._cancel = cancel
        self._waiting: deque[tuple[Source, float]] = deque()
        self._waited_s = 0.0
        self._open: deque[Iterator[Source]] = deque()
        self._busy = 0
        self._drawing = False
        self._changed = threading.Condition()

    def add(self, sources: Iterable[Source]) -> None:
        """Give these out first."""
        with self._changed:
            now_s = time.perf_counter()
            self._waiting.extend((source, now_s) for source in sources)
            self._changed.notify_all()

    def open(self, source: Source, playlist: Playlist) -> None:
        """A source that was given out leads to these."""
        self._ledger.opened(source, playlist.title)
        with self._changed:
            self._open.append(self._drawn(source, playlist))
            self._changed.notify_all()

    def done(self) -> None:
        """Whoever has taken a source knows what it leads to."""
        with self._changed:
            self._busy -= 1
            self._changed.notify_all()

    def __len__(self) -> int:
        return len(self._waiting)

    def waited_s(self) -> float:
        """Seconds that sources waited, all together: those taken since this was last asked."""
        with self._changed:
            waited_s, self._waited_s = self._waited_s, 0.0
        return waited_s

    def take(self, leaves: Callable[[], bool] = lambda: False) -> Source | None:
        """The next source; None when there are no more. Call :meth:`done` after each.

        Args:
            leaves: Asked while there is no source: whether to wait no longer.

        Raises:
            CancelledError: The run was cancelled.
        """
        while True:
            with self._changed:
                self._cancel.check()
                if self._waiting:
                    self._busy += 1
                    source, since_s = self._waiting.popleft()
                    self._waited_s += time.perf_counter() - since_s
                    return source
                if leaves() or (not self._open and not self._busy):
                    return None  # nobody is at work who could still find a playlist
                if not self._open or self._drawing:
                    self._changed.wait(_WAKE_S)
                    continue
                playlist = self._open[0]
                self._drawing = True
            if drawn := self._draw(playlist):
                return drawn

    def _draw(self, playlist: Iterator[Source]) -> Source | None:
        source = None
        try:
            source = next(playlist, None)
        finally:
            with self._changed:
                self._drawing = False
                self._busy += source is not None
                if source is None:
                    self._open.remove(playlist)
                self._changed.notify_all()
        return source

    def _drawn(self, source: Source, playlist: Playlist) -> Iterator[Source]:
        depth = source.info.get("depth", 0)
        below = depth + 1 if isinstance(depth, int) else 1
        try:
            if below > _DEEPEST:
                raise DownloadError(
                    f"It is a playlist {depth} playlists deep.",
                    hint="Name the playlist itself.",
                    cause="unsupported",
                )
            for entry in playlist.entries:
                found = self._source(entry, below, source.requested_by)
                if found and self._ledger.joins(found):
                    yield found
        except CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - a plugin is someone else's code
            what = f"Reading the playlist {playlist.title}"
            self._ledger.broke_off(source, wrapped(DownloadError, what, error))

    def _source(self, entry: Entry, depth: int, requested_by: str) -> Source | None:
        info = {**entry.info, "depth": depth}
        try:
            return linked(entry.uri, info=info, requested_by=requested_by)
        except (SourceError, ValueError) as error:
            self._ledger.fail("acquire", entry.uri, wrapped(SourceError, "The link", error))
            return None
