"""yt-dlp's way to the network: through the guard, and to pages that have an end.

Imported only when there is a link to fetch: reading yt-dlp takes about a second.
"""

from __future__ import annotations

import http.client
import zlib
from typing import Any

from yt_dlp.networking import _urllib  # type: ignore[import-untyped] # noqa: TID253 - see above
from yt_dlp.networking.exceptions import (  # type: ignore[import-untyped] # noqa: TID253
    RequestError,
)

from toolkit.errors import DownloadError
from toolkit.net.guard import Guard

__all__ = ["LARGEST_PAGE_BYTES", "GuardedRH", "RefusedError", "too_large"]

LARGEST_PAGE_BYTES = 64_000_000
"""Of what is read as a whole: pages, playlists, manifests. Files are read in pieces."""


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

    @staticmethod
    def gz(data: bytes) -> bytes:
        return _unpacked(data, zlib.MAX_WBITS | 16)

    @staticmethod
    def deflate(data: bytes) -> bytes:
        try:
            return _unpacked(data, -zlib.MAX_WBITS)
        except zlib.error:
            return _unpacked(data, zlib.MAX_WBITS)

    @staticmethod
    def brotli(data: bytes) -> bytes:  # noqa: ARG004
        raise RefusedError("The server packs with br, though it was not asked to.")

    def http_response(self, request: Any, response: Any) -> Any:
        if not response.headers.get("Content-Encoding"):
            return super().http_response(request, response)
        with response:  # packed bodies are read as a whole
            read = response.read
            response.read = lambda: _read_all(read)
            return super().http_response(request, response)

    https_response = http_response

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


def too_large(*, packed: bool = False) -> DownloadError:
    """The error for a page that does not end."""
    return DownloadError(
        f"A page of the site has more than {LARGEST_PAGE_BYTES} bytes.",
        hint="Check the link, in a browser, too.",
        cause="encoding" if packed else "not-media",
    )


def _read_all(read: Any) -> bytes:
    data: bytes = read(LARGEST_PAGE_BYTES + 1)
    if len(data) > LARGEST_PAGE_BYTES:
        raise RefusedError(str(too_large()), cause=too_large(packed=True))
    return data


def _unpacked(data: bytes, window_bits: int) -> bytes:
    if not data:
        return data
    unpack = zlib.decompressobj(window_bits)
    found = unpack.decompress(data, LARGEST_PAGE_BYTES)
    if unpack.unconsumed_tail:
        raise RefusedError(str(too_large()), cause=too_large(packed=True))
    if not unpack.eof:
        raise zlib.error("incomplete or truncated stream")
    return found


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
