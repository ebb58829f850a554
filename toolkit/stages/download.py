"""Source -> local file."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import JsonValue

from toolkit.records import Source
from toolkit.stages.component import Cancel, Component

__all__ = ["Download", "Downloader", "Progress"]

Progress = Callable[[int, int | None], None]
"""Told how many bytes are here, and how many there will be where that is known."""


@dataclass(frozen=True)
class Download:
    """A fetched file: its path, and what the site said about the video."""

    path: Path
    info: dict[str, JsonValue] = field(default_factory=dict)


class Downloader(Component):
    """Fetches links. Local files need none."""

    @abstractmethod
    def accepts(self, uri: str) -> bool:
        """Whether this downloader can try the link. Cheap: nothing is fetched."""

    @abstractmethod
    def fetch(self, source: Source, folder: Path, progress: Progress, cancel: Cancel) -> Download:
        """Fetch the video into ``folder``; called from several threads at once.

        The file appears under its final name only when it is whole. The name must be made from
        ``source.id`` so that two sources never meet.

        Raises:
            DownloadError: It could not be fetched; ``retriable`` says whether to try again.
            CancelledError: ``cancel`` was set; a partial file stays for the next attempt.
        """
