"""Any other scheme of fsspec: folders of this machine, SFTP, Azure ..."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import fsspec  # noqa: TID253 - imported at the first URL

from toolkit.errors import CancelledError, StorageError
from toolkit.records import new_id
from toolkit.stages.component import Cancel
from toolkit.stages.download import Progress
from toolkit.stages.resuming import awaited, beside
from toolkit.stages.storage import Page, Storage, Stored
from toolkit_storage_fsspec import sums
from toolkit_storage_fsspec.causes import explain

__all__ = ["Other"]

T = TypeVar("T")
_BLOCK = 1 << 20


class Other(Storage):
    """What fsspec offers for every scheme alike: no checksums, and no uploads to go on with.

    Folders of this machine are read back to compare. Elsewhere the size has to do.
    """

    def __init__(self, scheme: str) -> None:
        self._scheme = scheme
        self._local = scheme in ("file", "local")
        try:
            self._fs = fsspec.filesystem(scheme, skip_instance_cache=scheme != "memory")
        except (ImportError, ValueError, TypeError) as error:
            raise StorageError(
                f"fsspec cannot make a file system for {scheme}://: {error}", cause="settings"
            ) from error

    def accepts(self, url: str) -> bool:
        return url.startswith(f"{self._scheme}://")

    def page(self, folder: str, after: str, cancel: Cancel) -> Page:
        found = self._call(lambda: self._fs.find(self._path(folder), detail=True), folder, cancel)
        root = self._path(folder).rstrip("/")
        files = [
            self._stored(folder.rstrip("/") + path.removeprefix(root), facts)
            for path, facts in sorted(found.items())
            if facts.get("type") == "file" and path.startswith(f"{root}/")
        ]
        return Page(files)

    def stat(self, url: str, cancel: Cancel) -> Stored | None:
        try:
            facts = self._call(lambda: self._fs.info(self._path(url)), url, cancel)
        except StorageError as error:
            if error.context.get("cause") == "not-found":
                return None
            raise
        return self._stored(url, facts) if facts.get("type") == "file" else None

    def read(self, stored: Stored, start: int, cancel: Cancel) -> Iterator[bytes]:
        now = self.stat(stored.url, cancel)
        if now is None or now.version != stored.version:
            raise StorageError(
                f"{stored.url} has changed meanwhile.", cause="changed", retriable=True
            )
        file = self._call(lambda: self._fs.open(self._path(stored.url), "rb"), stored.url, cancel)
        with file:
            self._call(lambda: file.seek(start), stored.url, cancel)
            while block := self._call(lambda: file.read(_BLOCK), stored.url, cancel):
                yield block

    def write(self, path: Path, url: str, progress: Progress, cancel: Cancel) -> Stored:
        size = path.stat().st_size
        target = self._path(url)
        draft = f"{target}.{new_id()}.part"
        parent = target.rpartition("/")[0]
        self._call(lambda: self._fs.makedirs(parent, exist_ok=True), url, cancel)
        try:
            out = self._call(lambda: self._fs.open(draft, "wb"), url, cancel)
            with path.open("rb") as file, out:
                for done in itertools.count(1):
                    block = file.read(_BLOCK)
                    if not block:
                        break
                    self._call(lambda block=block: out.write(block), url, cancel)  # type: ignore[misc]
                    progress(min(done * _BLOCK, size), size)
            self._call(lambda: self._move(draft, target), url, cancel)
        except BaseException:
            beside(lambda: self._fs.rm(draft))
            raise
        stored = self.stat(url, cancel)
        if stored is None or stored.size_bytes != size:
            raise StorageError(f"{url} did not arrive whole.", cause="corrupt", retriable=True)
        return stored

    def _move(self, draft: str, target: str) -> None:
        if self._local:
            Path(draft).replace(target)
        elif type(self._fs).mv is not fsspec.AbstractFileSystem.mv:
            self._fs.mv(draft, target)
        else:  # fsspec's own way of moving takes names for patterns
            self._fs.cp_file(draft, target)
            self._fs.rm_file(draft)

    def holds(self, path: Path, stored: Stored, cancel: Cancel) -> bool | None:
        if path.stat().st_size != stored.size_bytes:
            return False
        if not self._local:
            return None
        there = Path(self._path(stored.url))
        mine, theirs = (sums.of_file(one, sums.sha256, cancel) for one in (path, there))
        return mine == theirs

    def delete(self, url: str, cancel: Cancel) -> None:
        try:
            self._call(lambda: self._fs.rm(self._path(url)), url, cancel)
        except StorageError as error:
            if error.context.get("cause") != "not-found":
                raise

    def _path(self, url: str) -> str:
        path = str(self._fs._strip_protocol(url))
        return f"{path}/" if url.endswith("/") and not path.endswith("/") else path

    def _stored(self, url: str, facts: dict[str, Any]) -> Stored:
        names = ("mtime", "LastModified", "last_modified", "modified", "created")
        moment = next((facts[name] for name in names if facts.get(name)), None)
        if isinstance(moment, int | float):
            moment = datetime.fromtimestamp(moment, UTC)
        tag = next((facts[name] for name in ("ETag", "etag", "ino") if facts.get(name)), "")
        version = f"{facts['size']}-{moment}-{tag}"
        made = moment if isinstance(moment, datetime) else None
        return Stored(url, int(facts["size"]), version, made)

    def _call(self, call: Callable[[], T], url: str, cancel: Cancel) -> T:
        cancel.check()
        try:
            return awaited(beside(call), cancel)
        except CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - explain has set its cause
            raise explain(error, f"The storage {self._scheme}://", url)  # noqa: B904
