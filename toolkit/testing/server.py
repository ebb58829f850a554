"""A web server on loopback that serves a folder, and can misbehave the ways real servers do.

    with serve(folder) as server:
        server.url("clip.mp4")              # whole file or ranges, ETag and Last-Modified
        server.url("flaky/2/clip.mp4")      # 503 twice, then the file
        server.requests                     # what was asked, and with which Range

Each fault is the first part of a path, and the file's path follows it:

    status/404/F     always this status
    flaky/N/F        503 with "Retry-After: 0" to the first N requests, then the file
    drop/F           closes the connection after half the file; ranges are served whole
    stall/F          sends half the file and then nothing; ranges are served whole
    slow/F           32 KiB every 50 ms; ranges are served at full speed
    hang/F           takes the request and never answers
    unsized/F        the file without Content-Length, and without ranges
    redirect?to=URL  302 to the URL
    loop             302 to itself
"""

from __future__ import annotations

import email.utils
import mimetypes
import re
import shutil
import threading
import urllib.parse
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

__all__ = ["MediaServer", "Request", "serve"]


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
def serve(folder: Path, *, port: int = 0) -> Iterator[MediaServer]:
    """Serve a folder on 127.0.0.1 for as long as the context lasts.

    Args:
        folder: What is served; nothing outside it is.
        port: The port to listen on, 0 for any free one.

    Raises:
        OSError: The port is taken.
    """
    server = MediaServer(folder.resolve())

    class Handler(_Handler):
        media = server

    with _Listener(("127.0.0.1", port), Handler) as listener:
        server.base_url = f"http://127.0.0.1:{listener.server_address[1]}"
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
            case ["redirect"]:
                self._empty(302, {"Location": urllib.parse.parse_qs(address.query)["to"][0]})
            case ["loop"]:
                self._empty(302, {"Location": "/loop"})
            case ["hang", *_]:
                media.closing.wait()
            case ["drop" | "stall" | "slow" | "unsized" as fault, *rest]:
                self._file(rest, fault=fault)
            case _:
                self._file(parts)

    do_HEAD = do_GET  # noqa: N815 - the base's name

    def _empty(self, status: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": "0", **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()

    def _file(self, parts: list[str], *, fault: str = "") -> None:
        path = self.media.folder.joinpath(*parts).resolve()
        if not path.is_relative_to(self.media.folder) or not path.is_file():
            self._empty(404)
            return
        facts = path.stat()
        etag = f'"{facts.st_size:x}-{facts.st_mtime_ns:x}"'
        start, end = 0, facts.st_size
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        partial = (
            asked is not None
            and self.media.ranges
            and fault != "unsized"
            and self.headers.get("If-Range", etag) == etag
        )
        if asked and partial:
            start = int(asked[1])
            end = min(end, int(asked[2]) + 1) if asked[2] else end
            fault = ""
            if start >= end:
                self._empty(416, {"Content-Range": f"bytes */{facts.st_size}"})
                return
        self.send_response(HTTPStatus.PARTIAL_CONTENT if partial else HTTPStatus.OK)
        self.send_header("Content-Type", mimetypes.guess_type(path.name)[0] or "video/mp4")
        self.send_header("ETag", etag)
        self.send_header("Last-Modified", email.utils.formatdate(facts.st_mtime, usegmt=True))
        if fault != "unsized":
            self.send_header("Content-Length", str(end - start))
        if self.media.ranges:
            self.send_header("Accept-Ranges", "bytes")
        if partial:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{facts.st_size}")
        self.end_headers()
        if self.command != "HEAD":
            self._body(path, start, end, fault)

    def _body(self, path: Path, start: int, end: int, fault: str) -> None:
        with path.open("rb") as file, suppress(ConnectionError, TimeoutError):
            file.seek(start)
            if fault == "slow":
                while (data := file.read(32_768)) and not self.media.closing.wait(0.05):
                    self.wfile.write(data)
            elif fault in ("drop", "stall"):
                self.wfile.write(file.read((end - start) // 2))
                if fault == "stall":
                    self.media.closing.wait()
            elif end == path.stat().st_size:
                shutil.copyfileobj(file, self.wfile)
            else:
                self.wfile.write(file.read(end - start))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Tests read :attr:`MediaServer.requests` instead."""
