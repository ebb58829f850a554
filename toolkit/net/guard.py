"""Which hosts may be reached, and how a transfer that waits is stopped.

Addresses are checked where the connection is made, so that redirects, names that resolve to
private addresses and names that resolve differently a second time (DNS rebinding) are all seen.
"""

from __future__ import annotations

import ipaddress
import selectors
import socket
import threading
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

from toolkit.errors import DownloadError
from toolkit.stages.component import Cancel

__all__ = ["SCHEMES", "Guard", "is_public"]

SCHEMES = ("http", "https")
_TICK_S = 0.1
_PATIENCE = 3  # times timeout_s, without progress: headers that come byte by byte, for example
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet.

    IPv6 addresses that carry an IPv4 address (mapped, 6to4, Teredo, NAT64) are judged by it.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


class Guard:
    """Opens the connections of one download.

    Args:
        allow_private_hosts: Whether any address will do.
        proxy: URL of a proxy, whose own address may be anything.
        timeout_s: Longest wait for a name or a connection.
        cancel: Ends every wait.
    """

    def __init__(
        self, allow_private_hosts: bool, proxy: str, timeout_s: float, cancel: Cancel
    ) -> None:
        self._allow = allow_private_hosts
        self._proxies: set[str] = set()
        self._timeout_s = timeout_s
        self._cancel = cancel
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._beat_s = time.monotonic()
        if proxy:
            self.trust(proxy)

    def trust(self, proxy: str) -> None:
        """Let connections go to this proxy, wherever it is."""
        self._proxies.add(urlsplit(proxy).hostname or "")

    def check(self, url: str) -> None:
        """See that a link may be followed, as far as can be told without resolving its host.

        Raises:
            DownloadError: It may not.
        """
        parts = urlsplit(url)
        if parts.scheme.lower() not in SCHEMES:
            raise DownloadError(
                f"Links of the kind {parts.scheme or url}:// are not fetched.",
                hint=f"Only {' and '.join(SCHEMES)} are.",
                cause="scheme",
            )
        host = (parts.hostname or "").rstrip(".").lower()
        if not host:
            raise DownloadError(f"The link {url} names no host.", cause="scheme")
        if host == "localhost" or host.endswith(".localhost"):
            self._check_address(host, "127.0.0.1")
        with suppress(ValueError):
            ipaddress.ip_address(host)
            self._check_address(host, host)

    def _check_address(self, host: str, address: str) -> None:
        if not self._allow and not is_public(address):
            where = host if host == address else f"{host} ({address})"
            raise DownloadError(
                f"{where} is not on the public internet.",
                hint="Set allow_private_hosts = true in [download] to fetch from it.",
                cause="private-host",
            )

    def connect(
        self,
        address: tuple[str, int],
        timeout: Any = None,
        source_address: tuple[str, int] | None = None,
    ) -> socket.socket:
        """Connect, as :func:`socket.create_connection` does, to an address that is allowed.

        Raises:
            DownloadError: None is.
            OSError: No connection could be made, or the run was cancelled.
        """
        host, port = address
        places = self._resolve(host, port)
        if host not in self._proxies:
            public = [place for place in places if self._allow or is_public(str(place[4][0]))]
            if not public:
                self._check_address(host, str(places[0][4][0]))
            places = public
        last: OSError | None = None
        for family, kind, protocol, _, place in places:
            connection = socket.socket(family, kind, protocol)
            try:
                if source_address:
                    connection.bind(source_address)
                self._open(connection, place)
            except OSError as error:
                connection.close()
                last = error
            else:
                connection.settimeout(self._timeout_s)
                self.watch(connection)
                return connection
        raise last or OSError(f"{host} has no address")

    def _resolve(self, host: str, port: int) -> list[tuple[Any, ...]]:
        # The resolver cannot be interrupted: it is left behind in its thread where it hangs.
        answer: Future[list[tuple[Any, ...]]] = Future()

        def look_up() -> None:
            try:
                answer.set_result(list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
            except Exception as error:  # noqa: BLE001 - handed to the thread that waits
                answer.set_exception(error)

        threading.Thread(target=look_up, name="resolve", daemon=True).start()
        end = time.monotonic() + self._timeout_s
        while True:
            try:
                return answer.result(_TICK_S)
            except NotYet:
                self._wait_on(end, f"{host} was not resolved")

    def _open(self, connection: socket.socket, place: Any) -> None:
        connection.setblocking(False)
        end = time.monotonic() + self._timeout_s
        with suppress(BlockingIOError):
            connection.connect(place)
        with selectors.DefaultSelector() as waiting:  # not select(), which ends at file number 1023
            waiting.register(connection, selectors.EVENT_WRITE)
            while not waiting.select(_TICK_S):
                self._wait_on(end, "the connection was not accepted")
        code = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, f"{place[0]}: {_reason(code)}")

    def _wait_on(self, end: float, what: str) -> None:
        if self._cancel.asked:
            raise ConnectionAbortedError("the run was cancelled")
        if time.monotonic() > end:
            raise TimeoutError(f"{what} in {self._timeout_s:g} s")

    def watch(self, connection: socket.socket) -> None:
        """Shut this connection down when the run is cancelled."""
        with self._lock:
            self._sockets.add(connection)

    def beat(self) -> None:
        """Say that the transfer makes progress; one that makes none is shut down."""
        self._beat_s = time.monotonic()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Reads that wait end when the run is cancelled, for as long as the context lasts.

        So do those of a server that always sends something, but too little to ever come to an
        end: no single read of it is silent for ``timeout_s``.
        """
        done = threading.Event()
        patience_s = _PATIENCE * self._timeout_s

        def shut_down() -> None:
            while not done.wait(_TICK_S):
                if self._cancel.asked or time.monotonic() - self._beat_s > patience_s:
                    with self._lock:
                        waiting = list(self._sockets)
                    for connection in waiting:
                        # Not the method of ssl sockets, which forgets that they are encrypted.
                        with suppress(OSError):
                            socket.socket.shutdown(connection, socket.SHUT_RDWR)

        watcher = threading.Thread(target=shut_down, name="download-watch", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()


def _reason(code: int) -> str:
    import os

    return os.strerror(code)
