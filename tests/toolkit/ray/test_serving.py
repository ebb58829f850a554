"""The API as a deployment of a real Ray Serve."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from ray_cluster import Nodes

from toolkit.hooks.manager import configure
from toolkit.serving import cluster
from toolkit.serving.tokens import Tokens

# Ray Serve's own models are of an older pydantic.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


def test_the_same_app_serves_on_a_cluster(nodes: Nodes, films: list[Path], workspace: Path) -> None:
    from ray import serve

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    given: dict[str, dict[str, Any]] = {
        "paths": {"workspace": workspace},
        "analysis": {"plugin": ("signals",)},
        "ray": {"address": nodes.address, "ship": "nothing"},
        "execution": {"engine": "ray"},
        "serve": {"port": port, "roots": (str(films[0].parent),), "max_body_bytes": 10_000},
    }
    settings, plugins, _ = configure(None, given)
    word, _ = Tokens(workspace / settings.serve.tokens).new("x", ["read", "run"], 1)
    up, stop = threading.Event(), threading.Event()
    thread = threading.Thread(
        target=cluster.serve, args=(None, given, settings, plugins, lambda _: up.set(), stop)
    )
    thread.start()
    try:
        assert up.wait(120)
        url = f"http://127.0.0.1:{port}"
        assert httpx.get(f"{url}/v1/runs", timeout=60).status_code == 401
        assert httpx.get(f"{url}/", headers={"Host": "evil.example"}).status_code == 421
        with httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {word}"}, timeout=120
        ) as client:
            huge = client.post("/v1/runs", content=b" " * 20_000)
            assert (huge.status_code, huge.headers["x-frame-options"]) == (413, "DENY")
            reply = client.post("/v1/runs", json={"sources": [str(films[0])]})
            assert (reply.status_code, reply.json()["engine"]) == (202, "ray")
            events = client.get(f"{reply.headers['location']}/events").text
            assert events.rstrip().endswith('data: {"status": "done"}')
            assert "event: scene" in events
            rows = client.get(f"{reply.headers['location']}/tables/scenes").json()["rows"]
            assert len(rows) == 4
            film = f"/v1/videos/{rows[0]['video_id']}/file"
            (link,) = client.post("/v1/links", json={"paths": [film]}).json()["links"]
            part = httpx.get(url + link["url"], headers={"Range": "bytes=0-9"}, timeout=60)
            assert (part.status_code, part.content) == (206, films[0].read_bytes()[:10])
    finally:
        stop.set()
        thread.join(60)
        serve.shutdown()
    assert not thread.is_alive()
