"""A web server on loopback that serves a folder, and can misbehave the ways real servers do.

    with serve(folder) as server:
        server.url("clip.mp4")              # whole file or ranges, ETag and Last-Modified
        server.url("flaky/2/clip.mp4")      # 503 twice, then the file
        server.requests                     # what was asked, and with which Range

Each fault is the first part of a path, and the file's path follows it. Where a fault says
"once", whoever asks for the rest of the file gets it whole:

    status/404/F     always this status
    flaky/N/F        503 with "Retry-After: 0" to the first N requests, then the file
    limited/N/F      429 with "Retry-After: 1" to the first N requests, then the file
    drop/F           closes the connection after half the file, once
    cut/N/F          closes the connection after N bytes, each time
    stall/F          sends half the file and then nothing, once
    trickle/F        sends a byte every 50 ms, each time
    slow/F           32 KiB every 50 ms, once
    hang/F           takes the request and never answers
    unsized/F        the file without Content-Length, and without ranges
    half/N/F         like unsized, but closes after half the file, to the first N requests
    endless/F        like unsized, and after the file noise without end
    short/F          promises 1000 bytes more than there are
    long/F           promises half of what it sends
    refused/F        like drop, to the first request; whoever asks for the rest gets 416
    misplaced/F      like drop, to the first request; whoever asks for the rest gets the start
    unnamed/F        like drop, and tells nothing that names the file: no ETag, no date
    packed/F         the file packed with gzip, though nobody asked for that
    bomb/F           little that unpacks to a lot of zeros
    redirect?to=URL  302 to the URL
    chain/N/F        302 N times, then the file
    loop             302 to itself
"""

from __future__ import annotations

import email.utils
import gzip
import mimetypes
import random
import re
import shutil
import ssl
import threading
import urllib.parse
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO

__all__ = ["MediaServer", "Request", "serve"]

_UNSIZED = frozenset({"unsized", "half", "endless", "packed", "bomb"})
_FAULTS = _UNSIZED | {
    *("drop", "stall", "trickle", "slow", "short", "long", "refused", "misplaced", "unnamed"),
}
_ONCE = frozenset({"refused", "misplaced"})
_PIECE_BYTES = 1_000_000
_BOMB_PIECES = 300


@dataclass(frozen=True)
class Request:
    """A request that was made: its path with the query, and its headers (names in lower case)."""

    method: str
    path: str
    headers: dict[str, str]

    @property
    def first_byte(self) -> int | None:
        """Where the range that it asks for starts; None if it asks for the whole file."""
        found = re.fullmatch(r"bytes=(\d+)-\d*", self.headers.get("range", ""))
        return int(found[1]) if found else None


@dataclass
class MediaServer:
    """A running server. ``requests`` lists what was asked of it, in order.

    Without ``ranges`` it sends the whole file whatever range is asked for.
    """

    folder: Path
    base_url: str = ""
    ranges: bool = True
    requests: list[Request] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)
    attempts: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def url(self, path: str) -> str:
        """The address of a path below the root."""
        return f"{self.base_url}/{path.lstrip('/')}"

    def redirect(self, to: str) -> str:
        """An address that redirects to another."""
        return self.url("redirect?" + urllib.parse.urlencode({"to": to}))

    def asked(self, path: str) -> list[Request]:
        """The requests for a path, in order."""
        with self.lock:
            return [r for r in self.requests if r.path.lstrip("/") == path.lstrip("/")]


@contextmanager
def serve(
    folder: Path, *, port: int = 0, tls: ssl.SSLContext | None = None
) -> Iterator[MediaServer]:
    """Serve a folder on 127.0.0.1 for as long as the context lasts.

    Args:
        folder: What is served; nothing outside it is.
        port: The port to listen on, 0 for any free one.
        tls: The server's certificate, for https.

    Raises:
        OSError: The port is taken.
    """
    server = MediaServer(folder.resolve())

    class Handler(_Handler):
        media = server

    with _Listener(("127.0.0.1", port), Handler) as listener:
        server.base_url = f"http{'s' if tls else ''}://127.0.0.1:{listener.server_address[1]}"
        if tls:  # the handshake is for the request's own thread
            listener.socket = tls.wrap_socket(
                listener.socket, server_side=True, do_handshake_on_connect=False
            )
        thread = threading.Thread(
            target=listener.serve_forever, args=(0.05,), name="media-server", daemon=True
        )
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            listener.shutdown()
            thread.join()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves in the middle is what half of the faults are about."""


class _Handler(BaseHTTPRequestHandler):
    media: MediaServer
    timeout = 30

    def do_GET(self) -> None:
        media = self.media
        with media.lock:
            headers = {name.lower(): value for name, value in self.headers.items()}
            media.requests.append(Request(self.command, self.path, headers))
            media.attempts[self.path] += 1
            attempt = media.attempts[self.path]
        address = urllib.parse.urlsplit(self.path)
        parts = [urllib.parse.unquote(part) for part in address.path.split("/") if part]
        match parts:
            case ["status", code, *_]:
                self._empty(int(code))
            case ["flaky", times, *rest]:
                if attempt <= int(times):
                    self._empty(503, {"Retry-After": "0"})
                else:
                    self._file(rest)
            case ["limited", times, *rest]:
                if attempt <= int(times):
                    self._empty(429, {"Retry-After": "1"})
                else:
                    self._file(rest)
            case ["cut", size, *rest]:
                self._file(rest, fault="cut", cut=int(size))
            case ["half", times, *rest]:
                self._file(rest, fault="half" if attempt <= int(times) else "unsized")
            case ["chain", times, *rest]:
                left = int(times) - 1
                name = "/".join(rest)
                self._empty(302, {"Location": f"/chain/{left}/{name}" if left else f"/{name}"})
            case ["redirect", *_]:
                self._empty(302, {"Location": urllib.parse.parse_qs(address.query)["to"][0]})
            case ["loop", *_]:
                self._empty(302, {"Location": "/loop"})
            case ["hang", *_]:
                media.closing.wait()
            case [fault, *rest] if fault in _FAULTS:
                again = attempt > 1 and fault in _ONCE and "Range" not in self.headers
                self._file(rest, fault="" if again else fault)
            case _:
                self._file(parts)

    do_HEAD = do_GET  # noqa: N815 - the base's name

    def _empty(self, status: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": "0", **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()

    def _file(self, parts: list[str], *, fault: str = "", cut: int = 0) -> None:
        path = self.media.folder.joinpath(*parts).resolve()
        if not path.is_relative_to(self.media.folder) or not path.is_file():
            self._empty(404)
            return
        size = path.stat().st_size
        etag = f'"{size:x}-{path.stat().st_mtime_ns:x}"'
        start, end = 0, size
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        partial = (
            asked is not None
            and self.media.ranges
            and fault not in _UNSIZED
            and self.headers.get("If-Range", etag) == etag
        )
        if asked and partial:
            start = int(asked[1])
            end = min(end, int(asked[2]) + 1) if asked[2] else end
            if start >= end or fault == "refused":
                total = {} if fault == "refused" else {"Content-Range": f"bytes */{size}"}
                self._empty(416, total)
                return
            if fault == "misplaced":
                start, end = 0, end - start
            fault = fault if fault in ("cut", "trickle", "short", "long") else ""
        promised = end - start + {"short": 1000, "long": (start - end) // 2}.get(fault, 0)
        self.send_response(HTTPStatus.PARTIAL_CONTENT if partial else HTTPStatus.OK)
        self.send_header("Content-Type", mimetypes.guess_type(path.name)[0] or "video/mp4")
        if fault != "unnamed":
            self.send_header("ETag", etag)
            changed = email.utils.formatdate(path.stat().st_mtime, usegmt=True)
            self.send_header("Last-Modified", changed)
        if fault in ("packed", "bomb"):
            self.send_header("Content-Encoding", "gzip")
        if fault not in _UNSIZED:
            self.send_header("Content-Length", str(promised))
        if self.media.ranges:
            self.send_header("Accept-Ranges", "bytes")
        if partial:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
        self.end_headers()
        if self.command != "HEAD":
            with path.open("rb") as file, suppress(ConnectionError, TimeoutError):
                file.seek(start)
                self._body(file, end - start, fault, cut)

    def _body(self, file: BinaryIO, size: int, fault: str, cut: int) -> None:
        closing = self.media.closing
        match fault:
            case "slow":
                while (data := file.read(32_768)) and not closing.wait(0.05):
                    self.wfile.write(data)
            case "trickle":
                while (data := file.read(1)) and not closing.wait(0.05):
                    self.wfile.write(data)
            case "drop" | "stall" | "half" | "refused" | "misplaced" | "unnamed":
                self.wfile.write(file.read(size // 2))
                if fault == "stall":
                    closing.wait()
            case "cut":
                self.wfile.write(file.read(min(cut, size)))
            case "packed":
                self.wfile.write(gzip.compress(file.read()))
            case "bomb":
                pack = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
                for _ in range(_BOMB_PIECES):
                    self.wfile.write(pack.compress(bytes(_PIECE_BYTES)))
                self.wfile.write(pack.flush())
            case "endless":
                shutil.copyfileobj(file, self.wfile)
                noise = random.Random(1).randbytes(_PIECE_BYTES)
                while not closing.is_set():
                    self.wfile.write(noise)
            case _:
                while size and (data := file.read(min(size, _PIECE_BYTES))):
                    self.wfile.write(data)
                    size -= len(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Tests read :attr:`MediaServer.requests` instead."""
