"""A small Dropbox: the HTTP API that the SDK speaks, as its documentation has it, over TLS.

    https://www.dropbox.com/developers/documentation/http/documentation

Faults are those of the proxy that stands before the other clouds, by the route's name.
"""

from __future__ import annotations

import hashlib
import http.server
import itertools
import json
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trustme
from fault_proxy import (
    CutAnswer,
    CutRequest,
    DamageAnswer,
    DamageRequest,
    DropAnswer,
    Fault,
    Hang,
    Status,
    cut,
    damaged,
)

BLOCK = 4 << 20


def content_hash(data: bytes) -> str:
    """https://www.dropbox.com/developers/reference/content-hash"""
    blocks = (data[i : i + BLOCK] for i in range(0, len(data), BLOCK))
    return hashlib.sha256(b"".join(hashlib.sha256(b).digest() for b in blocks)).hexdigest()


class RefusedError(Exception):
    """An endpoint's own error: HTTP 409 with a union in JSON."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error)
        self.error = error


def tagged(*tags: str, **more: Any) -> dict[str, Any]:
    """A union in a union: ``tagged("path", "not_found")``."""
    found: dict[str, Any] = {".tag": tags[-1], **more}
    for tag in reversed(tags[:-1]):
        found = {".tag": tag, tag: found}
    return found


@dataclass
class File:
    path: str
    data: bytes
    rev: str


@dataclass
class DropboxServer:
    """A running server: its files by path in lower case, its tokens, and what was asked of it."""

    port: int = 0
    certificate: str = ""
    page: int = 2
    token: str = "token-1"
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    files: dict[str, File] = field(default_factory=dict)
    revisions: dict[str, File] = field(default_factory=dict)
    sessions: dict[str, bytearray] = field(default_factory=dict)
    refreshed: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock)
    closing: threading.Event = field(default_factory=threading.Event)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    rules: list[list[Any]] = field(default_factory=list)

    def spoil(self, route: str, fault: Fault, times: int = 1, after: int = 0) -> None:
        """Do this to the next requests of a route, but for the first ``after``."""
        self.rules.append([route, fault, times, after])

    def calls(self, route: str) -> list[dict[str, Any]]:
        """The arguments of a route's requests."""
        return [given for name, given in self.asked if name == route]

    def expire(self) -> None:
        """The token that is out is good no more."""
        self.token = f"token-{next(self.numbers)}-new"

    # ------------------------------------------------------------------ the routes

    def facts(self, file: File) -> dict[str, Any]:
        name = file.path.rsplit("/", 1)[-1]
        return {
            ".tag": "file",
            "name": name,
            "id": f"id:{file.rev}",
            "client_modified": "2026-01-31T10:00:00Z",
            "server_modified": "2026-01-31T10:00:00Z",
            "rev": file.rev,
            "size": len(file.data),
            "path_lower": file.path.lower(),
            "path_display": file.path,
            "is_downloadable": True,
            "content_hash": content_hash(file.data),
        }

    def save(self, commit: dict[str, Any], data: bytes) -> dict[str, Any]:
        path = commit["path"]
        if not re.fullmatch(r"/(.|[\r\n])*", path):
            raise RefusedError(tagged("path", "malformed_path"))
        if path.lower() in self.files and commit.get("mode") not in (
            "overwrite",
            tagged("overwrite"),
        ):
            raise RefusedError(
                {".tag": "path", "reason": tagged("conflict", "file"), "upload_session_id": ""}
            )
        file = File(path, data, f"{next(self.numbers):09x}")
        self.files[path.lower()] = self.revisions[file.rev] = file
        return self.facts(file)

    def check(self, given: dict[str, Any], data: bytes) -> None:
        said = given.get("content_hash")
        if said and said != content_hash(data):
            raise RefusedError(tagged("content_hash_mismatch"))

    def files_upload(self, given: dict[str, Any], data: bytes) -> dict[str, Any]:
        self.check(given, data)
        return self.save(given, data)

    def files_upload_session_start(self, given: dict[str, Any], data: bytes) -> dict[str, Any]:
        self.check(given, data)
        name = f"session-{next(self.numbers)}"
        self.sessions[name] = bytearray(data)
        return {"session_id": name}

    def session(self, cursor: dict[str, Any]) -> bytearray:
        held = self.sessions.get(cursor["session_id"])
        if held is None:
            raise LookupError
        if len(held) != cursor["offset"]:
            raise IndexError(len(held))
        return held

    def files_upload_session_append_v2(self, given: dict[str, Any], data: bytes) -> None:
        try:
            held = self.session(given["cursor"])
        except LookupError as error:
            if isinstance(error, IndexError):
                raise RefusedError(
                    tagged("incorrect_offset", correct_offset=error.args[0])
                ) from error
            raise RefusedError(tagged("not_found")) from error
        self.check(given, data)
        held += data

    def files_upload_session_finish(self, given: dict[str, Any], data: bytes) -> dict[str, Any]:
        try:
            held = self.session(given["cursor"])
        except LookupError as error:
            inner = tagged("not_found")
            if isinstance(error, IndexError):
                inner = tagged("incorrect_offset", correct_offset=error.args[0])
            raise RefusedError({".tag": "lookup_failed", "lookup_failed": inner}) from error
        self.check(given, data)
        found = self.save(given["commit"], bytes(held + data))
        del self.sessions[given["cursor"]["session_id"]]
        return found

    def files_get_metadata(self, given: dict[str, Any], _: bytes) -> dict[str, Any]:
        file = self.files.get(given["path"].lower())
        if file:
            return self.facts(file)
        path = given["path"].lower() + "/"
        if any(one.startswith(path) for one in self.files):
            name = given["path"].rsplit("/", 1)[-1]
            return {".tag": "folder", "name": name, "id": "id:f", "path_display": given["path"]}
        raise RefusedError(tagged("path", "not_found"))

    def files_list_folder(self, given: dict[str, Any], _: bytes) -> dict[str, Any]:
        path = given["path"].lower() + "/"
        if path != "/" and not any(one.startswith(path) for one in self.files):
            raise RefusedError(tagged("path", "not_found"))
        return self.listing(path, 0)

    def files_list_folder_continue(self, given: dict[str, Any], _: bytes) -> dict[str, Any]:
        path, _, start = given["cursor"].rpartition("|")
        return self.listing(path, int(start))

    def listing(self, path: str, start: int) -> dict[str, Any]:
        found = [file for name, file in sorted(self.files.items()) if name.startswith(path)]
        end = start + self.page
        return {
            "entries": [self.facts(one) for one in found[start:end]],
            "cursor": f"{path}|{end}",
            "has_more": end < len(found),
        }

    def files_delete_v2(self, given: dict[str, Any], _: bytes) -> dict[str, Any]:
        file = self.files.pop(given["path"].lower(), None)
        if file is None:
            raise RefusedError(tagged("path_lookup", "not_found"))
        return {"metadata": self.facts(file)}


class _Handler(http.server.BaseHTTPRequestHandler):
    box: DropboxServer
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_POST(self) -> None:
        box = self.box
        route = self.path.removeprefix("/2/").replace("/", "_").lstrip("_")
        length = int(self.headers.get("Content-Length", 0))
        fault = self.fault(route)
        if isinstance(fault, CutRequest):
            self.rfile.read(min(fault.after, length))
            cut(self)
            return
        body = self.rfile.read(length)
        if isinstance(fault, DamageRequest):
            body = damaged(body, fault.at)
        if route == "oauth2_token":
            self.refresh()
            return
        content = self.headers.get("Dropbox-API-Arg")
        given = json.loads(content if content is not None else body or b"null") or {}
        with box.lock:
            box.asked.append(
                (route, {**given, "bytes": len(body), "range": self.headers.get("Range")})
            )
        if isinstance(fault, Hang):
            box.closing.wait(60)
            cut(self)
            return
        if isinstance(fault, Status):
            self.answer(fault.code, fault.body, {"Content-Type": "text/plain", **fault.headers})
            return
        if self.headers.get("Authorization") != f"Bearer {box.token}":
            error = {"error_summary": "expired", "error": tagged("expired_access_token")}
            self.answer(401, json.dumps(error).encode())
            return
        try:
            with box.lock:
                if route == "files_download":
                    self.download(given, fault)
                    return
                found = getattr(box, route)(given, body)
        except RefusedError as error:
            self.answer(409, json.dumps({"error_summary": "", "error": error.error}).encode())
            return
        if isinstance(fault, DropAnswer):
            cut(self)
            return
        self.answer(200, json.dumps(found).encode())

    def fault(self, route: str) -> Fault | None:
        with self.box.lock:
            for rule in self.box.rules:
                if rule[0] == route:
                    if rule[3]:
                        rule[3] -= 1
                    elif rule[2]:
                        rule[2] -= 1
                        found: Fault = rule[1]
                        return found
        return None

    def refresh(self) -> None:
        self.box.refreshed += 1
        facts = {"access_token": self.box.token, "expires_in": 14400, "token_type": "bearer"}
        self.answer(200, json.dumps(facts).encode())

    def download(self, given: dict[str, Any], fault: Fault | None) -> None:
        path = given["path"]
        file = self.box.revisions.get(path[4:]) if path.startswith("rev:") else None
        file = file or self.box.files.get(path.lower())
        if file is None:
            raise RefusedError(tagged("path", "not_found"))
        said = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(said[1]) if said else 0
        data = file.data[start:]
        headers = {
            "Dropbox-API-Result": json.dumps(self.box.facts(file)),
            "Content-Type": "application/octet-stream",
        }
        length = len(data)
        if isinstance(fault, DamageAnswer):
            data = damaged(data, fault.at)
        if isinstance(fault, CutAnswer):
            data = data[: fault.after]
        self.answer(206 if said else 200, data, headers, length)
        if isinstance(fault, CutAnswer):
            cut(self)

    def answer(
        self,
        status: int,
        body: bytes,
        headers: dict[str, str] | None = None,
        length: int | None = None,
    ) -> None:
        self.send_response(status)
        given = {"Content-Type": "application/json", **(headers or {})}
        given["Content-Length"] = str(len(body) if length is None else length)
        for name, value in given.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Tests read :attr:`DropboxServer.asked` instead."""


class _Listener(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Broken connections are what this is about."""


@contextmanager
def dropbox_server(folder: Path) -> Iterator[DropboxServer]:
    """A Dropbox on loopback for as long as the context lasts; its certificate lies in a folder."""
    authority = trustme.CA()
    box = DropboxServer(certificate=str(folder / "ca.pem"))
    authority.cert_pem.write_to_path(box.certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)

    class Handler(_Handler):
        pass

    Handler.box = box
    with _Listener(("127.0.0.1", 0), Handler) as listener:
        listener.socket = context.wrap_socket(listener.socket, server_side=True)
        box.port = listener.server_address[1]
        thread = threading.Thread(target=listener.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield box
        finally:
            box.closing.set()
            listener.shutdown()
            thread.join()
