"""The JSON API of Google Cloud Storage, with the session and the credentials that gcsfs makes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp  # noqa: TID253 - imported at the first URL
from gcsfs.core import GCSFileSystem  # noqa: TID253

from toolkit.errors import StorageError
from toolkit.stages.component import Cancel
from toolkit_storage_fsspec import FsspecOptions
from toolkit_storage_fsspec.causes import explain, of_status
from toolkit_storage_fsspec.waiting import Body, finished

__all__ = ["CLOUD", "Answer", "Client", "refusal"]

T = TypeVar("T")
CLOUD = "Google Cloud Storage"


@dataclass(frozen=True)
class Answer:
    """What Google said: the body is read already."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def data(self) -> dict[str, Any]:
        """The body's JSON."""
        found: dict[str, Any] = json.loads(self.body)
        return found


class Client:
    """Asks Google, from any thread, with one token for all.

    Raises:
        StorageError: There are no credentials.
    """

    def __init__(self, options: FsspecOptions) -> None:
        self._timeout_s = options.timeout_s
        self._timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=options.timeout_s, sock_read=options.timeout_s
        )
        try:
            self._fs = GCSFileSystem(
                # Only the default chain: gcsfs' own would end with asking as nobody.
                token="anon" if options.anonymous else "google_default",
                session_kwargs={"auto_decompress": False},  # a checksum is of what is stored
                skip_instance_cache=True,
            )
        except Exception as error:  # noqa: BLE001 - explain has set its cause
            raise explain(error, CLOUD, "gs://")  # noqa: B904

    def close(self) -> None:
        """Close the connections."""
        session = self._fs.session
        if session is not None:
            asyncio.run_coroutine_threadsafe(session.close(), self._fs.loop).result(5)

    def ask(self, method: str, path: str, url: str, cancel: Cancel, **how: Any) -> Answer:
        """The answer to a request; one of 400 and more is an error."""
        answer = self.send(method, path, url, cancel, **how)
        if answer.status >= 400:
            raise refusal(answer, url)
        return answer

    def send(
        self,
        method: str,
        path: str,
        url: str,
        cancel: Cancel,
        *,
        body: bytes | None = None,
        **how: Any,
    ) -> Answer:
        """The answer to a request, whichever it is."""
        sent = None if body is None else Body(body, self._timeout_s)

        async def send() -> Answer:
            answer = await self.open(method, path, body=sent, **how)
            async with answer:
                return Answer(answer.status, answer.headers, await answer.read())

        return self.run(send(), url, cancel, sent)

    async def open(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
    ) -> aiohttp.ClientResponse:
        """Ask, with a fresh token if the one at hand is refused."""
        session = await self._fs._set_session()
        whole = path if "://" in path else self._fs._location + path
        for again in (True, False):
            if body is not None:
                body.seek(0)
            given = {"Accept-Encoding": "identity", **(headers or {})}
            await asyncio.to_thread(self._fs.credentials.apply, given)
            answer: aiohttp.ClientResponse = await session.request(
                method,
                whole,
                params=query,
                headers=given,
                data=body,
                timeout=self._timeout,
                allow_redirects=False,
            )
            mine = self._fs.credentials.credentials
            if answer.status != 401 or mine is None or not again:
                break
            answer.release()
            mine.token = None  # no longer valid, so that apply() gets another
        return answer

    def drop(self, answer: aiohttp.ClientResponse) -> None:
        """Read no more of an answer."""
        self._fs.loop.call_soon_threadsafe(answer.close)

    def run(
        self, work: Coroutine[Any, Any, T], url: str, cancel: Cancel, body: Body | None = None
    ) -> T:
        """Wait for what the session's loop does."""
        return finished(work, self._fs.loop, cloud=CLOUD, url=url, cancel=cancel, body=body)


def refusal(answer: Answer, url: str) -> StorageError:
    """The error for an answer of 400 and more."""
    said = answer.body.decode(errors="replace")
    try:
        error = json.loads(said)["error"]
        said = error if isinstance(error, str) else error["message"]
    except (ValueError, KeyError, TypeError):
        pass
    error = of_status(answer.status, CLOUD, said=str(said)[:300], headers=answer.headers)
    error.context["url"] = url
    return error
