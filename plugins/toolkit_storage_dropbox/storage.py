"""Dropbox by its own SDK, with our tries, pauses and sessions."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from datetime import UTC
from pathlib import Path
from typing import Any, TypeVar

from toolkit.errors import CancelledError, StorageError
from toolkit.hooks.specs import Context
from toolkit.stages.component import Cancel
from toolkit.stages.download import Progress
from toolkit.stages.resuming import Sessions, awaited, beside
from toolkit.stages.storage import Page, Storage, Stored
from toolkit_storage_dropbox import DropboxOptions
from toolkit_storage_dropbox.causes import LOGIN, explain, offset_of, tags_of

__all__ = ["DropboxStorage", "content_hash"]

T = TypeVar("T")
SCHEME = "dropbox://"
HASH_BLOCK = 4 << 20
_BLOCK = 1 << 18


class DropboxStorage(Storage):
    """An account, or an app's folder, as ``dropbox://``; an upload session for what is large.

    The SDK's calls block, so each is made beside the thread that waits for it: a run that is
    cancelled does not wait for a silent server.
    """

    def __init__(self, options: DropboxOptions, context: Context) -> None:
        self._options = options
        self._sessions = Sessions(context.workspace / "uploads")
        self._lock = threading.Lock()
        self._made: Any = None

    def accepts(self, url: str) -> bool:
        return url.lower().startswith(SCHEME)

    def page(self, folder: str, after: str, cancel: Cancel) -> Page:
        path = place(folder).rstrip("/")
        try:
            found = self._ask(
                folder,
                cancel,
                lambda api: (
                    api.files_list_folder_continue(after)
                    if after
                    else api.files_list_folder(path, recursive=True)
                ),
            )
        except StorageError as error:
            if error.context.get("cause") == "not-found":
                return Page(())
            raise
        start = folder if folder.endswith("/") else f"{folder}/"
        files = [
            # Dropbox knows no upper and lower case: below the folder as it was named.
            _stored(start + one.path_display[len(path) + 1 :], one)
            for one in found.entries
            if hasattr(one, "content_hash") and one.is_downloadable
        ]
        return Page(files, found.cursor if found.has_more else "")

    def stat(self, url: str, cancel: Cancel) -> Stored | None:
        path = place(url)
        if path in ("", "/"):
            return None
        try:
            found = self._ask(url, cancel, lambda api: api.files_get_metadata(path.rstrip("/")))
        except StorageError as error:
            if error.context.get("cause") == "not-found":
                return None
            raise
        return _stored(url, found) if hasattr(found, "content_hash") else None

    def read(self, stored: Stored, start: int, cancel: Cancel) -> Iterator[bytes]:
        _, answer = self._ask(
            stored.url,
            cancel,
            lambda api: api.files_download(
                f"rev:{stored.version}", extra_headers={"Range": f"bytes={start}-"}
            ),
        )
        skip = start if answer.status_code == 200 else 0
        blocks = answer.iter_content(_BLOCK)
        try:
            while block := self._call(lambda: next(blocks, b""), stored.url, cancel):
                if rest := block[skip:]:
                    yield rest
                skip = max(0, skip - len(block))
        finally:
            beside(answer.close)

    def write(self, path: Path, url: str, progress: Progress, cancel: Cancel) -> Stored:
        from dropbox.files import WriteMode

        size, target = path.stat().st_size, place(url)
        mine = content_hash(path, cancel)
        how = {"mode": WriteMode.overwrite, "mute": True}
        if size <= self._options.part_mb << 20:
            data = path.read_bytes()
            found = self._ask(
                url, cancel, lambda api: api.files_upload(data, target, content_hash=mine, **how)
            )
            progress(size, size)
        else:
            found = self._session(path, url, size, how, progress, cancel)
        stored = _stored(url, found)
        if stored.checksum != mine:
            self.delete(url, cancel)
            raise StorageError(
                "The bytes were damaged on their way to Dropbox.",
                retriable=True,
                cause="corrupt",
                url=url,
            )
        return stored

    def _session(
        self,
        path: Path,
        url: str,
        size: int,
        how: dict[str, Any],
        progress: Progress,
        cancel: Cancel,
    ) -> Any:
        from dropbox.files import CommitInfo, UploadSessionCursor

        name = Sessions.key(path, url)
        kept = self._sessions.find(name)
        session, offset = kept.get("id", ""), int(kept.get("offset", "0"))
        try:
            with path.open("rb") as file:
                while offset < size:
                    cancel.check()
                    file.seek(offset)
                    data = file.read(self._options.part_mb << 20)
                    session = self._more(session, offset, data, url, cancel)
                    offset += len(data)
                    self._sessions.keep(name, {"id": session, "offset": str(offset)})
                    progress(offset, size)
            if Sessions.key(path, url) != name:
                raise StorageError(
                    f"{path} changed while it was uploaded.", cause="corrupt", retriable=True
                )
            cursor = UploadSessionCursor(session, offset)
            commit = CommitInfo(place(url), **how)
            found = self._ask(
                url, cancel, lambda api: api.files_upload_session_finish(b"", cursor, commit)
            )
        except StorageError as error:
            self._learn(error, name, session)
            raise
        self._sessions.drop(name)
        return found

    def _more(self, session: str, offset: int, data: bytes, url: str, cancel: Cancel) -> str:
        """Bring the next bytes of an upload; "" begins one. Says what it is called."""
        from dropbox.files import UploadSessionCursor

        sum_ = _hash_of(data)
        if not session:
            begun = self._ask(
                url, cancel, lambda api: api.files_upload_session_start(data, content_hash=sum_)
            )
            return str(begun.session_id)
        cursor = UploadSessionCursor(session, offset)
        self._ask(
            url,
            cancel,
            lambda api: api.files_upload_session_append_v2(data, cursor, content_hash=sum_),
        )
        return session

    def _learn(self, error: StorageError, name: str, session: str) -> None:
        """Keep how far Dropbox says that the upload is; forget one that it does not know."""
        api = getattr(error.__cause__, "error", None)
        there = offset_of(api)
        if there is not None:
            self._sessions.keep(name, {"id": session, "offset": str(there)})
        elif tags_of(api) & {"not_found", "closed", "expired"}:
            self._sessions.drop(name)
            error.retriable = True
            error.context["cause"] = "busy"

    def holds(self, path: Path, stored: Stored, cancel: Cancel) -> bool | None:
        if path.stat().st_size != stored.size_bytes:
            return False
        return content_hash(path, cancel) == stored.checksum

    def delete(self, url: str, cancel: Cancel) -> None:
        try:
            self._ask(url, cancel, lambda api: api.files_delete_v2(place(url)))
        except StorageError as error:
            if error.context.get("cause") != "not-found":
                raise

    def close(self) -> None:
        with self._lock:
            if self._made is not None:
                self._made.close()
                self._made = None

    def _ask(self, url: str, cancel: Cancel, question: Callable[[Any], Any]) -> Any:
        return self._call(lambda: question(self._api()), url, cancel)

    def _call(self, call: Callable[[], T], url: str, cancel: Cancel) -> T:
        cancel.check()
        try:
            return awaited(beside(call), cancel)
        except CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - explain has set its cause
            raise explain(error, url)  # noqa: B904

    def _api(self) -> Any:
        """The SDK's client, which gets new access tokens by itself.

        Raises:
            StorageError: The environment has no token.
        """
        import dropbox

        with self._lock:
            if self._made is None:
                given = {
                    name: os.environ.get(f"DROPBOX_{name.upper()}") or None
                    for name in ("access_token", "refresh_token", "app_key", "app_secret")
                }
                refresh = given["refresh_token"] if given["app_key"] else None
                if not (given["access_token"] or refresh):
                    raise StorageError(
                        "There are no credentials for Dropbox.", hint=LOGIN, cause="login"
                    )
                self._made = dropbox.Dropbox(
                    oauth2_access_token=given["access_token"],
                    oauth2_refresh_token=refresh,
                    app_key=given["app_key"],
                    app_secret=given["app_secret"],
                    max_retries_on_error=0,
                    max_retries_on_rate_limit=0,
                    session=_session(),
                    timeout=self._options.timeout_s,
                    user_agent="video-analysis-toolkit",
                )
            return self._made


def _session() -> Any:
    """The SDK's session, which reads refusals to their end: the SDK leaves some of them open."""
    import dropbox

    def drain(answer: Any, **_: object) -> None:
        if not answer.ok:
            answer.content  # noqa: B018 - reads it

    session = dropbox.create_session()
    session.hooks["response"].append(drain)
    return session


def content_hash(path: Path, cancel: Cancel) -> str:
    """Dropbox's hash of a file: the SHA-256 of the SHA-256s of its blocks of 4 MiB.

    https://www.dropbox.com/developers/reference/content-hash
    """
    whole = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(HASH_BLOCK):
                cancel.check()
                whole.update(hashlib.sha256(block).digest())
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}.", cause="refused") from error
    return whole.hexdigest()


def _hash_of(data: bytes) -> str:
    whole = hashlib.sha256()
    for start in range(0, len(data), HASH_BLOCK):
        whole.update(hashlib.sha256(data[start : start + HASH_BLOCK]).digest())
    return whole.hexdigest()


def place(url: str) -> str:
    """The path of ``dropbox://folder/file`` as Dropbox writes it; "" or "/" for the top."""
    return "/" + url[len(SCHEME) :].lstrip("/")


def _stored(url: str, facts: Any) -> Stored:
    moment = facts.server_modified.replace(tzinfo=UTC)
    return Stored(url, facts.size, facts.rev, moment, facts.content_hash)
