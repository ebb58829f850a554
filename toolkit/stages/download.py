"""Source -> local file, or the sources that a playlist leads to."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import JsonValue

from toolkit.records import Source
from toolkit.stages.component import Cancel, Component

__all__ = ["VIDEO_SUFFIXES", "Download", "Downloader", "Entry", "Playlist", "Progress"]

VIDEO_SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("3gp", "asf", "avi", "f4v", "flv", "m2ts", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg"),
        *("mts", "mxf", "ogv", "qt", "ts", "vob", "webm", "wmv", "y4m"),
    )
)
"""Names that count as videos in a folder, and in a link; a file named itself may have any."""

Progress = Callable[[int, int | None], None]
"""Told how many bytes are here, and how many there will be where that is known."""


@dataclass(frozen=True)
class Download:
    """A fetched file: its path, what the site said about the video, and subtitles by language."""

    path: Path
    info: dict[str, JsonValue] = field(default_factory=dict)
    subtitles: dict[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """A video, or another playlist, that a playlist leads to: its link and what is said of it."""

    uri: str
    info: dict[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True)
class Playlist:
    """What a link leads to that has no video of its own: a playlist, a channel, a page of several.

    Attributes:
        title: What the site calls it.
        entries: Its videos, asked for one after the other as somebody wants the next; they may
            raise DownloadError or CancelledError. Whoever does not want them all closes the
            generator.
    """

    title: str
    entries: Iterator[Entry]


class Downloader(Component):
    """Fetches links. Local files need none.

    Attributes:
        max_duration_s: Longer videos are not kept, in seconds; 0 for any length. What a site says
            of the length is the downloader's to check, what the file says is the pipeline's.
    """

    max_duration_s: float = 0.0

    @abstractmethod
    def accepts(self, uri: str) -> bool:
        """Whether this downloader can try the link. Cheap: nothing is fetched."""

    @abstractmethod
    def fetch(
        self, source: Source, folder: Path, progress: Progress, cancel: Cancel
    ) -> Download | Playlist:
        """Fetch the video into ``folder``; called from several threads at once.

        The file appears under its final name only when it is whole. The name must be made from
        ``source.id`` so that two sources never meet.

        Raises:
            DownloadError: It could not be fetched; ``retriable`` says whether to try again, and
                ``cause`` in its context why. With the cause "unsupported" the next downloader
                that accepts the link is asked.
            CancelledError: ``cancel`` was set; a partial file stays for the next attempt.
        """
