"""Clouds as sources of videos: patterns and folders of URLs -> files in the workspace."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Self

from pydantic import JsonValue

from toolkit import transfer
from toolkit.config import Settings
from toolkit.errors import MissingExtraError, PrivacyError, StorageError
from toolkit.net.turns import turn
from toolkit.records import Source, digest
from toolkit.stages.component import Cancel
from toolkit.stages.download import VIDEO_SUFFIXES, Download, Entry, Playlist, Progress
from toolkit.stages.storage import Storage, Stored

__all__ = ["Clouds"]

_MAGIC = re.compile(r"[*?\[]")
_PLAIN = re.compile(r"\.[a-z0-9]{1,10}")
_WEB = ("http://", "https://")
_TRIES = 3  # to see one version of a file from its first byte to its last


class Clouds:
    """The storages that the settings name, each made when the first of its URLs comes.

    Args:
        settings: What the user chose.
        make: Makes a storage by its name.
    """

    def __init__(self, settings: Settings, make: Callable[[str], Storage]) -> None:
        self.settings = settings
        self._make = make
        self._made: dict[str, Storage] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        with self._lock:
            while self._made:
                self._made.popitem()[1].close()

    def find(self, url: str) -> Storage | None:
        """The storage that knows the URL's scheme; None if none does.

        Raises:
            MissingExtraError: The only one that could lacks its libraries.
        """
        if url.lower().startswith(_WEB):
            return None
        lacking: MissingExtraError | None = None
        for name in self.settings.storage.plugin:
            try:
                with self._lock:
                    if name not in self._made:
                        self._made[name] = self._make(name)
                    storage = self._made[name]
            except MissingExtraError as error:
                lacking = error
                continue
            if storage.accepts(url):
                return storage
        if lacking:
            raise lacking
        return None

    def target(self, url: str) -> Storage:
        """The storage that files may be brought to.

        Raises:
            StorageError: No storage knows the URL's scheme.
            PrivacyError: The settings do not let files leave this machine.
        """
        storage = self.find(url)
        if storage is None:
            raise StorageError(
                f"No storage knows the URL {url}.",
                hint="Known: s3://, gs://, dropbox://, file:// ... See: toolkit plugins",
                cause="settings",
            )
        if storage.remote(url) and self.settings.privacy.remote == "deny":
            raise PrivacyError(
                f"The settings do not let files leave this machine for {url}.",
                hint="Allow it with [privacy] remote = allow.",
            )
        return storage

    def version(self, url: str, cancel: Cancel) -> str | None:
        """The version of a cloud's file; None if the URL leads to no file.

        Raises:
            StorageError: It cannot be found out.
            CancelledError: ``cancel`` was set.
        """
        storage = self.find(url)
        assert storage is not None  # whoever asks has asked find() before
        stored = transfer.stat(storage, url, self.settings.storage, cancel)
        return stored.version if stored else None

    def fetch(
        self, source: Source, folder: Path, progress: Progress, cancel: Cancel
    ) -> Download | Playlist:
        """A cloud's file, brought into a folder unless it is there; or what a URL leads to.

        A URL is that of a file, a folder (every video below it, by name), or a pattern:
        ``*`` within a name, ``**`` for folders of any depth.

        Raises:
            StorageError: There is none, or it cannot be fetched.
            CancelledError: ``cancel`` was set; a partial file stays for the next attempt.
        """
        storage = self.find(source.uri)
        assert storage is not None  # whoever asks has asked find() before
        last: StorageError | None = None
        for _ in range(_TRIES):
            stored = transfer.stat(storage, source.uri, self.settings.storage, cancel)
            if stored is None:
                return self._several(storage, source.uri, cancel)
            suffix = PurePosixPath(stored.url).suffix.lower()
            ending = suffix if _PLAIN.fullmatch(suffix) else ""
            # A newer version gets another name: the rows of the old one still lead to its file.
            path = folder / f"{source.id}-{digest(stored.version)[:8]}{ending}"
            try:
                with turn(folder, source.id, cancel):
                    if not (path.is_file() and path.stat().st_size == stored.size_bytes):
                        options = self.settings.storage
                        transfer.fetch(storage, stored, path, options, progress, cancel)
            except StorageError as error:
                if error.context.get("cause") != "changed":
                    raise
                last = error
                continue
            progress(stored.size_bytes, stored.size_bytes)
            return Download(path, _info(stored))
        assert last is not None
        raise last

    def _several(self, storage: Storage, url: str, cancel: Cancel) -> Playlist:
        fixed, wanted = _pattern(url)
        found = transfer.listed(storage, fixed, self.settings.storage, cancel)
        files = (one for one in found if wanted(one.url))
        first = next(files, None)
        if first is None:
            raise StorageError(
                f"There is no file {url}."
                if not _MAGIC.search(url)
                else f"No file fits the pattern {url}.",
                hint=f"Looked below {fixed}, for {', '.join(sorted(VIDEO_SUFFIXES))}.",
                cause="not-found",
            )

        def entries() -> Iterator[Entry]:
            yield Entry(first.url, _info(first))
            for one in files:
                yield Entry(one.url, _info(one))

        return Playlist(url, entries())


def _pattern(url: str) -> tuple[str, Callable[[str], bool]]:
    """The folder that a pattern or folder starts with, and what fits.

    >>> fixed, wanted = _pattern("s3://b/talks/**/day?/*.mp4")
    >>> fixed, wanted("s3://b/talks/a/day1/x.mp4"), wanted("s3://b/talks/day1/x/y.mp4")
    ('s3://b/talks/', True, False)
    """
    scheme, mark, rest = url.partition("://")
    start = len(scheme) + len(mark)
    magic = _MAGIC.search(rest)
    if magic is None:
        folder = url if url.endswith("/") else f"{url}/"
        return folder, lambda found: found.startswith(folder) and _is_video(found)
    fixed = url[: start + rest.rfind("/", 0, magic.start()) + 1]
    shape = re.compile(_regex(url[len(fixed) :]), re.DOTALL)
    every = url.endswith("**")
    return (
        fixed,
        lambda found: (
            found.startswith(fixed)
            and shape.fullmatch(found[len(fixed) :]) is not None
            and (not every or _is_video(found))
        ),
    )


def _regex(pattern: str) -> str:
    parts = []
    for piece in re.split(r"(\*\*/|\*\*|\*|\?|\[!?\]?[^\]/]*\])", pattern):
        if piece == "**/":
            parts.append("(?:.*/)?")
        elif piece == "**":
            parts.append(".*")
        elif piece == "*":
            parts.append("[^/]*")
        elif piece == "?":
            parts.append("[^/]")
        elif piece.startswith("[") and piece.endswith("]") and len(piece) > 2:
            inner = piece[1:-1].replace("\\", "\\\\")
            parts.append(f"[^/{inner[1:]}]" if inner.startswith("!") else f"[{inner}]")
        else:
            parts.append(re.escape(piece))
    return "".join(parts)


def _is_video(url: str) -> bool:
    return PurePosixPath(url).suffix.lower() in VIDEO_SUFFIXES


def _info(stored: Stored) -> dict[str, JsonValue]:
    modified = stored.modified_at.isoformat() if stored.modified_at else ""
    name = PurePosixPath(stored.url).name
    return {"title": name, "version": stored.version, "modified_at": modified}
