"""Playlists and what sites say, as far as yt-dlp reads them without a site: feeds, pages, XSPF."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from toolkit.errors import DownloadError
from toolkit.hooks.specs import Context
from toolkit.records import Source
from toolkit.stages.component import Cancel
from toolkit.stages.download import Download, Downloader, Playlist
from toolkit.testing.clips import random_truth, render, write_clip
from toolkit.testing.playlists import PlaylistSuite
from toolkit.testing.server import MediaServer, serve
from toolkit_download_ytdlp import YtdlpOptions, make


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MediaServer]:
    monkeypatch.setenv("no_proxy", "*")
    folder = tmp_path / "web"
    folder.mkdir()
    rng = random.Random(5)
    for name in ("one", "two"):
        write_clip(render(random_truth(rng), rng, 6, 90, 160), folder / f"{name}.mp4")
    with serve(folder) as server:
        yield server


class TestPlaylists(PlaylistSuite):
    def make(
        self, workspace: Path, *, allow_private_hosts: bool, retries: int, timeout_s: float
    ) -> Downloader:
        options = YtdlpOptions(
            allow_private_hosts=allow_private_hosts,
            retries=retries,
            timeout_s=timeout_s,
            backoff_s=0.01,
        )
        return make(options, Context(workspace=workspace, base=workspace))

    def playlist(self, web: MediaServer, links: Sequence[str]) -> str:
        items = "".join(f"<item><title>x</title><link>{link}</link></item>" for link in links)
        text = f'<?xml version="1.0"?><rss version="2.0"><channel><title>All</title>{items}'
        (web.folder / "list.rss").write_text(f"{text}</channel></rss>")
        return "list.rss"


def fetch(url: str, tmp_path: Path, *, info: Any = None, **options: Any) -> Download | Playlist:
    usual = {"allow_private_hosts": True, "retries": 2, "backoff_s": 0.01, "timeout_s": 5.0}
    with make(
        YtdlpOptions(**{**usual, **options}), Context(workspace=tmp_path, base=tmp_path)
    ) as one:
        source = Source.of(url, "link", info=info or {})
        return one.fetch(source, tmp_path / "dl", lambda *_: None, Cancel())


def listed(url: str, tmp_path: Path, **options: Any) -> list[tuple[str, Any]]:
    found = fetch(url, tmp_path, **options)
    assert isinstance(found, Playlist)
    entries = [(entry.uri, entry.info) for entry in found.entries]
    assert not list((tmp_path / "dl" / ".part").glob("*"))
    return entries


def write_feed(web: MediaServer, days: dict[str, str]) -> str:
    items = "".join(
        f"<item><title>{name}</title><link>{web.url(f'{name}.mp4')}</link>"
        f"<pubDate>{day}</pubDate></item>"
        for name, day in days.items()
    )
    text = f'<?xml version="1.0"?><rss version="2.0"><channel><title>All</title>{items}'
    (web.folder / "feed.rss").write_text(f"{text}</channel></rss>")
    return web.url("feed.rss")


def test_a_feed_leads_to_its_videos(web: MediaServer, tmp_path: Path) -> None:
    url = write_feed(web, {"one": "", "two": "", "one#again": ""})
    entries = listed(url, tmp_path)
    assert [uri for uri, _ in entries][:2] == [web.url("one.mp4"), web.url("two.mp4")]
    assert entries[0][1] == {"title": "one", "playlist": url, "playlist_title": "All"}


def test_a_page_with_several_videos_leads_to_each(web: MediaServer, tmp_path: Path) -> None:
    page = "<html><title>x</title><video src='/one.mp4'></video><video src='/two.mp4'></video>"
    (web.folder / "both.html").write_text(page)
    entries = listed(web.url("both.html"), tmp_path)
    assert [uri for uri, _ in entries] == [web.url("one.mp4"), web.url("two.mp4")]
    for uri, info in entries:
        got = fetch(uri, tmp_path, info=info)
        assert isinstance(got, Download)
        assert got.path.read_bytes() == (web.folder / Path(uri).name).read_bytes()


def test_an_xspf_playlist_leads_to_its_tracks(web: MediaServer, tmp_path: Path) -> None:
    tracks = "".join(
        f"<track><location>{web.url(name)}</location><title>{name}</title></track>"
        for name in ("one.mp4", "two.mp4")
    )
    (web.folder / "list.xspf").write_text(
        '<?xml version="1.0"?><playlist version="1" xmlns="http://xspf.org/ns/0/">'
        f"<trackList>{tracks}</trackList></playlist>"
    )
    entries = listed(web.url("list.xspf"), tmp_path)
    assert [uri for uri, _ in entries] == [web.url("one.mp4"), web.url("two.mp4")]


def test_no_more_than_asked_for(web: MediaServer, tmp_path: Path) -> None:
    url = write_feed(web, {"one": "", "two": ""})
    assert len(listed(url, tmp_path, max_items=1)) == 1


def test_videos_of_a_playlist_have_to_be_of_the_days_asked_for(
    web: MediaServer, tmp_path: Path
) -> None:
    os.utime(web.folder / "one.mp4", (1_577_880_000, 1_577_880_000))  # 2020-01-01
    url, place = web.url("one.mp4"), {"playlist": "x"}
    with pytest.raises(DownloadError) as caught:
        fetch(url, tmp_path, info=place, date_after="2021-01-01")
    assert caught.value.context["cause"] == "date"
    with pytest.raises(DownloadError):
        fetch(url, tmp_path, info=place, date_before="2019-12-31")
    got = fetch(url, tmp_path, info=place, date_after="2020-01-01", date_before="2020-01-01")
    assert isinstance(got, Download)
    (tmp_path / "dl" / got.path.name).unlink()
    assert isinstance(fetch(url, tmp_path, date_after="2021-01-01"), Download)  # named itself


def test_a_length_that_the_playlist_tells_saves_the_request(
    web: MediaServer, tmp_path: Path
) -> None:
    with pytest.raises(DownloadError) as caught:
        fetch(web.url("one.mp4"), tmp_path, info={"playlist": "x", "duration_s": 100_000})
    assert caught.value.context["cause"] == "too-long"
    assert not web.requests


def write_watch(web: MediaServer) -> str:
    tracks = "".join(
        f"<track kind='subtitles' srclang='{language}' src='/{language}.vtt'>"
        for language in ("en", "de")
    )
    page = f"<html><title>Watch</title><video src='/one.mp4'>{tracks}</video></html>"
    (web.folder / "watch.html").write_text(page)
    for language in ("en", "de"):
        text = f"WEBVTT\n\n00:00.000 --> 00:00.200\n{language}\n"
        (web.folder / f"{language}.vtt").write_text(text)
    return web.url("watch.html")


def test_subtitles_are_kept_beside_the_video(web: MediaServer, tmp_path: Path) -> None:
    got = fetch(write_watch(web), tmp_path)
    assert isinstance(got, Download)
    assert set(got.subtitles) == {"en", "de"}
    for language, path in got.subtitles.items():
        assert path == got.path.with_name(f"{got.path.stem}.{language}.vtt")
        assert language in path.read_text()
    assert got.info["subtitles"] == {name: path.name for name, path in got.subtitles.items()}
    assert fetch(web.url("watch.html"), tmp_path) == got


@pytest.mark.parametrize(("wanted", "kept"), [("", set()), ("de", {"de"}), ("fr, en", {"en"})])
def test_subtitles_of_the_languages_asked_for(
    web: MediaServer, tmp_path: Path, wanted: str, kept: set[str]
) -> None:
    got = fetch(write_watch(web), tmp_path, subtitles=wanted)
    assert isinstance(got, Download)
    assert set(got.subtitles) == kept


def test_a_video_is_kept_when_its_subtitles_are_not_to_be_had(
    web: MediaServer, tmp_path: Path
) -> None:
    url = write_watch(web)
    (web.folder / "de.vtt").unlink()
    got = fetch(url, tmp_path)
    assert isinstance(got, Download)
    assert got.path.read_bytes() == (web.folder / "one.mp4").read_bytes()
    assert set(got.subtitles) == {"en"}


def test_nothing_of_this_machines_yt_dlp_is_read(
    web: MediaServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    plugin = home / ".config" / "yt-dlp" / "plugins" / "mine" / "yt_dlp_plugins" / "extractor"
    plugin.mkdir(parents=True)
    (plugin / "evil.py").write_text(f"open({str(tmp_path / 'evil')!r}, 'w')\n")
    config = home / ".config" / "yt-dlp" / "config"
    config.write_text(f"--exec 'touch {tmp_path / 'evil'}'\n--output {tmp_path}/evil\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    code = (
        "from pathlib import Path\n"
        "from toolkit.hooks.specs import Context\n"
        "from toolkit.records import Source\n"
        "from toolkit.stages.component import Cancel\n"
        "from toolkit_download_ytdlp import YtdlpOptions, make\n"
        f"folder = Path({str(tmp_path)!r})\n"
        "options = YtdlpOptions(allow_private_hosts=True)\n"
        "one = make(options, Context(workspace=folder, base=folder))\n"
        f"source = Source.of({web.url('one.mp4')!r}, 'link')\n"
        "one.fetch(source, folder / 'dl', lambda *_: None, Cancel())\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert list((tmp_path / "dl").glob("*.mp4"))
    assert not (tmp_path / "evil").exists()


def test_a_playlist_that_is_gone_meanwhile_is_an_error(web: MediaServer, tmp_path: Path) -> None:
    found = fetch(write_feed(web, {"one": "", "two": ""}), tmp_path)
    assert isinstance(found, Playlist)
    (web.folder / "feed.rss").unlink()
    with pytest.raises(DownloadError) as caught:
        list(found.entries)
    assert caught.value.context["cause"] == "not-found"


def test_a_language_that_is_a_path_leads_nowhere(web: MediaServer, tmp_path: Path) -> None:
    url = write_watch(web)
    page = (web.folder / "watch.html").read_text()
    (web.folder / "watch.html").write_text(page.replace("'de'", "'../../../../evil'"))
    before = set(tmp_path.parent.rglob("*evil*"))
    got = fetch(url, tmp_path)
    assert isinstance(got, Download)
    assert set(tmp_path.parent.rglob("*evil*")) == before
    assert all(path.parent == got.path.parent for path in got.subtitles.values())


def test_a_page_without_end_has_one(web: MediaServer, tmp_path: Path) -> None:
    (web.folder / "page.html").write_text("<html><title>x</title>")
    with pytest.raises(DownloadError) as caught:
        fetch(web.url("endless/page.html"), tmp_path)
    assert caught.value.context["cause"] == "not-media"
    assert len(web.requests) == 1
