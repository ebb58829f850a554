"""Fetch a video file by its link: whole, or the rest of it."""

from __future__ import annotations

import http.cookiejar
import importlib.metadata
import io
import posixpath
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx2  # noqa: TID253 - imported by the factory alone

from toolkit.errors import CancelledError, DownloadError
from toolkit.hooks.specs import Context
from toolkit.net import causes, keeping
from toolkit.net.guard import SCHEMES, Guard
from toolkit.net.pace import Pace, pace_of
from toolkit.net.tries import persist
from toolkit.net.turns import turn
from toolkit.records import Source
from toolkit.stages.component import Cancel
from toolkit.stages.download import VIDEO_SUFFIXES, Download, Downloader, Progress
from toolkit_download_http import HttpOptions
from toolkit_download_http.client import Transport, TransportFault
from toolkit_download_http.transfer import Transfer

__all__ = ["HttpDownloader"]

_MOST_REDIRECTS = 10
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class HttpDownloader(Downloader):
    """Downloads links whose path has the name of a video file."""

    def __init__(self, options: HttpOptions, context: Context) -> None:
        self._options = options
        self._cookies = options.cookies_text(context.base)
        self.max_duration_s = options.max_duration_s

    def accepts(self, uri: str) -> bool:
        return urlsplit(uri).scheme.lower() in SCHEMES and _suffix(uri) in VIDEO_SUFFIXES

    def fetch(self, source: Source, folder: Path, progress: Progress, cancel: Cancel) -> Download:
        pace = pace_of(urlsplit(source.uri).hostname or "", self._options)
        with turn(folder, source.id, cancel):
            if whole := keeping.whole(source, folder):  # maybe by whoever had the turn before
                size = whole.path.stat().st_size
                progress(size, size)
                return whole

            def once() -> Download:
                with pace.place(cancel):
                    return self._once(source, folder, pace, progress, cancel)

            return persist(once, source.uri, self._options, pace, cancel)

    def _once(
        self, source: Source, folder: Path, pace: Pace, progress: Progress, cancel: Cancel
    ) -> Download:
        options = self._options
        proxy = options.proxy.get_secret_value()
        guard = Guard(options.allow_private_hosts, proxy, options.timeout_s, cancel)
        try:
            guard.check(source.uri)
            part = keeping.part_of(source, folder)
            with guard.watching(), self._client(guard, proxy) as client:
                transfer = Transfer(part, options, pace, guard, progress, cancel)
                with self._asked(client, source.uri, transfer, guard, cancel) as response:
                    transfer.receive(response)
            transfer.check()
            guessed = {"title": _title(source.uri), **transfer.said}
            info = {"webpage_url": source.uri, **guessed, **source.info}
            return keeping.keep(
                transfer.file, source, folder, info, suffix=_suffix(source.uri), subtitles={}
            )
        except Exception as error:
            if cancel.asked:
                raise CancelledError("The run was cancelled.") from error
            cause = _explained(error, source.uri)
            if not cause.retriable:
                keeping.drop(source, folder)
            raise cause from (error if cause is not error else cause.__cause__)

    def _client(self, guard: Guard, proxy: str) -> httpx2.Client:
        jar = http.cookiejar.MozillaCookieJar()
        if self._cookies:
            jar._really_load(  # type: ignore[attr-defined] # from a text: the file stays closed
                io.StringIO(self._cookies), self._options.cookies, True, True
            )
        agent = self._options.user_agent or _our_name()
        return httpx2.Client(
            transport=Transport(guard, proxy),
            cookies=jar,
            headers={"User-Agent": agent, "Accept": "*/*", "Accept-Encoding": "identity"},
            timeout=self._options.timeout_s,
            trust_env=False,
        )

    @contextmanager
    def _asked(
        self, client: httpx2.Client, url: str, transfer: Transfer, guard: Guard, cancel: Cancel
    ) -> Iterator[httpx2.Response]:
        """The answer of the last of a chain of redirects, each of which is looked at."""
        for _ in range(_MOST_REDIRECTS + 1):
            guard.check(url)
            pace_of(urlsplit(url).hostname or "", self._options).request(cancel)
            guard.beat()
            request = client.build_request("GET", url, headers=transfer.headers())
            with closing(client.send(request, stream=True, follow_redirects=False)) as response:
                to = response.headers.get("Location")
                if response.status_code not in _REDIRECTS or not to:
                    yield response
                    return
                url = str(response.url.join(to))
        raise DownloadError(
            f"The link redirects more than {_MOST_REDIRECTS} times.",
            hint="Check the link.",
            cause="redirects",
        )


def _explained(error: Exception, uri: str) -> DownloadError:
    if isinstance(error, DownloadError):
        found = error
    elif isinstance(error, httpx2.HTTPStatusError):
        headers = error.response.headers
        wait_s = causes.retry_after_s(headers.get("Retry-After"))
        found = causes.of_status(error.response.status_code, wait_s)
    else:
        found = causes.of_types(_chain(error)) or _of_client(error)
    found.context.setdefault("uri", uri)
    return found


def _of_client(error: Exception) -> DownloadError:
    if isinstance(error, (*TransportFault, OSError)):
        silent = any(isinstance(one, TimeoutError) for one in _chain(error))
        return causes.broken(str(error) or type(error).__name__, silent=silent)
    return DownloadError(
        f"The link could not be fetched: {type(error).__name__}: {error}",
        hint="Check the link.",
        cause="other",
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _suffix(uri: str) -> str:
    return posixpath.splitext(unquote(urlsplit(uri).path))[1].lower()


def _title(uri: str) -> str:
    return posixpath.splitext(posixpath.basename(unquote(urlsplit(uri).path)))[0]


def _our_name() -> str:
    return f"video-analysis-toolkit/{importlib.metadata.version('video-analysis-toolkit')}"
