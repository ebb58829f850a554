"""Videos behind links and in clouds, fetched by workers, and files brought to a cloud."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cloud_servers import BUCKET
from fault_proxy import Proxy
from ray_cluster import rows

import toolkit as tk
from toolkit.testing.server import MediaServer, serve
from toolkit.vault.files import is_sealed
from toolkit.vault.keys import new_key

pytestmark = [pytest.mark.slow]
Submit = Callable[..., tk.RunHandle]
ROOT = f"s3://{BUCKET}/"


@pytest.fixture
def web(
    films: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MediaServer]:
    """The films on loopback, and a podcast's feed that leads to all of them."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    folder = tmp_path / "web"
    folder.mkdir()
    with serve(folder) as server:
        items = ""
        for film in films:
            (folder / film.name).write_bytes(film.read_bytes())
            items += f"<item><title>{film.stem}</title><link>{server.url(film.name)}</link></item>"
        (folder / "feed.rss").write_text(
            f'<?xml version="1.0"?><rss version="2.0"><channel><title>F</title>{items}'
            "</channel></rss>"
        )
        yield server


def untitled(found: dict[str, Any]) -> dict[str, Any]:
    """Rows without titles, which sources differ in."""
    return {**found, "scenes": [{**one, "title": ""} for one in found["scenes"]]}


def test_a_playlist_and_links_to_the_same_films(
    submit: Submit, web: MediaServer, films: list[Path], plain: dict[str, Any]
) -> None:
    many = [f"{web.url(film.name)}?copy={number}" for film in films for number in range(4)]
    gone = web.url("gone.mp4")
    download = {"allow_private_hosts": True, "backoff_s": 0.01, "retries": 0}
    given = [web.url("feed.rss"), *many, gone]
    run = submit(given, download=download, ray={"downloads_max": 4}).wait()
    assert run.status == "done"
    assert run.failures["source"].to_list() == [gone]
    assert untitled(rows(run)) == untitled(plain)
    stage = run.progress.stages["acquire"]
    assert stage.done == stage.total == len(given) + len(films)
    there = run.videos["path"].to_list()
    assert sorted(there) == sorted(map(str, (Path(there[0]).parent).glob("*.mp4")))
    web.requests.clear()
    again = submit([web.url("feed.rss"), *many], download=download).wait()
    assert again.progress.reused == 4 * len(films)
    assert {request.path for request in web.requests} == {"/feed.rss"}


def test_films_come_from_a_cloud_and_results_go_there(
    submit: Submit, s3: Proxy, films: list[Path], plain: dict[str, Any], tmp_path: Path
) -> None:
    config = tmp_path / "allow.ini"
    config.write_text("[privacy]\nremote = allow\n")
    tk.upload(films, f"{ROOT}talks", config=config)
    s3.calm()
    to = {"to": f"{ROOT}out"}
    run = submit(f"{ROOT}talks/**/*.mp4", storage=to, privacy={"remote": "allow"}).wait()
    assert run.status == "done"
    assert run.failures.is_empty()
    assert len(s3.asked("GET", r"\.mp4")) == len(films)
    assert len(s3.asked("PUT", r"/out/thumbnails/.*\.jpg")) == 4 * len(films)
    assert len(s3.asked("PUT", r"/out/exports/.*\.parquet")) == 4
    assert untitled(rows(run)) == untitled(plain)


def test_an_encrypted_workspace_is_sealed_by_workers_that_have_no_key_file(
    submit: Submit,
    web: MediaServer,
    films: list[Path],
    plain: dict[str, Any],
    tmp_path: Path,
) -> None:
    key = tmp_path / "key"
    key.write_text(new_key())
    key.chmod(0o600)
    download = {"allow_private_hosts": True, "backoff_s": 0.01, "retries": 0}
    given = [web.url(film.name) for film in films]
    privacy = {"encrypt": True, "key_file": str(key)}
    run = submit(given, download=download, privacy=privacy).wait()
    assert run.status == "done"
    assert run.failures.is_empty()
    assert untitled(rows(run)) == untitled(plain)
    names = [*run.videos["path"], *run.scenes["thumbnail"]]
    assert all(is_sealed(Path(name)) for name in names)
