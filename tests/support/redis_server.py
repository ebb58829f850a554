"""A Redis server, for a Ray head that keeps its state there."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """Start one that keeps everything in memory: its address."""
    program = shutil.which("redis-server")
    if not program:
        pytest.skip("needs redis-server, which `make install` installs on Debian and Ubuntu")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    words = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(folder)]
    with (folder / "redis.log").open("w") as log:
        server = subprocess.Popen([program, *words], stdout=log, stderr=log)
    try:
        end = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert server.poll() is None, (folder / "redis.log").read_text()
                assert time.monotonic() < end, (folder / "redis.log").read_text()
                time.sleep(0.05)
        yield f"127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(10)
