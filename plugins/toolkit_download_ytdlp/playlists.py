"""What a playlist leads to, one video after the other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

from toolkit.errors import CancelledError, DownloadError
from toolkit.net.guard import SCHEMES, Guard
from toolkit.net.pace import Pace
from toolkit.net.tries import persist
from toolkit.records import Source
from toolkit.stages.component import Cancel
from toolkit.stages.download import Entry
from toolkit_download_ytdlp import YtdlpOptions
from toolkit_download_ytdlp.causes import explain
from toolkit_download_ytdlp.client import Client, PlaylistFound, of_days
from toolkit_download_ytdlp.watch import info_of

__all__ = ["entries"]

log = logging.getLogger(__name__)
Connect = Callable[[], tuple[Guard, Client]]


def entries(
    source: Source, connect: Connect, options: YtdlpOptions, pace: Pace, cancel: Cancel
) -> Iterator[Entry]:
    """The videos of a playlist, page by page as they are wanted, each once.

    Where a page cannot be had, the playlist is opened anew, and goes on where it was.

    Args:
        source: The playlist.
        connect: A new client, and what guards it.
        options: The most videos, the days, the tries.
        pace: That of the host.
        cancel: Ends it.

    Raises:
        DownloadError: A page cannot be had.
        CancelledError: ``cancel`` was set.
    """
    given: set[str] = set()
    reading = _Reading(source, connect, cancel)
    try:
        while found := persist(reading.next, source.uri, options, pace, cancel):
            [raw] = found
            uri = _link(raw, source.uri)
            if uri is None or uri in given or not of_days(raw.get("upload_date"), options):
                continue
            given.add(uri)
            yield Entry(
                uri, {**info_of(raw), "playlist": source.uri, "playlist_title": reading.title}
            )
            if options.max_items and len(given) >= options.max_items:
                return
    finally:
        reading.close()


class _Reading:
    """A playlist that is being read."""

    def __init__(self, source: Source, connect: Connect, cancel: Cancel) -> None:
        self._uri, self._connect, self._cancel = source.uri, connect, cancel
        self._open: tuple[Any, Client] | None = None
        self._raw: Iterator[dict[str, Any]] = iter(())
        self._read = 0
        self.title = ""

    def next(self) -> list[dict[str, Any]]:
        """The next entry, none at the end."""
        try:
            if self._open is None:
                self._start()
            raw = next(self._raw, None)
        except Exception as error:  # extractors for 1800 sites may raise anything
            self.close()
            if self._cancel.asked:
                raise CancelledError("The run was cancelled.") from error
            raise explain(error, self._uri)  # noqa: B904 - explain has set its cause
        if raw is None:
            return []
        self._read += 1
        return [raw]

    def _start(self) -> None:
        guard, client = self._connect()
        watching = guard.watching()
        watching.__enter__()
        self._open = watching, client
        try:
            client.extract_info(self._uri)
        except PlaylistFound as found:
            self.title = found.title
            # Paged lists have no iterator of their own, but places that can be asked for.
            self._raw = filter(None, iter(found.result.get("entries") or ()))
        else:
            raise DownloadError("The link leads to no playlist any more.", cause="not-found")
        for _ in range(self._read):
            next(self._raw, None)

    def close(self) -> None:
        if self._open is not None:
            watching, client = self._open
            self._open = None
            client.close()
            watching.__exit__(None, None, None)


def _link(raw: dict[str, Any], page: str) -> str | None:
    """The link of an entry: to its own page, or, if it has none, straight to its media."""
    found = raw.get("webpage_url") if raw.get("webpage_url") != page else None
    if raw.get("_type") in ("url", "url_transparent"):
        found = raw.get("url") or found
    if not found:
        last = (raw.get("formats") or [raw])[-1]
        in_pieces = last.get("protocol", "").startswith(("m3u8", "http_dash"))
        found = (last.get("manifest_url") if in_pieces else None) or last.get("url")
    if not found or urlsplit(found).scheme.lower() not in SCHEMES:
        log.info("%s: left out, for it has no link: %s", page, raw.get("title") or raw.get("id"))
        return None
    return str(found).partition("#__youtubedl_smuggle")[0]
