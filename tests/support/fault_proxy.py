"""A proxy in front of a cloud's server that does to requests what networks and clouds do.

with proxy(port) as between:
    between.spoil("PUT", r"partNumber=2", Status(503, {"Retry-After": "0"}), times=2)
    between.url, between.requests
"""

from __future__ import annotations

import http.client
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_KEPT_BYTES = 64 << 10


@dataclass(frozen=True)
class Status:
    """Answers with a status, without asking the cloud."""

    code: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class CutRequest:
    """Closes the connection in the middle of what is sent to the cloud."""

    after: int = 1000


@dataclass(frozen=True)
class CutAnswer:
    """Closes the connection in the middle of what the cloud answers."""

    after: int = 1000


@dataclass(frozen=True)
class DropAnswer:
    """The cloud does it, and nobody hears of it."""


@dataclass(frozen=True)
class DamageRequest:
    """Turns one byte of what is sent into another, at this share of its length."""

    at: float = 0.5


@dataclass(frozen=True)
class DamageAnswer:
    """Turns one byte of what is answered into another."""

    at: float = 0.5


@dataclass(frozen=True)
class Hang:
    """Takes the request and never answers."""


@dataclass(frozen=True)
class Deaf:
    """Takes the head of a request, and hardly anything of its body."""


@dataclass(frozen=True)
class Slow:
    """Takes the body in pieces of so many bytes, with pauses, and refuses it in the end."""

    bytes: int
    pause_s: float


@dataclass(frozen=True)
class Pass:
    """Does nothing, this once."""


Fault = (
    Pass
    | Status
    | CutRequest
    | CutAnswer
    | DropAnswer
    | DamageRequest
    | DamageAnswer
    | Hang
    | Deaf
    | Slow
)


@dataclass
class Rule:
    """A fault for the first so many requests that fit."""

    method: str
    path: re.Pattern[str]
    fault: Fault
    left: int


@dataclass
class Proxy:
    """A running proxy; ``requests`` has method and path of everything asked."""

    port: int
    url: str = ""
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    closing: threading.Event = field(default_factory=threading.Event)

    def spoil(self, method: str, path: str, fault: Fault, times: int = 1) -> None:
        """Do this to the next requests that fit."""
        with self.lock:
            self.rules.append(Rule(method, re.compile(path), fault, times))

    def calm(self) -> None:
        """From here on nothing is spoilt; forget what was asked."""
        with self.lock:
            self.rules.clear()
            self.requests.clear()

    def asked(self, method: str, path: str) -> list[str]:
        """Paths of the requests that fit."""
        with self.lock:
            return [p for m, p, _ in self.requests if m == method and re.search(path, p)]

    def fault(self, method: str, path: str) -> Fault | None:
        with self.lock:
            for rule in self.rules:
                if rule.left and rule.method == method and rule.path.search(path):
                    rule.left -= 1
                    return rule.fault
        return None


@contextmanager
def proxy(port: int) -> Iterator[Proxy]:
    """Stand in front of a server on 127.0.0.1 for as long as the context lasts."""
    between = Proxy(port)

    class Handler(_Handler):
        proxy = between

    with _Listener(("127.0.0.1", 0), Handler) as listener:
        between.url = f"http://127.0.0.1:{listener.server_address[1]}"
        thread = threading.Thread(target=listener.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield between
        finally:
            between.closing.set()
            listener.shutdown()
            thread.join()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True

    def server_bind(self) -> None:
        # Little of a body is under way before somebody reads it.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _KEPT_BYTES)
        super().server_bind()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Broken connections are what this is about."""


class _Handler(BaseHTTPRequestHandler):
    proxy: Proxy
    protocol_version = "HTTP/1.1"
    timeout = 60

    def handle_expect_100(self) -> bool:
        """Nobody is told to go on; who asks for that has to do without it, in the end."""
        return True

    def _pass(self) -> None:
        between = self.proxy
        with between.lock:
            between.requests.append((self.command, self.path, dict(self.headers.items())))
        fault = between.fault(self.command, self.path)
        length = int(self.headers.get("Content-Length", 0))
        if isinstance(fault, CutRequest):
            self.rfile.read(min(fault.after, length))
            cut(self)
            return
        if isinstance(fault, Deaf):
            between.closing.wait()
            cut(self)
            return
        if isinstance(fault, Slow):
            for start in range(0, length, fault.bytes):
                between.closing.wait(fault.pause_s)
                self.rfile.read(min(fault.bytes, length - start))
            self._answer(403, {}, b"")
            return
        body = self.rfile.read(length)
        match fault:
            case Hang():
                between.closing.wait()
                cut(self)
                return
            case Status():
                self._answer(fault.code, fault.headers, fault.body)
                return
            case DamageRequest():
                body = damaged(body, fault.at)
            case _:
                pass
        status, headers, answer = self._forward(body)
        match fault:
            case DropAnswer():
                cut(self)
            case DamageAnswer():
                self._answer(status, headers, damaged(answer, fault.at))
            case CutAnswer():
                self._answer(status, headers, answer[: fault.after], length=len(answer))
                cut(self)
            case _:
                self._answer(status, headers, answer)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _pass  # noqa: N815 - the base's names

    def _forward(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        to = http.client.HTTPConnection("127.0.0.1", self.proxy.port, timeout=60)
        try:
            skip = {"connection"}
            headers = {k: v for k, v in self.headers.items() if k.lower() not in skip}
            to.request(self.command, self.path, body, headers)
            answer = to.getresponse()
            data = answer.read()
            kept = {
                name: value
                for name, value in answer.getheaders()
                if name.lower() not in {"connection", "transfer-encoding", "keep-alive"}
            }
            return answer.status, kept, data
        finally:
            to.close()

    def _answer(
        self, status: int, headers: dict[str, str], body: bytes, length: int | None = None
    ) -> None:
        self.send_response_only(status)
        given = {name.lower(): value for name, value in headers.items()}
        if self.command != "HEAD" or "content-length" not in given:
            given["content-length"] = str(len(body) if length is None else length)
        for name, value in given.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            with suppress(ConnectionError):
                self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Tests read :attr:`Proxy.requests` instead."""


def damaged(data: bytes, at: float) -> bytes:
    """The bytes with one of them turned into another."""
    place = int(len(data) * at)
    return data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :] if data else data


def cut(handler: BaseHTTPRequestHandler) -> None:
    """Close a connection without another word."""
    handler.close_connection = True
    with suppress(OSError):
        handler.wfile.flush()
        handler.connection.shutdown(2)
