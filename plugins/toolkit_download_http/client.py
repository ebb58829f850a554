"""httpx, kept to allowed hosts: every connection is opened by the guard.

Imported by the downloader's factory alone: nothing else needs httpx.
"""

from __future__ import annotations

import ssl
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpcore2  # noqa: TID253 - see above
import httpx2  # noqa: TID253

from toolkit.net.causes import unsupported
from toolkit.net.guard import Guard

__all__ = ["Transport", "TransportFault"]

TransportFault = (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.TimeoutException)
"""What a connection or a server can do wrong."""


class Transport(httpx2.BaseTransport):
    """The only way of this client to the network.

    Args:
        guard: Opens the connections.
        proxy: URL of an http proxy; "" for that of the environment, if there is one.
    """

    def __init__(self, guard: Guard, proxy: str) -> None:
        self._guard = guard
        self._proxy = proxy
        self._pools: dict[str, httpcore2.ConnectionPool] = {}
        self._ssl = httpx2.create_ssl_context()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        url = request.url
        response = self._pool(str(url)).handle_request(
            httpcore2.Request(
                method=request.method,
                url=httpcore2.URL(
                    scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                ),
                headers=request.headers.raw,
                extensions=request.extensions,
            )
        )
        return httpx2.Response(
            response.status,
            headers=response.headers,
            stream=_Body(response),
            extensions=response.extensions,
        )

    def _pool(self, url: str) -> httpcore2.ConnectionPool:
        proxy = self._proxy or _of_environment(url)
        if proxy not in self._pools:
            options: dict[str, Any] = {
                "ssl_context": self._ssl,
                "network_backend": _Backend(self._guard),
            }
            if not proxy:
                self._pools[proxy] = httpcore2.ConnectionPool(**options)
            elif urlsplit(proxy).scheme == "http":
                self._guard.trust(proxy)
                login = _login(proxy)
                place = urlsplit(proxy)
                address = f"http://{place.hostname}:{place.port or 80}"
                self._pools[proxy] = httpcore2.HTTPProxy(address, proxy_auth=login, **options)
            else:
                raise unsupported(
                    "This downloader uses no socks proxies.",
                    "Choose ytdlp, too: [download] plugin = http, ytdlp",
                )
        return self._pools[proxy]

    def close(self) -> None:
        for pool in self._pools.values():
            pool.close()


class _Body(httpx2.SyncByteStream):
    def __init__(self, response: httpcore2.Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        yield from self._response.iter_stream()

    def close(self) -> None:
        self._response.close()


class _Backend(httpcore2.NetworkBackend):
    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        with _faults(httpcore2.ConnectTimeout, httpcore2.ConnectError):
            return _Stream(self._guard.connect((host, port)), self._guard)


class _Stream(httpcore2.NetworkStream):
    def __init__(self, connection: Any, guard: Guard) -> None:
        self._connection = connection
        self._guard = guard

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with _faults(httpcore2.ReadTimeout, httpcore2.ReadError):
            self._connection.settimeout(timeout)
            data: bytes = self._connection.recv(max_bytes)
            return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        with _faults(httpcore2.WriteTimeout, httpcore2.WriteError):
            self._connection.settimeout(timeout)
            self._connection.sendall(buffer)

    def close(self) -> None:
        self._connection.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        # The handshake comes after the socket is watched, so that a silent server can be left.
        with _faults(httpcore2.ConnectTimeout, httpcore2.ConnectError):
            wrapped = ssl_context.wrap_socket(
                self._connection, server_hostname=server_hostname, do_handshake_on_connect=False
            )
            try:
                wrapped.settimeout(timeout)
                self._guard.watch(wrapped)
                wrapped.do_handshake()
            except BaseException:
                wrapped.close()
                raise
        return _Stream(wrapped, self._guard)

    def get_extra_info(self, info: str) -> Any:
        return self._connection if info == "socket" else None


@contextmanager
def _faults(silent: type[Exception], broken: type[Exception]) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise silent(str(error)) from error
    except OSError as error:
        raise broken(str(error)) from error


def _of_environment(url: str) -> str:
    """The proxy that ``http_proxy`` and its siblings name for a link, "" for none."""
    parts = urlsplit(url)
    if urllib.request.proxy_bypass(parts.hostname or ""):
        return ""
    found = urllib.request.getproxies().get(parts.scheme, "")
    return found if "://" in found or not found else f"http://{found}"


def _login(proxy: str) -> tuple[str, str] | None:
    from urllib.parse import unquote

    parts = urlsplit(proxy)
    return (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
