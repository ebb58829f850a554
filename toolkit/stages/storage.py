"""Files to and from a cloud."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from toolkit.stages.component import Cancel, Component
from toolkit.stages.download import Progress

__all__ = ["Page", "Storage", "Stored"]


@dataclass(frozen=True)
class Stored:
    """A file in a cloud.

    Attributes:
        url: Its address, such as ``s3://bucket/talks/one.mp4``; nothing in it is escaped.
        size_bytes: Its size.
        version: Another one whenever the content is another: an ETag, a generation, a revision.
        modified_at: When it was written, where that is known.
        checksum: As its storage writes it; "" where a listing does not tell.
    """

    url: str
    size_bytes: int
    version: str
    modified_at: datetime | None = None
    checksum: str = ""


@dataclass(frozen=True)
class Page:
    """A part of a listing, and how to ask for the next one; "" if this is the last."""

    files: Sequence[Stored]
    after: str = ""


class Storage(Component):
    """Files in one or several clouds. Safe to use from many threads.

    Every method tries once: whoever calls it tries again where that can help, with the pauses that
    the settings and the cloud ask for (``context["retry_after_s"]`` of the error). While it waits
    for the cloud it looks at ``cancel`` several times a second.

    Raises:
        StorageError: It did not work; ``retriable`` says whether to try again.
        CancelledError: ``cancel`` was set.
    """

    @abstractmethod
    def accepts(self, url: str) -> bool:
        """Whether this storage knows the URL's scheme. Cheap: nothing is asked or imported."""

    def remote(self, url: str) -> bool:
        """Whether the URL leads to another machine."""
        return True

    @abstractmethod
    def page(self, folder: str, after: str, cancel: Cancel) -> Page:
        """Some of the files below a folder, of any depth; none if there is no such folder.

        Args:
            folder: The URL of a bucket or folder, with a slash at its end.
            after: What the page before gave; "" for the first one.
            cancel: A request to stop.
        """

    @abstractmethod
    def stat(self, url: str, cancel: Cancel) -> Stored | None:
        """The file at a URL, with its checksum; None if there is none."""

    @abstractmethod
    def read(self, stored: Stored, start: int, cancel: Cancel) -> Iterator[bytes]:
        """The file's bytes from this one on, in blocks of at most some megabytes.

        A file that has another version by now is an error with the cause "changed".
        """

    @abstractmethod
    def write(self, path: Path, url: str, progress: Progress, cancel: Cancel) -> Stored:
        """Bring a local file to a URL; one that is there is replaced.

        It appears there only when it is whole and its checksum is right. A large file goes in
        parts, and a later call, in this process or another, takes up those that have arrived.
        """

    @abstractmethod
    def holds(self, path: Path, stored: Stored, cancel: Cancel) -> bool | None:
        """Whether a local file has the bytes that are stored, by their checksum.

        None if it has their size, and the cloud has no checksum that tells more.
        """

    @abstractmethod
    def delete(self, url: str, cancel: Cancel) -> None:
        """Delete the file at a URL, if there is one."""
