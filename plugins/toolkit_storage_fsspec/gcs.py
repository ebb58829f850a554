"""Google Cloud Storage by its JSON API."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from toolkit.errors import StorageError
from toolkit.stages.component import Cancel
from toolkit.stages.download import Progress
from toolkit.stages.resuming import Sessions
from toolkit.stages.storage import Page, Storage, Stored
from toolkit_storage_fsspec import FsspecOptions, sums
from toolkit_storage_fsspec.gcs_client import CLOUD, Answer, Client, refusal

__all__ = ["Google"]

_BLOCK = 1 << 20
_INCOMPLETE = 308
_QUANTUM = 256 << 10
_TYPE = "application/octet-stream"


class Google(Storage):
    """Buckets of Google Cloud Storage; ``$STORAGE_EMULATOR_HOST`` leads to an emulator.

    Resumable uploads: https://cloud.google.com/storage/docs/performing-resumable-uploads
    """

    def __init__(self, options: FsspecOptions, sessions: Sessions) -> None:
        self._options = options
        self._sessions = sessions
        self._client = Client(options)

    def accepts(self, url: str) -> bool:
        return url.startswith(("gs://", "gcs://"))

    def page(self, folder: str, after: str, cancel: Cancel) -> Page:
        bucket, prefix = place(folder)
        query = {"prefix": prefix, **({"pageToken": after} if after else {})}
        found = self._client.ask(
            "GET", f"/storage/v1/b/{bucket}/o", folder, cancel, query=query
        ).data
        start = folder[: len(folder) - len(prefix)]
        items = [one for one in found.get("items", ()) if not one["name"].endswith("/")]
        files = [_stored(start + one["name"], one) for one in items]
        return Page(files, found.get("nextPageToken", ""))

    def stat(self, url: str, cancel: Cancel) -> Stored | None:
        bucket, key = place(url)
        if not key:
            return None
        try:
            found = self._client.ask("GET", _object(bucket, key), url, cancel)
        except StorageError as error:
            if error.context.get("cause") == "not-found":
                return None
            raise
        return _stored(url, found.data)

    def read(self, stored: Stored, start: int, cancel: Cancel) -> Iterator[bytes]:
        bucket, key = place(stored.url)
        query = {"alt": "media", "ifGenerationMatch": stored.version}
        # Sent as stored, even if that is gzip.
        headers = {"Range": f"bytes={start}-", "Accept-Encoding": "gzip"}
        work = self._client.open("GET", _object(bucket, key), query=query, headers=headers)
        answer = self._client.run(work, stored.url, cancel)
        try:
            if answer.status >= 400:
                body = self._client.run(answer.read(), stored.url, cancel)
                raise refusal(Answer(answer.status, answer.headers, body), stored.url)
            skip = start if answer.status == 200 else 0
            while block := self._client.run(answer.content.read(_BLOCK), stored.url, cancel):
                if rest := block[skip:]:
                    yield rest
                skip = max(0, skip - len(block))
        finally:
            self._client.drop(answer)

    def write(self, path: Path, url: str, progress: Progress, cancel: Cancel) -> Stored:
        size = path.stat().st_size
        md5 = sums.of_file(path, sums.md5, cancel)
        if size > self._options.part_mb << 20:
            found = self._resumable(path, url, size, md5, progress, cancel)
        else:
            found = self._at_once(path, url, md5, cancel)
            progress(size, size)
        stored = _stored(url, found)
        if stored.size_bytes != size or self.holds(path, stored, cancel) is False:
            self.delete(url, cancel)
            raise StorageError(
                f"The bytes were damaged on their way to {CLOUD}.",
                cause="corrupt",
                retriable=True,
                url=url,
            )
        return stored

    def _query(self, kind: str) -> dict[str, str]:
        key = self._options.gcs_kms_key
        return {"uploadType": kind, **({"kmsKeyName": key} if key else {})}

    def _at_once(self, path: Path, url: str, md5: str, cancel: Cancel) -> dict[str, Any]:
        bucket, key = place(url)
        mark = uuid.uuid4().hex
        facts = json.dumps({"name": key, "md5Hash": md5})  # Google refuses other bytes
        body = b"".join(
            (
                f"--{mark}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n".encode(),
                facts.encode(),
                f"\r\n--{mark}\r\nContent-Type: {_TYPE}\r\n\r\n".encode(),
                path.read_bytes(),
                f"\r\n--{mark}--\r\n".encode(),
            )
        )
        headers = {"Content-Type": f'multipart/related; boundary="{mark}"'}
        where = f"/upload/storage/v1/b/{bucket}/o"
        query = self._query("multipart")
        return self._client.ask(
            "POST", where, url, cancel, query=query, headers=headers, body=body
        ).data

    def _resumable(
        self, path: Path, url: str, size: int, md5: str, progress: Progress, cancel: Cancel
    ) -> dict[str, Any]:
        name = Sessions.key(path, url, kms=self._options.gcs_kms_key)
        session = self._sessions.find(name).get("url", "")
        answer = None
        if session:
            answer = self._put(session, url, b"", f"bytes */{size}", cancel)
        if answer is None:
            session = self._begin(url, size, md5, cancel)
            self._sessions.keep(name, {"url": session})
            answer = Answer(_INCOMPLETE, {}, b"")
        with path.open("rb") as file:
            while answer.status == _INCOMPLETE:
                cancel.check()
                said = re.fullmatch(r"bytes=0-(\d+)", answer.headers.get("Range", ""))
                # Kept by whole quanta; what is sent once more is passed over.
                start = (int(said[1]) + 1) // _QUANTUM * _QUANTUM if said else 0
                progress(start, size)
                file.seek(start)
                data = file.read(self._options.part_mb << 20)
                there = f"bytes {start}-{start + len(data) - 1}/{size}"
                try:
                    answer = self._put(session, url, data, there, cancel)
                except StorageError as error:
                    if error.context.get("cause") not in ("busy", "connection"):
                        self._sessions.drop(name)
                    raise
                if answer is None:
                    self._sessions.drop(name)
                    raise StorageError(
                        f"{CLOUD} has forgotten the upload.", cause="busy", retriable=True
                    )
        self._sessions.drop(name)
        progress(size, size)
        return answer.data

    def _begin(self, url: str, size: int, md5: str, cancel: Cancel) -> str:
        bucket, key = place(url)
        answer = self._client.ask(
            "POST",
            f"/upload/storage/v1/b/{bucket}/o",
            url,
            cancel,
            query={**self._query("resumable"), "name": key},
            headers={
                "Content-Type": "application/json; charset=UTF-8",
                "X-Upload-Content-Type": _TYPE,
                "X-Upload-Content-Length": str(size),
            },
            body=json.dumps({"name": key, "md5Hash": md5}).encode(),
        )
        return answer.headers["Location"]

    def _put(
        self, session: str, url: str, data: bytes, there: str, cancel: Cancel
    ) -> Answer | None:
        """Bytes for a session, or the question how many there are; None if it is known no more."""
        headers = {"Content-Range": there, "Content-Length": str(len(data))}
        answer = self._client.send("PUT", session, url, cancel, headers=headers, body=data)
        if answer.status in (404, 410) or (answer.status == 400 and not data):
            return None
        if answer.status >= 400:
            error = refusal(answer, url)
            if error.context["cause"] == "refused":  # these bytes have come already: look again
                error.context["cause"], error.retriable = "busy", True
            raise error
        return answer

    def close(self) -> None:
        self._client.close()

    def holds(self, path: Path, stored: Stored, cancel: Cancel) -> bool | None:
        if path.stat().st_size != stored.size_bytes:
            return False
        kind, _, said = stored.checksum.partition(":")
        if not said:
            return None
        return said == sums.of_file(path, sums.md5 if kind == "md5" else sums.crc32c, cancel)

    def delete(self, url: str, cancel: Cancel) -> None:
        bucket, key = place(url)
        try:
            self._client.ask("DELETE", _object(bucket, key), url, cancel)
        except StorageError as error:
            if error.context.get("cause") != "not-found":
                raise


def place(url: str) -> tuple[str, str]:
    """Bucket and object name of ``gs://bucket/name``; the name is "" for a bucket."""
    bucket, _, name = url.partition("://")[2].partition("/")
    if not bucket:
        raise StorageError(f"{url} names no bucket.", cause="settings")
    return bucket, name


def _object(bucket: str, name: str) -> str:
    return f"/storage/v1/b/{bucket}/o/{quote(name, safe='')}"


def _stored(url: str, facts: Mapping[str, Any]) -> Stored:
    # Objects that were put together of others have no MD5.
    kind = "md5" if facts.get("md5Hash") else "crc32c"
    said = facts.get("md5Hash") or facts.get("crc32c") or ""
    return Stored(
        url=url,
        size_bytes=int(facts["size"]),
        version=str(facts["generation"]),
        modified_at=datetime.fromisoformat(facts["updated"]),
        checksum=f"{kind}:{said}" if said else "",
    )
