"""Amazon S3, and what speaks its language, through the client that s3fs makes."""

from __future__ import annotations

import base64
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import s3fs  # noqa: TID253 - imported at the first URL
from aiobotocore.session import AioSession  # noqa: TID253
from botocore.handlers import add_expect_header  # noqa: TID253

from toolkit.errors import StorageError
from toolkit.stages.component import Cancel
from toolkit.stages.download import Progress
from toolkit.stages.resuming import Sessions
from toolkit.stages.storage import Page, Storage, Stored
from toolkit_storage_fsspec import FsspecOptions, sums
from toolkit_storage_fsspec.s3_parts import Parts, damaged, is_md5
from toolkit_storage_fsspec.waiting import Body, finished

__all__ = ["S3"]

T = TypeVar("T")
CLOUD = "S3"
_BLOCK = 1 << 20


class S3(Storage):
    """Buckets of S3. s3fs brings the session, its loop and the chain of credentials."""

    def __init__(self, options: FsspecOptions, sessions: Sessions) -> None:
        self._options = options
        self._sessions = sessions
        session = AioSession()
        # Some servers never answer "Expect: 100-continue", and aiohttp knows no timeout for that.
        session.unregister("before-call.s3", add_expect_header)
        self._fs = s3fs.S3FileSystem(
            session=session,
            anon=options.anonymous,
            endpoint_url=options.s3_endpoint or None,
            config_kwargs={
                "connect_timeout": options.timeout_s,
                "read_timeout": options.timeout_s,
                "retries": {"total_max_attempts": 1},  # ours have pauses that can be cancelled
            },
            skip_instance_cache=True,
        )

    def accepts(self, url: str) -> bool:
        return url.startswith(("s3://", "s3a://"))

    def page(self, folder: str, after: str, cancel: Cancel) -> Page:
        bucket, prefix = place(folder)
        more = {"ContinuationToken": after} if after else {}
        found = self._ask("list_objects_v2", folder, cancel, Bucket=bucket, Prefix=prefix, **more)
        start = folder[: len(folder) - len(prefix)]
        files = [
            Stored(
                url=start + one["Key"],
                size_bytes=one["Size"],
                version=one["ETag"].strip('"'),
                modified_at=one["LastModified"],
            )
            for one in found.get("Contents", ())
            if not one["Key"].endswith("/")
        ]
        return Page(files, found.get("NextContinuationToken", ""))

    def stat(self, url: str, cancel: Cancel) -> Stored | None:
        bucket, key = place(url)
        if not key:
            return None
        try:
            facts = self._ask("head_object", url, cancel, Bucket=bucket, Key=key)
        except StorageError as error:
            if error.context.get("cause") == "not-found":
                return None
            raise
        return Stored(url, facts["ContentLength"], facts["ETag"].strip('"'), facts["LastModified"])

    def read(self, stored: Stored, start: int, cancel: Cancel) -> Iterator[bytes]:
        bucket, key = place(stored.url)
        found = self._ask(
            "get_object",
            stored.url,
            cancel,
            Bucket=bucket,
            Key=key,
            Range=f"bytes={start}-",
            IfMatch=f'"{stored.version}"',
        )
        body = found["Body"]
        try:
            while block := self._run(body.read(_BLOCK), stored.url, cancel):
                yield block
        finally:
            self._fs.loop.call_soon_threadsafe(body.close)

    def write(self, path: Path, url: str, progress: Progress, cancel: Cancel) -> Stored:
        size = path.stat().st_size
        if size > self._options.part_mb << 20:
            return self._multipart(path, url, size, progress, cancel)
        bucket, key = place(url)
        data = path.read_bytes()
        sum_ = self._sum(data)
        done = self._ask(
            "put_object",
            url,
            cancel,
            Bucket=bucket,
            Key=key,
            Body=self._body(data),
            ChecksumSHA256=sum_,
            **self._encryption(),
        )
        if damaged(done, sums.hex_md5(data), sum_):
            self.delete(url, cancel)
            raise _corrupt(url)
        progress(len(data), size)
        return Stored(url, len(data), done["ETag"].strip('"'))

    def _multipart(
        self, path: Path, url: str, size: int, progress: Progress, cancel: Cancel
    ) -> Stored:
        bucket, key = place(url)
        where = {"Bucket": bucket, "Key": key}
        parts = Parts(path, size, self._options.part_mb << 20)
        encryption = self._encryption()
        name = Sessions.key(path, url, part=parts.part_bytes, **encryption)
        upload = self._sessions.find(name).get("id", "")
        there = self._arrived(upload, url, where, cancel) if upload else None
        if there is None:
            more = {"ChecksumAlgorithm": "SHA256", "ChecksumType": "COMPOSITE", **encryption}
            begun = self._ask("create_multipart_upload", url, cancel, **where, **more)
            upload, there = str(begun["UploadId"]), {}
            self._sessions.keep(name, {"id": upload})
        try:
            whole = self._brought(parts, upload, url, there, progress, cancel)
        except StorageError as error:
            if error.context.get("cause") == "not-found":  # finished or aborted by somebody else
                self._sessions.drop(name)
                error.context["cause"], error.retriable = "busy", True
            raise
        self._sessions.drop(name)
        if damaged(whole, parts.etag, parts.sha256):
            self.delete(url, cancel)
            raise _corrupt(url)
        return Stored(url, size, whole["ETag"].strip('"'))

    def _brought(
        self,
        parts: Parts,
        upload: str,
        url: str,
        there: dict[int, dict[str, Any]],
        progress: Progress,
        cancel: Cancel,
    ) -> dict[str, Any]:
        """Bring the parts that are not there yet, and make the file of them."""
        bucket, key = place(url)
        where = {"Bucket": bucket, "Key": key, "UploadId": upload}
        done = []
        for part in parts:
            cancel.check()
            arrived = there.get(part.number)
            if arrived is None or damaged(arrived, part.md5, part.sha256):
                how = {"PartNumber": part.number, "ChecksumSHA256": part.sha256}
                arrived = self._ask(
                    "upload_part", url, cancel, Body=self._body(part.data), **how, **where
                )
                if damaged(arrived, part.md5, part.sha256):
                    raise _corrupt(url)
            one = {"PartNumber": part.number, "ETag": arrived["ETag"]}
            done.append({**one, "ChecksumSHA256": part.sha256})
            progress(part.end, parts.size)
        if parts.changed:
            raise StorageError(
                f"{parts.path} changed while it was uploaded.", cause="corrupt", retriable=True
            )
        all_ = {"MultipartUpload": {"Parts": done}}
        return self._ask("complete_multipart_upload", url, cancel, **all_, **where)

    def _arrived(
        self, upload: str, url: str, where: dict[str, str], cancel: Cancel
    ) -> dict[int, dict[str, Any]] | None:
        """The parts that an earlier try has brought; None if S3 knows the upload no more."""
        parts: dict[int, dict[str, Any]] = {}
        marker = 0
        while True:
            try:
                found = self._ask(
                    "list_parts", url, cancel, **where, UploadId=upload, PartNumberMarker=marker
                )
            except StorageError as error:
                if error.context.get("cause") == "not-found":
                    return None
                raise
            parts |= {one["PartNumber"]: one for one in found.get("Parts", ())}
            if not found.get("IsTruncated"):
                return parts
            marker = int(found["NextPartNumberMarker"])

    def holds(self, path: Path, stored: Stored, cancel: Cancel) -> bool | None:
        if path.stat().st_size != stored.size_bytes:
            return False
        bucket, key = place(stored.url)
        where = {"Bucket": bucket, "Key": key}
        same = {"IfMatch": f'"{stored.version}"', "ChecksumMode": "ENABLED"}
        facts = self._ask("head_object", stored.url, cancel, **same, **where)
        composite = facts.get("ChecksumType") == "COMPOSITE"
        if composite or "-" in facts["ETag"]:
            first = self._ask("head_object", stored.url, cancel, PartNumber=1, **where)
            part_bytes = int(first["ContentLength"]) or 1
        for name, new in (
            ("ChecksumSHA256", sums.sha256),
            ("ChecksumSHA1", sums.sha1),
            ("ChecksumCRC32", sums.Crc32),
        ):
            said = str(facts.get(name, ""))
            if said and composite:
                whole = sums.of_parts(path, new, part_bytes, cancel)
                return said.partition("-")[0] == base64.b64encode(whole).decode()
            if said:
                return said == sums.of_file(path, new, cancel)
        if not is_md5(facts):
            return None
        etag, _, parts = facts["ETag"].strip('"').partition("-")
        if not parts:
            mine = sums.of_file(path, sums.md5, cancel)
            return bool(base64.b64decode(mine).hex() == etag)
        # Parts may have any sizes; where they were not all alike, the sum says nothing.
        if -(-stored.size_bytes // part_bytes) != int(parts):
            return None
        return bool(sums.of_parts(path, sums.md5, part_bytes, cancel).hex() == etag)

    def delete(self, url: str, cancel: Cancel) -> None:
        bucket, key = place(url)
        self._ask("delete_object", url, cancel, Bucket=bucket, Key=key)

    def close(self) -> None:
        client = self._fs._s3
        if client is not None:
            self._fs.close_session(self._fs.loop, client)

    def _encryption(self) -> dict[str, str]:
        how, key = self._options.s3_encryption, self._options.s3_kms_key
        found: dict[str, str] = {"ServerSideEncryption": how} if how else {}
        return {**found, "SSEKMSKeyId": key} if key and how.startswith("aws:kms") else found

    def _body(self, data: bytes) -> Body:
        return Body(data, self._options.timeout_s)

    def _sum(self, data: bytes) -> str:
        state = sums.sha256()
        state.update(data)
        return base64.b64encode(state.digest()).decode()

    def _ask(self, method: str, url: str, cancel: Cancel, **arguments: Any) -> dict[str, Any]:
        async def ask() -> dict[str, Any]:
            client = await self._fs.set_session()
            answer: dict[str, Any] = await getattr(client, method)(**arguments)
            return answer

        return self._run(ask(), url, cancel, arguments.get("Body"))

    def _run(
        self, work: Coroutine[Any, Any, T], url: str, cancel: Cancel, body: Body | None = None
    ) -> T:
        return finished(work, self._fs.loop, cloud=CLOUD, url=url, cancel=cancel, body=body)


def place(url: str) -> tuple[str, str]:
    """Bucket and key of ``s3://bucket/key``; the key is "" for a bucket."""
    bucket, _, key = url.partition("://")[2].partition("/")
    if not bucket:
        raise StorageError(f"{url} names no bucket.", cause="settings")
    return bucket, key


def _corrupt(url: str) -> StorageError:
    return StorageError(
        "The bytes were damaged on their way to S3.", cause="corrupt", retriable=True, url=url
    )
