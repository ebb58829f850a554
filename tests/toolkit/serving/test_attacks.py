"""Attempts to get in, to get out, and to wear down: none does."""

from __future__ import annotations

import json
import os
import re
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from api_server import Site, serving
from bombs import vp9

from toolkit.testing.server import MediaServer, serve

PROBLEM = "application/problem+json"


def asked(site: Site, source: str) -> Any:
    return site.client("run").post("/v1/runs", json={"sources": [source]})


def routes(site: Site) -> Iterator[tuple[str, str]]:
    """Every method and path of the API, with ids that nothing has."""
    for path, methods in site.client().get("/v1/openapi.json").json()["paths"].items():
        for method in methods:
            yield method.upper(), re.sub(r"\{table\}", "scenes", re.sub(r"\{\w+_id\}", "x", path))


# ---------------------------------------------------------------- who


def test_without_a_token_nothing_but_health_answers(site: Site) -> None:
    for method, path in routes(site):
        site.desk.strangers._filled.clear()
        reply = site.client().request(method, path, json={})
        if path == "/v1/health":
            assert reply.status_code == 200
            continue
        assert reply.status_code == 401, (method, path)
        assert reply.headers["content-type"] == PROBLEM
        assert reply.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("scope", ["read", "run", "review"])
def test_a_token_is_for_its_scope_alone(site: Site, scope: str) -> None:
    body = {"subject": "x", "action": "add", "name": "x"}
    needs = {
        ("GET", "/v1/runs"): "read",
        ("GET", "/v1/runs/x/tables/scenes"): "read",
        ("GET", "/v1/runs/x/events"): "read",
        ("GET", "/v1/search?q=x"): "read",
        ("GET", "/v1/videos/x/file"): "read",
        ("GET", "/v1/metrics"): "read",
        ("POST", "/v1/runs"): "run",
        ("POST", "/v1/runs/x/cancel"): "run",
        ("POST", "/v1/runs/x/questions"): "run",
        ("POST", "/v1/runs/x/scenes/x/questions"): "run",
        ("POST", "/v1/runs/x/reviews"): "review",
        ("GET", "/v1/tokens"): "admin",
        ("DELETE", "/v1/tokens/x"): "admin",
    }
    client = site.client(scope)
    bodies = {"/v1/runs": {"sources": ["x"]}, "/v1/runs/x/reviews": body}
    for (method, path), needed in needs.items():
        data = bodies.get(path, {"question": "x"} if "scenes/x" in path else {"questions": ["x"]})
        reply = client.request(method, path, json=data if method == "POST" else None)
        assert (reply.status_code == 403 and "needs" in reply.json()["detail"]) == (
            needed != scope
        ) or (needed == scope and path == "/v1/runs" and method == "POST"), (method, path)


def test_expired_revoked_and_changed_tokens_are_out(site: Site) -> None:
    word = site.word("admin")
    client = site.client(word=word)
    assert client.get("/v1/me").status_code == 200
    for wrong in (
        word[:-1],
        word + "A",
        word.swapcase(),
        word.rpartition("_")[0] + "_",
        "tk__",
        "x" * 10_000,
    ):
        assert site.client(word=wrong).get("/v1/me").status_code == 401
    token = site.desk.tokens.owner(word)
    assert token
    path = site.desk.tokens.path
    kept = json.loads(path.read_text())
    assert word not in path.read_text()
    for one in kept:
        if one["id"] == token.id:
            one["expires_at"] = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    path.write_text(json.dumps(kept))
    assert client.get("/v1/me").status_code == 401
    other = site.word("read")
    reader = site.client(word=other)
    assert reader.get("/v1/me").status_code == 200
    site.desk.tokens.revoke(reader.get("/v1/me").json()["id"])
    assert reader.get("/v1/me").status_code == 401


def test_tokens_lie_in_a_private_file_or_nothing_is_served(workspace: Path) -> None:
    with serving(workspace) as site:
        client = site.client("read")
        path = site.desk.tokens.path
        assert path.stat().st_mode & 0o777 == 0o600
        assert workspace.stat().st_mode & 0o777 == 0o700
        path.chmod(0o644)
        os.utime(path, ns=(1, 1))
        reply = client.get("/v1/runs")
        assert reply.status_code == 422
        assert "chmod 600" in reply.json()["hint"]


def test_links_hold_for_one_path_and_one_token_and_some_time(
    site: Site, run: dict[str, Any], scenes: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, nobody = site.client("read"), site.client()
    video = f"/v1/videos/{scenes[0]['video_id']}/file"
    clip = f"/v1/runs/{run['id']}/scenes/{scenes[0]['scene_id']}/clip"
    url = client.post("/v1/links", json={"paths": [video]}).json()["links"][0]["url"]
    assert nobody.get(url).status_code == 200
    later = re.sub(r"expires=(\d+)", lambda found: f"expires={int(found[1]) + 1}", url)
    admin = site.desk.tokens.new("other", ["admin"], 1)[1]
    for wrong in (
        url.replace(video, clip),
        url[:-1] + ("0" if url[-1] != "0" else "1"),
        later,
        re.sub(r"by=\w+", f"by={admin.id}", url),
        url.partition("&signature")[0],
        url.replace(video, "/v1/runs"),
    ):
        assert nobody.get(wrong).status_code == 401, wrong
    for path in ("/v1/runs", "/v1/tokens", f"{video}/../../tokens", "https://example.org/"):
        assert client.post("/v1/links", json={"paths": [path]}).status_code == 422
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + site.desk.signer.life_s + 1)
    assert nobody.get(url).status_code == 401
    monkeypatch.undo()
    client.delete(f"/v1/tokens/{client.get('/v1/me').json()['id']}")
    site.desk.tokens.revoke(client.get("/v1/me").json()["id"])
    assert nobody.get(url).status_code == 401


def test_a_stream_of_events_ends_with_its_token(film: Path, workspace: Path) -> None:
    import toolkit as tk
    from toolkit.execution import live

    run = tk.analyze(film, analyzer="signals", workspace=workspace, progress=False)
    live.forget(run.id)  # so that it is known by its row alone, which says that it goes on
    with serving(workspace) as site:
        later = run.row.heartbeat_at + timedelta(hours=1)
        changed = {"status": "running", "finished_at": None, "heartbeat_at": later}
        site.desk.store.save([run.row.model_copy(update=changed)])
        client = site.client("read")
        token_id = client.get("/v1/me").json()["id"]
        with client.stream("GET", f"/v1/runs/{run.id}/events") as reply:
            lines = reply.iter_lines()
            assert next(lines) == "event: progress"
            site.desk.tokens.revoke(token_id)
            assert "event: end" not in list(lines)


# ---------------------------------------------------------------- paths


@pytest.fixture(scope="module")
def rooted(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Path]]:
    """A server with a root, in which links lead out of it."""
    base = tmp_path_factory.mktemp("rooted")
    root, beside = base / "root", base / "root-beside"
    root.mkdir()
    beside.mkdir()
    for secret in (base / "secret.mp4", beside / "secret.mp4"):
        secret.write_bytes(film.read_bytes())
    (root / "link.mp4").symlink_to(base / "secret.mp4")
    (root / "folder").symlink_to(beside)
    options = {"roots": (str(root), "s3://archive/talks")}
    with serving(base / "w", serve=options) as site:
        yield site, root


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "etc/passwd",
        "~/.ssh/id_rsa",
        "@/etc/passwd",
        "file:///etc/passwd",
        "concat:/etc/passwd",
        "{root}/../secret.mp4",
        "{root}/%2e%2e/secret.mp4",
        "{root}/*/../../secret.mp4",
        "{root}/../*",
        "{root}-beside/secret.mp4",
        "{root}/link.mp4",
        "{root}/folder/secret.mp4",
        "{root}/folder",
        "{root}/*.mp4",
        "{root}",
        "{root}/\u0000.mp4",
        "s3://bucket/secret.mp4",
        "s3://archive/talks/../secret.mp4",
        "s3://archive/talks-not-these/x.mp4",
        "dropbox:///x.mp4",
    ],
)
def test_no_path_leads_out_of_the_roots(rooted: tuple[Site, Path], path: str) -> None:
    site, root = rooted
    word = path.format(root=root)
    reply = asked(site, word)
    assert reply.status_code in (403, 422)
    assert "passwd" not in reply.json().get("hint", "")
    assert site.client("read").get("/v1/runs").json()["total"] == 0
    if ".." in word or not Path(word).is_relative_to(root):
        # The same is said of what is not there.
        assert asked(site, word + "-not-there").json()["detail"] == reply.json()["detail"]


def test_without_roots_no_path_is_taken(film: Path, workspace: Path) -> None:
    with serving(workspace) as site:
        assert asked(site, str(film)).status_code == 403


def test_a_file_that_was_put_in_a_videos_place_is_not_sent(film: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    copy = root / "film.mp4"
    copy.write_bytes(film.read_bytes())
    secret = tmp_path / "secret"
    secret.write_bytes(b"x" * copy.stat().st_size)
    with serving(tmp_path / "w", serve={"roots": (str(root),)}) as site:
        run = site.analyzed(copy)
        client = site.client("read")
        scene = client.get(f"/v1/runs/{run['id']}/tables/scenes").json()["rows"][0]
        copy.unlink()
        copy.symlink_to(secret)
        base = f"/v1/runs/{run['id']}/scenes/{scene['scene_id']}"
        for path in (f"/v1/videos/{scene['video_id']}/file", f"{base}/clip"):
            assert client.get(path).status_code == 422
        picture = Path(scene["thumbnail"])
        picture.unlink()
        picture.symlink_to(secret)
        assert client.get(f"{base}/thumbnail").status_code == 404


def test_a_film_that_unpacks_to_more_than_there_is_costs_its_request(
    film: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "films" / "film.mp4"
    copy.parent.mkdir()
    copy.write_bytes(film.read_bytes())
    given: dict[str, Any] = {"serve": {"roots": (str(copy.parent),)}, "decode": {"memory_mb": 200}}
    with serving(tmp_path / "w", **given) as site:
        run = site.analyzed(copy)
        client = site.client("read")
        scene = client.get(f"/v1/runs/{run['id']}/tables/scenes").json()["rows"][0]
        copy.write_bytes(vp9(16_000).ljust(copy.stat().st_size, b"\0"))
        reply = client.get(f"/v1/runs/{run['id']}/scenes/{scene['scene_id']}/clip")
        assert (reply.status_code, reply.headers["content-type"]) == (422, PROBLEM)
        assert "more than 200 MB of memory" in reply.text
        assert not list((tmp_path / "w").glob("serve-clips/*/*"))
        copy.write_bytes(film.read_bytes())
        assert client.get(reply.url.path).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static//etc/passwd",
        "/static/index.html",
        "/v1/videos/..%2f..%2fetc%2fpasswd/file",
        "/v1/runs/x/scenes/%00/thumbnail",
        "/v1/../../etc/passwd",
        "//etc/passwd",
    ],
)
def test_no_url_leads_to_a_file_of_the_server(site: Site, path: str) -> None:
    head = (
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {site.word('admin')}\r\n"
    )
    reply = site.raw((head + "Connection: close\r\n\r\n").encode())
    assert re.match(rb"HTTP/1.1 4\d\d ", reply)
    assert b"root:" not in reply
    assert b"import" not in reply


def test_a_question_reads_no_file_of_the_server(
    site: Site, run: dict[str, Any], tmp_path: Path
) -> None:
    schema = tmp_path / "schema.json"
    schema.write_text('{"type": "object"}')
    client = site.client("read", "run")
    for form in (f"[json: {schema}]", f"[ JSON :{schema} ]", "[json: /etc/passwd]"):
        for path, body in (
            ("/v1/runs", {"sources": ["https://example.org/x.mp4"], "questions": [f"A? {form}"]}),
            (f"/v1/runs/{run['id']}/questions", {"questions": [f"A? {form}"]}),
            (f"/v1/runs/{run['id']}/scenes/x/questions", {"question": f"A? {form}"}),
        ):
            reply = client.post(path, json=body)
            assert reply.status_code == 422
            assert "reads a file of the server" in reply.json()["detail"]


@pytest.mark.parametrize("key", ["workspace", "config", "settings", "engine", "plugins"])
def test_a_run_takes_no_settings_that_could_open_doors(site: Site, key: str) -> None:
    body = {"sources": ["https://example.org/x.mp4"], key: "x"}
    assert site.client("run").post("/v1/runs", json=body).status_code == 422


# ---------------------------------------------------------------- SSRF


@pytest.mark.parametrize(
    "link",
    [
        "http://127.0.0.1:{port}/clip.mp4",
        "http://localhost:{port}/clip.mp4",
        "http://a.localhost/clip.mp4",
        "http://[::1]:{port}/clip.mp4",
        "http://[::ffff:127.0.0.1]:{port}/clip.mp4",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/clip.mp4",
        "http://me@192.168.0.1/clip.mp4",
        "http://0.0.0.0/clip.mp4",
        "HTTP://127.1.2.3/clip.mp4",
        "gopher://127.0.0.1/x",
        "ftp://127.0.0.1/x",
        "http:127.0.0.1",
        "http://",
        "http://example.org:port/",
    ],
)
def test_a_link_to_a_private_host_is_refused_at_once(site: Site, link: str) -> None:
    reply = asked(site, link.format(port=site.port))
    assert reply.status_code == 403, reply.text


@pytest.fixture
def web(tmp_path: Path, film: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MediaServer]:
    """A server at 127.0.0.1, which counts as public here; all other private hosts do not."""
    folder = tmp_path / "web"
    folder.mkdir()
    (folder / "film.mp4").write_bytes(film.read_bytes())
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr("toolkit.net.guard.is_public", lambda address: address == "127.0.0.1")
    with serve(folder) as server:
        yield server


def test_a_link_is_fetched_but_no_redirect_or_name_leads_inside(
    web: MediaServer, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_up = socket.getaddrinfo
    names = {"intern.example": "127.0.0.2", "2130706434": "127.0.0.2", "0x7f.2": "127.0.0.2"}
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *a, **k: look_up(names.get(host, host), *a, **k)
    )
    inside = web.url("film.mp4").replace("127.0.0.1", "127.0.0.2")
    with serving(workspace, download={"http": {"retries": 0}, "plugin": ("http",)}) as site:
        assert site.analyzed(web.url("film.mp4"))["progress"]["stages"]["tag"]["done"] == 3
        before = len(web.requests)
        client = site.client("read")
        by_name = [web.url("film.mp4").replace("127.0.0.1", name) for name in names]
        by_redirect = [
            web.redirect(to).replace("redirect?", "redirect/x.mp4?") for to in (inside, *by_name)
        ]
        for link in (*by_name, *by_redirect):
            run = site.analyzed(link)
            (failure,) = client.get(f"/v1/runs/{run['id']}/tables/failures").json()["rows"]
            assert failure["cause"] in ("private-host", "scheme"), failure
            assert run["progress"]["stages"]["tag"]["done"] == 0
        assert len(web.requests) == before + len(by_redirect)  # nothing was asked of an inner host


# ---------------------------------------------------------------- bodies


def head_of(site: Site, *lines: str) -> bytes:
    word = site.word("run")
    first = ["POST /v1/runs HTTP/1.1", "Host: localhost", f"Authorization: Bearer {word}"]
    return "\r\n".join([*first, "Content-Type: application/json", *lines, "", ""]).encode()


def test_a_huge_body_is_refused_whether_its_size_is_told_or_not(workspace: Path) -> None:
    with serving(workspace, serve={"max_body_bytes": 10_000}) as site:
        told = site.raw(head_of(site, "Content-Length: 10000000000") + b"{" * 100)
        assert told.startswith(b"HTTP/1.1 413 ")
        assert b"connection: close" in told.lower()
        chunk = b"1000\r\n" + b" " * 4096 + b"\r\n"
        chunked = site.raw(head_of(site, "Transfer-Encoding: chunked") + chunk * 3)
        assert chunked.startswith(b"HTTP/1.1 413 ")
        many = site.client("run").post("/v1/runs", json={"sources": ["x"] * 101})
        assert many.status_code == 422
        deep = b'{"sources": ' + b"[" * 4000 + b"]" * 4000 + b"}"
        reply = site.raw(head_of(site, f"Content-Length: {len(deep)}", "Connection: close") + deep)
        assert re.match(rb"HTTP/1.1 4(00|22) ", reply)


def test_slow_heads_and_bodies_are_cut_off(workspace: Path) -> None:
    with serving(workspace, serve={"body_timeout_s": 0.5}) as site:
        slow = head_of(site, "Content-Length: 100")
        with socket.create_connection(("127.0.0.1", site.port), timeout=20) as connection:
            connection.sendall(slow)
            for _ in range(20):
                time.sleep(0.1)
                try:
                    connection.sendall(b" ")
                except OSError:
                    break
            else:
                pytest.fail("the connection is open still")
            connection.settimeout(5)
        assert site.raw(slow).startswith(b"HTTP/1.1 408 ")
        for begun in (b"", b"GET / HTTP/1.1\r\nHost: local"):
            with socket.create_connection(("127.0.0.1", site.port), timeout=20) as connection:
                connection.sendall(begun)
                assert connection.recv(100) == b""  # closed, without our doing


def test_who_asks_too_much_waits_and_no_other(workspace: Path) -> None:
    with serving(workspace, serve={"requests_per_s": 0.1, "burst": 5}) as site:
        eager, other = site.client("read"), site.client("read")
        replies = [eager.get("/v1/me") for _ in range(6)]
        assert [reply.status_code for reply in replies] == [200] * 5 + [429]
        assert int(replies[-1].headers["retry-after"]) >= 1
        assert other.get("/v1/me").status_code == 200
        stranger = site.client(word="tk_0_0")
        tries = [stranger.get("/v1/me").status_code for _ in range(100)]
        assert tries[0] == 401
        assert tries[-1] == 429
        assert other.get("/v1/me").status_code == 200


# ---------------------------------------------------------------- headers


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "[::2]", "", "a@localhost"],
)
def test_other_host_names_are_refused_against_dns_rebinding(site: Site, host: str) -> None:
    reply = site.raw(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    assert reply.startswith(b"HTTP/1.1 421 ")


def test_two_hosts_and_broken_heads_are_refused(site: Site) -> None:
    for head in (
        b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\rb\r\n\r\n",
        b"GET /\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 100_000,
    ):
        assert re.match(rb"HTTP/1.1 4(00|21) ", site.raw(head, close=True)), head[:80]


def test_a_body_has_one_length(site: Site) -> None:
    # Otherwise a proxy in front may see another request in it than we do.
    head = b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n"
    for lengths in (b"Transfer-Encoding: chunked", b"Content-Length: 2"):
        reply = site.raw(head + lengths + b"\r\n\r\n0\r\n\r\nGET /v1/health HTTP/1.1\r\n\r\n")
        assert reply.startswith(b"HTTP/1.1 400 ")
        assert reply.count(b"HTTP/1.1 ") == 1


def test_headers_come_from_us_alone(site: Site, odd: dict[str, Any]) -> None:
    client = site.client("read", "run")
    videos = client.get("/v1/videos").json()["videos"]
    assert any("Set-Cookie" in one["video"]["path"] for one in videos)
    for video in videos:
        reply = client.get(f"/v1/videos/{video['video']['id']}/file")
        assert "set-cookie" not in reply.headers
        assert reply.headers["content-disposition"].startswith("attachment")
        assert reply.headers["content-type"] == "video/mp4"
    reply = site.client().get("/v1/runs/x%0d%0aSet-Cookie:%20x=1/events")
    assert "set-cookie" not in reply.headers
    assert client.get("/v1/runs/x", headers={"Last-Event-ID": "1\t2"}).status_code == 404


@pytest.mark.parametrize("path", ["/", "/static/page.js", "/v1/health", "/v1/runs", "/nowhere"])
def test_every_answer_is_framed_nowhere_sniffed_by_nobody_and_kept_by_none(
    site: Site, path: str
) -> None:
    headers = site.client().get(path, headers={"Origin": "https://evil.example"}).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert headers["x-frame-options"] == "DENY"
    assert not [name for name in headers if name.startswith("access-control-")]
    assert "server" not in headers


def test_what_cannot_be_done_with_a_path_names_what_can(site: Site) -> None:
    reply = site.client().put("/v1/runs")
    assert (reply.status_code, reply.headers["allow"]) == (405, "GET, POST")


def test_no_other_site_may_ask(site: Site) -> None:
    reply = site.client().options(
        "/v1/runs",
        headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"},
    )
    assert reply.status_code == 405
    assert not [name for name in reply.headers if name.startswith("access-control-")]


def test_no_trace_goes_to_clients(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from toolkit.config.secrets import remember

    remember("hunter2hunter2")

    def broken(*_: object) -> None:
        raise ZeroDivisionError("with hunter2hunter2 in it")

    monkeypatch.setattr(site.desk, "row", broken)
    reply = site.client("read").get("/v1/runs/0123")
    assert reply.status_code == 500
    number = re.search(r"as (\w+)\.", reply.json()["detail"])
    assert number
    assert "ZeroDivision" not in reply.text
    assert "Traceback" not in reply.text
    assert number[1] in caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert "hunter2" not in caplog.text


def test_with_a_certificate_it_speaks_https_alone(workspace: Path, tmp_path: Path) -> None:
    import ssl

    import trustme

    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    files = {
        "certificate": str(tmp_path / "cert.pem"),
        "certificate_key": str(tmp_path / "key.pem"),
    }
    with serving(workspace, serve=files) as site:
        trusting = ssl.create_default_context()
        authority.configure_trust(trusting)
        reply = httpx.get(f"https://127.0.0.1:{site.port}/v1/health", verify=trusting, timeout=60)
        assert reply.status_code == 200
        assert "max-age" in reply.headers["strict-transport-security"]
        assert site.raw(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")[:5] != b"HTTP/"


def test_a_token_is_not_sent_in_clear_to_other_machines() -> None:
    from pydantic import ValidationError

    from toolkit.config.serve import Serve

    with pytest.raises(ValidationError, match="in clear"):
        Serve(host="0.0.0.0")
    assert Serve(host="0.0.0.0", tls_elsewhere=True).host == "0.0.0.0"
    assert Serve(host="::1").is_loopback
