"""A playlist on its way between processes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from toolkit.errors import DownloadError
from toolkit.stages.download import Entry, Playlist
from toolkit.work import wrapped

__all__ = ["Listed"]


@dataclass(frozen=True)
class Listed:
    """A playlist that was read to its end, or until the error."""

    title: str
    entries: list[Entry]
    error: Exception | None

    @classmethod
    def of(cls, playlist: Playlist) -> Listed:
        """Read it."""
        entries: list[Entry] = []
        error = None
        try:
            entries.extend(playlist.entries)
        except Exception as raised:  # noqa: BLE001 - a plugin is someone else's code
            error = wrapped(DownloadError, f"Reading the playlist {playlist.title}", raised)
        return cls(playlist.title, entries, error)

    def playlist(self) -> Playlist:
        """The same again."""

        def given() -> Iterator[Entry]:
            yield from self.entries
            if self.error:
                raise self.error

        return Playlist(self.title, given())
