"""A model hub on this machine: as much of the real one's interface as fetching models takes.

See https://huggingface.co/docs/hub/api. The client in the tests is the real one.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NAME = "some/tiny"
_LARGE_BYTES = 1_000_000  # from here on the hub keeps files under their SHA-256


class Hub:
    """Serves one folder as the model :data:`NAME`.

    Attributes:
        endpoint: For the environment variable HF_ENDPOINT.
        asked: The paths that were asked for.
        cut: File name -> bytes after which the line goes dead.
        sizes: File name -> the size that is claimed before it is fetched.
        wrong: Names of files that come with a changed byte.
    """

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.endpoint = f"http://127.0.0.1:{port}"
        self.asked: list[str] = []
        self.cut: dict[str, int] = {}
        self.sizes: dict[str, int] = {}
        self.wrong: set[str] = set()

    def etag(self, name: str) -> str:
        content = (self.folder / name).read_bytes()
        if len(content) > _LARGE_BYTES:
            return hashlib.sha256(content).hexdigest()
        return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()

    def tree(self) -> list[dict[str, Any]]:
        listed = []
        for file in sorted(each for each in self.folder.iterdir() if each.is_file()):
            size = self.sizes.get(file.name, file.stat().st_size)
            entry = {"type": "file", "path": file.name, "size": size, "oid": self.etag(file.name)}
            if file.stat().st_size > _LARGE_BYTES:
                entry["lfs"] = {"oid": self.etag(file.name), "size": size, "pointerSize": 134}
            listed.append(entry)
        return listed


@contextmanager
def hub(folder: Path) -> Iterator[Hub]:
    """A hub that runs as long as the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked.append(f"{self.command} {self.path}")
            path = self.path.partition("?")[0]
            name = path.rpartition("/")[2]
            if path.startswith(f"/api/models/{NAME}/tree/{COMMIT}"):
                self.reply(json.dumps(served.tree()).encode())
            elif path in {f"/api/models/{NAME}{end}" for end in ("", "/revision/main")} | {
                f"/api/models/{NAME}/revision/{COMMIT}"
            }:
                self.reply(json.dumps({"id": NAME, "sha": COMMIT, "siblings": []}).encode())
            elif path.startswith(f"/{NAME}/resolve/") and (folder / name).is_file():
                body = (folder / name).read_bytes()
                if name in served.wrong:
                    body = body[:-1] + bytes([body[-1] ^ 1])
                size = served.sizes.get(name, len(body)) if self.command == "HEAD" else len(body)
                self.reply(body, size, served.etag(name), served.cut.get(name))
            else:
                self.send_error(404)

        do_HEAD = do_GET  # noqa: N815 - the base's name

        def reply(
            self, body: bytes, size: int | None = None, etag: str = "", cut: int | None = None
        ) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(size or len(body)))
            self.send_header("X-Repo-Commit", COMMIT)
            if etag:
                self.send_header("ETag", f'"{etag}"')
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body[:cut])

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
            """Keep stderr clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served = Hub(folder, server.server_port)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield served
        finally:
            server.shutdown()


def with_hub(
    command: list[str], folder: Path, endpoint: str, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run Python in ``folder`` with this hub, its cache in ``folder / "hub"``."""
    return subprocess.run(
        [sys.executable, *command],
        capture_output=True,
        text=True,
        cwd=folder,
        env={
            **{name: value for name, value in os.environ.items() if "proxy" not in name.lower()},
            "HF_HOME": str(folder / "hub"),
            "HF_ENDPOINT": endpoint,
            "HF_HUB_OFFLINE": "0",
        },
        check=False,
        **options,
    )
