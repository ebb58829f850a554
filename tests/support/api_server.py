"""The HTTP API on a real uvicorn in a thread, so that tests can change what names resolve to."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2 as httpx

from toolkit.serving.app import create_app
from toolkit.serving.desk import Desk
from toolkit.serving.server import listening, server_of

__all__ = ["Site", "serving"]

PATIENCE_S = 120.0


class Site:
    """A server, and clients of it."""

    def __init__(self, desk: Desk, port: int) -> None:
        self.desk = desk
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._clients: list[httpx.Client] = []

    def word(self, *scopes: str, days: float = 1, name: str = "tester") -> str:
        """A new token."""
        return self.desk.tokens.new(name, scopes, days)[0]

    def client(self, *scopes: str, word: str = "", **headers: str) -> httpx.Client:
        """Somebody with a token for these scopes; without scopes or word, without one."""
        word = word or (self.word(*scopes) if scopes else "")
        given = {"Authorization": f"Bearer {word}"} if word else {}
        client = httpx.Client(base_url=self.url, headers={**given, **headers}, timeout=PATIENCE_S)
        self._clients.append(client)
        return client

    def analyzed(self, *sources: Path | str, **more: Any) -> dict[str, Any]:
        """A run of these sources, over."""
        client = self.client("read", "run")
        reply = client.post("/v1/runs", json={"sources": [str(one) for one in sources], **more})
        assert reply.status_code == 202, reply.text
        return self.ended(client, reply.json()["id"])

    def ended(self, client: httpx.Client, run_id: str) -> dict[str, Any]:
        """A run at its end."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            run: dict[str, Any] = client.get(f"/v1/runs/{run_id}").json()
            if run["status"] != "running":
                return run
            time.sleep(0.1)
        raise TimeoutError(run_id)

    def raw(self, data: bytes, *, close: bool = False) -> bytes:
        """What the server says to these bytes, until it hangs up or says no more for a second."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(data)
            if close:
                connection.shutdown(socket.SHUT_WR)
            connection.settimeout(1.0)
            found = b""
            try:
                while part := connection.recv(65_536):
                    found += part
            except (TimeoutError, ConnectionResetError):
                pass  # a server that reads no further than it has to resets what is left
            return found

    def close(self) -> None:
        for client in self._clients:
            client.close()


@contextmanager
def serving(workspace: Path, **sections: dict[str, Any]) -> Iterator[Site]:
    """A server of a workspace, with settings by section."""
    given: dict[str, dict[str, Any]] = {
        "paths": {"workspace": workspace},
        "analysis": {"plugin": ("signals",)},
        **sections,
    }
    given["serve"] = {"port": 0, **given.get("serve", {})}
    app = create_app(None, given)
    desk: Desk = app.state.desk
    options = desk.settings.serve
    with listening(options) as place:
        server = server_of(app, options, desk.settings.base)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [place]}, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        site = Site(desk, place.getsockname()[1])
        try:
            yield site
        finally:
            site.close()
            server.should_exit = True
            thread.join(30)
            assert not thread.is_alive()
