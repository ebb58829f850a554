"""yt-dlp, kept to http and https, to allowed hosts, and to one video.

Imported only when there is a link to fetch: reading yt-dlp takes about a second.
"""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yt_dlp  # type: ignore[import-untyped] # noqa: TID253 - see above
from yt_dlp.networking import _urllib  # type: ignore[import-untyped] # noqa: TID253
from yt_dlp.networking.exceptions import (  # type: ignore[import-untyped] # noqa: TID253
    HTTPError,
    RequestError,
)

from toolkit.errors import DownloadError
from toolkit_download_ytdlp.guard import Guard

__all__ = ["Client", "RefusedError"]

_PROTOCOLS = frozenset({"http", "https", "m3u8", "m3u8_native", "http_dash_segments", "ism", "f4m"})
"""What yt-dlp fetches by itself, through the guard; others go through programs of their own."""


class RefusedError(RequestError):  # type: ignore[misc]
    """The guard refused; yt-dlp lets errors of this kind pass as they are."""


class _HTTPConnection(http.client.HTTPConnection):
    guard: Guard

    def connect(self) -> None:
        self._create_connection = _guarded(self.guard)
        super().connect()


class _HTTPSConnection(http.client.HTTPSConnection):
    guard: Guard

    def connect(self) -> None:
        self._create_connection = _guarded(self.guard)
        http.client.HTTPConnection.connect(self)
        # The handshake comes after the socket is watched, so that a silent server can be left.
        self.sock = self._context.wrap_socket(  # type: ignore[attr-defined]
            self.sock,
            server_hostname=self._tunnel_host or self.host,  # type: ignore[attr-defined]
            do_handshake_on_connect=False,
        )
        self.guard.watch(self.sock)
        self.sock.do_handshake()


def _guarded(guard: Guard) -> Any:
    def connect(*args: Any, **kwargs: Any) -> Any:
        try:
            return guard.connect(*args, **kwargs)
        except DownloadError as error:
            raise RefusedError(str(error)) from error

    return connect


class _Handler(_urllib.HTTPHandler):  # type: ignore[misc]
    def __init__(self, guard: Guard, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._classes = [
            type(base.__name__, (base,), {"guard": guard})
            for base in (_HTTPConnection, _HTTPSConnection)
        ]
        self._guard = guard

    def http_request(self, request: Any) -> Any:
        _check(self._guard, request.full_url)  # every hop of a redirect comes by here
        return super().http_request(request)

    https_request = http_request

    def http_open(self, request: Any) -> Any:
        return self.do_open(self._make_conn_class(self._classes[0], request), request)

    def https_open(self, request: Any) -> Any:
        kind = self._make_conn_class(self._classes[1], request)
        return self.do_open(kind, request, context=self._context)


class _Redirects(_urllib.RedirectHandler):  # type: ignore[misc]
    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def http_error_302(self, request: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        to = headers.get("Location") or headers.get("URI") or ""
        if "://" in to:
            try:
                _check(self._guard, to)
            except RefusedError:
                fp.close()
                raise
        return super().http_error_302(request, fp, code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def _check(guard: Guard, url: str) -> None:
    try:
        guard.check(url)
    except DownloadError as error:
        raise RefusedError(str(error)) from error


class GuardedRH(_urllib.UrllibRH):  # type: ignore[misc]
    """The only way of this client to the network."""

    _SUPPORTED_URL_SCHEMES = ("http", "https", "data")

    def __init__(self, *, guard: Guard, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._guard = guard
        for proxy in filter(None, (self.proxies or {}).values()):
            guard.trust(proxy)

    def _create_instance(self, proxies: Any, cookiejar: Any, legacy_ssl_support: Any = None) -> Any:
        opener = super()._create_instance(proxies, cookiejar, legacy_ssl_support)
        safe = _urllib.urllib.request.OpenerDirector()
        safe.addheaders = []
        for handler in opener.handlers:
            if isinstance(handler, _urllib.HTTPHandler):
                handler = _Handler(self._guard, context=handler._context)  # noqa: PLW2901
            elif isinstance(handler, _urllib.RedirectHandler):
                handler = _Redirects(self._guard)  # noqa: PLW2901
            elif isinstance(handler, _urllib.FTPHandler | _urllib.FileHandler):
                continue
            safe.add_handler(handler)
        return safe


class Client(yt_dlp.YoutubeDL):  # type: ignore[misc]
    """One download of one video.

    Args:
        params: yt-dlp's parameters.
        guard: Opens the connections.
        folder: Where partial files lie.
    """

    def __init__(self, params: dict[str, Any], guard: Guard, folder: Path) -> None:
        self._guard = guard
        self._folder = folder
        self._notes = folder / "validators.json"
        self._responses: list[Any] = []
        super().__init__(params)

    def build_request_director(self, handlers: Any, preferences: Any = None) -> Any:
        def make(**kwargs: Any) -> GuardedRH:
            return GuardedRH(guard=self._guard, **kwargs)

        return super().build_request_director([make], preferences)

    def process_ie_result(self, ie_result: Any, *args: Any, **kwargs: Any) -> Any:
        if ie_result.get("_type") in ("playlist", "multi_video"):
            raise DownloadError(
                f"The link is a playlist: {ie_result.get('title') or 'untitled'}.",
                hint="Name the links of its videos.",
            )
        return super().process_ie_result(ie_result, *args, **kwargs)

    def process_info(self, info_dict: Any) -> Any:
        if info_dict.get("is_live"):
            raise DownloadError("The link is a live stream.", hint="Come back when it is over.")
        for chosen in info_dict.get("requested_formats") or [info_dict]:
            protocol = chosen.get("protocol") or "http"
            if protocol not in _PROTOCOLS:
                raise DownloadError(
                    f"The video is offered over {protocol}, which is not fetched.",
                    hint="Choose another format in [download.ytdlp] format.",
                )
        return super().process_info(info_dict)

    def dl(self, *args: Any, **kwargs: Any) -> Any:
        # yt-dlp hands some streams to ffmpeg, which would go to the network by itself: while it
        # fetches there is no ffmpeg. It is back when the files are joined.
        with self._without_ffmpeg():
            return super().dl(*args, **kwargs)

    @contextlib.contextmanager
    def _without_ffmpeg(self) -> Iterator[None]:
        kept = self.params.get("ffmpeg_location")
        self.params["ffmpeg_location"] = str(self._folder / "no-ffmpeg")
        try:
            yield
        finally:
            self.params["ffmpeg_location"] = kept

    def urlopen(self, req: Any) -> Any:
        """Open a link; a partial file is continued only if the server still has the same one.

        ``If-Range`` (RFC 9110, 13.1.5) makes a server whose file has changed send the new one
        whole, instead of its end to be glued to the old one's beginning.
        """
        if not isinstance(req, yt_dlp.networking.Request):
            return super().urlopen(req)
        known = self._validators()
        asked = req.headers.get("Range")
        validator = known.get(req.url)
        if asked and validator:
            req.headers["If-Range"] = validator
        url = req.url
        try:
            response = self._kept(super().urlopen(req))
        except HTTPError as error:
            self._kept(error.response)
            raise
        current = _validator(response)
        restarts = response.status == 200 and asked
        if current and current != validator and (restarts or not self._has_partial()):
            self._notes.write_text(json.dumps({**known, url: current}), encoding="utf-8")
        return response

    def _kept(self, response: Any) -> Any:
        """Remember a response: yt-dlp leaves those open that it does not read to their end."""
        self._responses = [other for other in self._responses if not other.closed]
        self._responses.append(response)
        return response

    def close(self) -> None:
        for response in self._responses:
            response.close()
        super().close()

    def _validators(self) -> dict[str, str]:
        try:
            notes: dict[str, str] = json.loads(self._notes.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return notes

    def _has_partial(self) -> bool:
        return any(self._folder.glob("*.part"))


def _validator(response: Any) -> str:
    etag: str = response.headers.get("ETag") or ""
    if etag.startswith('"'):  # a weak one (W/"...") does not promise the same bytes
        return etag
    return response.headers.get("Last-Modified") or ""
