"""Where no downloader of ours may go, and what none may do, whichever fetches."""

from __future__ import annotations

import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import trustme

import toolkit_download_http
import toolkit_download_ytdlp
from toolkit.errors import CancelledError, DownloadError
from toolkit.hooks.specs import Context
from toolkit.records import Source
from toolkit.stages.component import Cancel
from toolkit.stages.download import Download, Downloader
from toolkit.testing.clips import random_truth, render, write_clip
from toolkit.testing.server import MediaServer, serve

OPTIONS: dict[str, tuple[Any, Any]] = {
    "http": (toolkit_download_http.HttpOptions, toolkit_download_http.make),
    "ytdlp": (toolkit_download_ytdlp.YtdlpOptions, toolkit_download_ytdlp.make),
}


@pytest.fixture(params=OPTIONS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MediaServer]:
    """A server on 127.0.0.1, which counts as public here; all other private hosts do not."""
    import random

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr("toolkit.net.guard.is_public", lambda address: address == "127.0.0.1")
    folder = tmp_path / "web"
    folder.mkdir()
    rng = random.Random(5)
    write_clip(render(random_truth(rng), rng, 6, 90, 160), folder / "clip.mp4")
    with (folder / "clip.mp4").open("ab") as file:
        file.write((300_008).to_bytes(4, "big") + b"free" + rng.randbytes(300_000))
    with serve(folder) as server:
        yield server


def downloader(name: str, workspace: Path, **options: Any) -> Downloader:
    model, make = OPTIONS[name]
    usual = {"retries": 0, "timeout_s": 5.0, "backoff_s": 0.01}
    made = make(model(**{**usual, **options}), Context(workspace=workspace, base=workspace))
    assert isinstance(made, Downloader)
    return made


def fetch(name: str, url: str, tmp_path: Path, **options: Any) -> Download:
    with downloader(name, tmp_path, **options) as one:
        found = one.fetch(Source.of(url, "link"), tmp_path / "dl", lambda *_: None, Cancel())
    assert isinstance(found, Download)
    return found


def refused(name: str, url: str, tmp_path: Path, **options: Any) -> DownloadError:
    with pytest.raises(DownloadError) as caught:
        fetch(name, url, tmp_path, **options)
    assert not list((tmp_path / "dl" / ".part").glob("*"))
    return caught.value


@pytest.mark.parametrize(
    "to",
    [
        "http://10.0.0.1/x.mp4",
        "http://169.254.169.254/latest/meta-data/x.mp4",
        "http://[::1]/x.mp4",
        "//192.168.1.1/x.mp4",
    ],
)
def test_a_redirect_to_a_private_address_is_not_followed(
    name: str, web: MediaServer, tmp_path: Path, to: str
) -> None:
    error = refused(name, web.redirect(to).replace("redirect?", "redirect/x.mp4?"), tmp_path)
    assert error.context["cause"] == "private-host"
    assert not error.retriable
    assert len(web.requests) == 1


def test_a_redirect_to_a_name_of_a_private_address_is_not_followed(
    name: str, web: MediaServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_up = socket.getaddrinfo
    private = {"intern.example": "127.0.0.2"}
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *a, **k: look_up(private.get(host, host), *a, **k)
    )
    to = web.url("clip.mp4").replace("127.0.0.1", "intern.example")
    error = refused(name, web.redirect(to).replace("redirect?", "redirect/x.mp4?"), tmp_path)
    assert error.context["cause"] == "private-host"
    assert "intern.example (127.0.0.2)" in error.message
    assert len(web.requests) == 1


def test_a_name_that_resolves_elsewhere_the_second_time_gains_nothing(
    name: str, web: MediaServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # DNS rebinding: public when it is looked at, private when the connection is made.
    look_up, seen = socket.getaddrinfo, []

    def rebinds(host: str, *args: Any, **kwargs: Any) -> Any:
        if host != "rebinds.example":
            return look_up(host, *args, **kwargs)
        seen.append(host)
        return look_up("127.0.0.1" if len(seen) == 1 else "127.0.0.2", *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", rebinds)
    url = web.url("drop/clip.mp4").replace("127.0.0.1", "rebinds.example")
    with pytest.raises(DownloadError) as caught:
        fetch(name, url, tmp_path, retries=2)
    assert caught.value.context["cause"] in {"private-host", "connection"}
    # Whatever was asked for was asked at the address that was looked at.
    assert len(seen) >= len(web.requests)


def test_names_from_the_web_stay_in_the_folder(name: str, web: MediaServer, tmp_path: Path) -> None:
    for odd in ("..%2f..%2fevil.mp4", "a%00b.mp4", "%22;rm%20-rf%20~;.mp4"):
        url = web.url(f"clip.mp4/../{odd}?x=1")
        with pytest.raises(DownloadError):
            fetch(name, url, tmp_path)
    got = fetch(name, web.url("clip.mp4?name=../../evil;touch%20x"), tmp_path)
    assert got.path.parent == tmp_path / "dl"
    assert re.fullmatch(r"[0-9a-f]{32}\.mp4", got.path.name)
    outside = {path.name for path in tmp_path.iterdir()} - {"web", "dl", "cache"}
    assert not outside


@pytest.mark.parametrize("path", ["clip.mp4", "unsized/clip.mp4", "endless/clip.mp4"])
def test_what_is_too_large_ends_while_it_comes(
    name: str, web: MediaServer, tmp_path: Path, path: str
) -> None:
    error = refused(name, web.url(path), tmp_path, max_size_bytes=100_000)
    assert error.context["cause"] == "too-large"
    assert "100000" in error.message


def test_what_is_too_long_ends_before_it_is_here(
    name: str, web: MediaServer, tmp_path: Path
) -> None:
    error = refused(name, web.url("slow/clip.mp4"), tmp_path, max_duration_s=0.1)
    assert error.context["cause"] == "too-long"


def test_a_full_disk_is_seen_before_it_is_full(
    name: str, web: MediaServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    usage = shutil.disk_usage(tmp_path)._replace(free=500_100_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DownloadError) as caught:
        fetch(name, web.url("clip.mp4"), tmp_path)
    assert caught.value.context["cause"] == "disk-full"
    assert caught.value.retriable


def test_we_say_who_we_are(name: str, web: MediaServer, tmp_path: Path) -> None:
    fetch(name, web.url("clip.mp4"), tmp_path)
    fetch(name, web.url("clip.mp4?again"), tmp_path, user_agent="me/1.0 (me@example.org)")
    agents = [request.headers["user-agent"] for request in web.requests]
    assert agents[0].startswith("video-analysis-toolkit/")
    assert agents[-1] == "me/1.0 (me@example.org)"


def test_cookies_go_to_their_site_alone(name: str, web: MediaServer, tmp_path: Path) -> None:
    text = (
        "# Netscape HTTP Cookie File\n"
        "127.0.0.1\tFALSE\t/\tFALSE\t2147483647\tsid\tabc\n"
        ".example.org\tTRUE\t/\tFALSE\t2147483647\tother\tsecret\n"
    )
    (tmp_path / "cookies.txt").write_text(text)
    fetch(name, web.url("clip.mp4"), tmp_path, cookies="cookies.txt")
    assert web.requests[-1].headers["cookie"] == "sid=abc"
    assert (tmp_path / "cookies.txt").read_text() == text


def test_a_proxy_is_used_and_may_be_private(name: str, web: MediaServer, tmp_path: Path) -> None:
    # The server of the tests, asked for a whole URL, answers 404 for a path of that name.
    proxy = web.base_url.replace("://", "://me:hunter2@")
    error = refused(name, "http://public.example/x.mp4", tmp_path, proxy=proxy)
    assert error.context["status"] == 404
    assert web.requests[0].path == "http://public.example/x.mp4"
    assert web.requests[0].headers["proxy-authorization"].startswith("Basic ")
    assert "hunter2" not in str(error)
    error = refused(name, "http://10.0.0.1/x.mp4", tmp_path, proxy=proxy)
    assert error.context["cause"] == "private-host"


def test_bytes_come_no_faster_than_asked_for(
    name: str, web: MediaServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    wait = Cancel.wait

    def short(self: Cancel, seconds: float) -> bool:
        waits.append(seconds)
        return wait(self, 0)

    monkeypatch.setattr(Cancel, "wait", short)
    fetch(name, web.url("clip.mp4"), tmp_path, bytes_per_s=100_000)
    assert sum(waits) > 1.0  # 300 kB, of which a second's worth may come at once


def test_certificates_are_checked(
    name: str, web: MediaServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with serve(web.folder, tls=context) as server:
        error = refused(name, server.url("clip.mp4"), tmp_path)
        assert error.context["cause"] == "certificate"
        assert not error.retriable
        authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
        got = fetch(name, server.url("clip.mp4"), tmp_path)
        assert got.path.read_bytes() == (web.folder / "clip.mp4").read_bytes()


def test_a_silent_handshake_is_left(name: str, tmp_path: Path, web: MediaServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/clip.mp4"
        with pytest.raises(DownloadError) as caught:
            fetch(name, url, tmp_path, timeout_s=0.3)
        assert caught.value.context["cause"] == "timeout"
        cancel = Cancel()
        with downloader(name, tmp_path, timeout_s=300.0) as one, ThreadPoolExecutor(1) as pool:
            source = Source.of(url, "link")
            fetching = pool.submit(one.fetch, source, tmp_path / "dl", lambda *_: None, cancel)
            time.sleep(0.2)
            cancel.set()
            assert isinstance(fetching.exception(20), CancelledError)


SCRIPT = """
import sys
from pathlib import Path
from toolkit.hooks.specs import Context
from toolkit.records import Source
from toolkit.stages.component import Cancel
import toolkit_download_{name} as plugin
model = plugin.{model}
folder = Path({folder!r})
one = plugin.make(model(allow_private_hosts=True), Context(workspace=folder, base=folder))
def progress(done, total):
    if done > 50_000:
        print("some", flush=True)
one.fetch(Source.of({url!r}, "link"), folder / "dl", progress, Cancel())
"""


@pytest.mark.slow
def test_a_killed_process_leaves_what_the_next_one_takes_up(
    name: str, web: MediaServer, tmp_path: Path
) -> None:
    with (web.folder / "clip.mp4").open("ab") as file:
        file.write((1_000_008).to_bytes(4, "big") + b"free" + bytes(1_000_000))
    url = web.url("slow/clip.mp4")
    code = SCRIPT.format(name=name, model=OPTIONS[name][0].__name__, folder=str(tmp_path), url=url)
    env = {**os.environ, "no_proxy": "*"}
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=env
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "some"
        process.send_signal(signal.SIGKILL)
    assert not list((tmp_path / "dl").glob("*.mp4"))
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not list((tmp_path / "dl" / ".part").glob("*/*")):
        time.sleep(0.05)
    got = fetch(name, url, tmp_path)
    assert got.path.read_bytes() == (web.folder / "clip.mp4").read_bytes()
    [rest] = [r for r in web.asked("slow/clip.mp4") if r.first_byte is not None]
    assert rest.first_byte
