"""One storage for many schemes: whoever knows a URL's cloud does the work."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Iterator
from pathlib import Path

from toolkit.errors import MissingExtraError
from toolkit.hooks.specs import Context
from toolkit.stages.component import Cancel
from toolkit.stages.download import Progress
from toolkit.stages.resuming import Sessions
from toolkit.stages.storage import Page, Storage, Stored
from toolkit_storage_fsspec import NAME, FsspecOptions

__all__ = ["FsspecStorage"]

_SCHEMES = frozenset({"s3", "s3a", "gs", "gcs", "file", "local", "memory"})
_ELSEWHERE = frozenset({"http", "https", "dropbox"})
"""Schemes that fsspec knows as well, and that are served better by others."""
_HERE = frozenset({"file", "local", "memory"})


class FsspecStorage(Storage):
    """Routes each call by the URL's scheme."""

    def __init__(self, options: FsspecOptions, context: Context) -> None:
        self._options = options
        self._sessions = Sessions(context.workspace / "uploads")
        self._made: dict[str, Storage] = {}
        self._lock = threading.Lock()

    def accepts(self, url: str) -> bool:
        scheme = _scheme(url)
        return scheme in _SCHEMES or (scheme not in _ELSEWHERE and scheme in _known())

    def remote(self, url: str) -> bool:
        return _scheme(url) not in _HERE

    def page(self, folder: str, after: str, cancel: Cancel) -> Page:
        return self._of(folder).page(folder, after, cancel)

    def stat(self, url: str, cancel: Cancel) -> Stored | None:
        return self._of(url).stat(url, cancel)

    def read(self, stored: Stored, start: int, cancel: Cancel) -> Iterator[bytes]:
        return self._of(stored.url).read(stored, start, cancel)

    def write(self, path: Path, url: str, progress: Progress, cancel: Cancel) -> Stored:
        return self._of(url).write(path, url, progress, cancel)

    def holds(self, path: Path, stored: Stored, cancel: Cancel) -> bool | None:
        return self._of(stored.url).holds(path, stored, cancel)

    def delete(self, url: str, cancel: Cancel) -> None:
        self._of(url).delete(url, cancel)

    def close(self) -> None:
        with self._lock:
            while self._made:
                self._made.popitem()[1].close()

    def _of(self, url: str) -> Storage:
        """The cloud of a URL, made at its first one.

        Raises:
            MissingExtraError: Its library is not installed.
            StorageError: There are no credentials.
        """
        scheme = _scheme(url)
        with self._lock:
            if scheme not in self._made:
                self._made[scheme] = self._make(scheme)
            return self._made[scheme]

    def _make(self, scheme: str) -> Storage:
        if scheme in ("s3", "s3a"):
            _need("s3fs", "s3")
            from toolkit_storage_fsspec.s3 import S3

            return S3(self._options, self._sessions)
        if scheme in ("gs", "gcs"):
            _need("gcsfs", "gcs")
            from toolkit_storage_fsspec.gcs import Google

            return Google(self._options, self._sessions)
        _need("fsspec", "fsspec")
        from toolkit_storage_fsspec.other import Other

        return Other(scheme)


def _scheme(url: str) -> str:
    return url.partition("://")[0].lower()


def _known() -> frozenset[str]:
    if importlib.util.find_spec("fsspec") is None:
        return frozenset()
    from fsspec.registry import known_implementations

    return frozenset(known_implementations)


def _need(module: str, extra: str) -> None:
    if importlib.util.find_spec(module) is None:
        missing = ModuleNotFoundError(f"No module named '{module}'", name=module)
        raise MissingExtraError(NAME, extra, cause=missing) from missing
