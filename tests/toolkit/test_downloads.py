"""Links on their way through a run: playlists, what is fetched twice, what is tried again."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from counting import Counting

import toolkit as tk
from toolkit.records import RunSource
from toolkit.stages.component import Cancel
from toolkit.stages.download import Download, Downloader, Entry, Playlist, Progress
from toolkit.testing.clips import Shot, write_film
from toolkit.testing.server import MediaServer, serve
from toolkit.testing.world import ClipTruth

NAMES = ("one", "two", "three")


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Three films of one scene each."""
    folder = tmp_path_factory.mktemp("web")
    found = {}
    for number, name in enumerate(NAMES):
        truth = ClipTruth("red", "circle", "one", "left", "white", "day")
        path = folder / f"{name}.mp4"
        write_film(path, [Shot(truth, 1.5)], [], rng=random.Random(number), height=90, width=160)
        found[name] = path.read_bytes()
    return found


@pytest.fixture
def web(
    films: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MediaServer]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    folder = tmp_path / "web"
    folder.mkdir()
    for name, data in films.items():
        (folder / f"{name}.mp4").write_bytes(data)
    tk.register(tk.AnalyzerPlugin(name="count", factory=lambda options, context: Counting()))
    with serve(folder) as server:
        (folder / "feed.rss").write_text(feed(server, NAMES))
        yield server


def feed(server: MediaServer, names: Any) -> str:
    """A podcast's feed, which is a playlist of direct links."""
    items = "".join(
        f"<item><title>Film {name}</title><link>{server.url(f'{name}.mp4')}</link></item>"
        for name in names
    )
    return (
        f'<?xml version="1.0"?><rss version="2.0"><channel><title>F</title>{items}</channel></rss>'
    )


def analyze(sources: Any, workspace: Path, **download: Any) -> tk.RunHandle:
    options = {"allow_private_hosts": True, "backoff_s": 0.01, "retries": 0, **download}
    return tk.analyze(
        sources, workspace=workspace, analyzer="count", progress=False, download=options
    )


def test_a_playlist_becomes_its_videos_and_nothing_is_fetched_twice(
    web: MediaServer, workspace: Path
) -> None:
    run = analyze(web.url("feed.rss"), workspace)
    assert run.failures.is_empty()
    assert sorted(run.videos["title"]) == ["Film one", "Film three", "Film two"]
    assert run.progress.stages["acquire"].total == 4  # the playlist, and what it leads to
    web.requests.clear()
    again = analyze([web.url("feed.rss"), web.url("one.mp4")], workspace)
    assert len(again.videos) == 3
    assert {request.path for request in web.requests} == {"/feed.rss"}


def test_a_playlist_is_read_to_the_number_asked_for(web: MediaServer, workspace: Path) -> None:
    run = analyze(web.url("feed.rss"), workspace, max_items=2)
    assert sorted(run.videos["title"]) == ["Film one", "Film two"]
    assert not web.asked("three.mp4")


def test_a_playlists_video_beyond_a_limit_is_left_out_and_no_failure(
    web: MediaServer, workspace: Path
) -> None:
    with (web.folder / "two.mp4").open("ab") as file:
        file.write((200_008).to_bytes(4, "big") + b"free" + bytes(200_000))
    run = analyze(web.url("feed.rss"), workspace, max_size_bytes=150_000)
    assert sorted(run.videos["title"]) == ["Film one", "Film three"]
    assert run.failures.is_empty()
    [skipped] = [event for event in run.events() if event.kind == "skipped"]
    assert skipped.source == web.url("two.mp4")
    assert "150000" in skipped.message
    named = analyze(web.url("two.mp4"), workspace, max_size_bytes=150_000)
    assert named.failures["cause"].to_list() == ["too-large"]


def test_a_file_that_was_deleted_is_not_fetched_again_when_all_is_known(
    web: MediaServer, workspace: Path
) -> None:
    run = analyze(web.url("one.mp4"), workspace)
    Path(run.videos["path"][0]).unlink()
    web.requests.clear()
    assert analyze(web.url("one.mp4"), workspace).scenes["description"].null_count() == 0
    assert not web.requests
    options = {"allow_private_hosts": True}
    asked = tk.analyze(
        web.url("one.mp4"),
        ask="Is it raining?",
        workspace=workspace,
        analyzer="count",
        progress=False,
        download=options,
    )
    assert asked.failures.is_empty()
    assert web.asked("one.mp4")


def test_the_same_bytes_from_two_links_are_one_file(web: MediaServer, workspace: Path) -> None:
    run = analyze([web.url("one.mp4"), web.url("one.mp4?copy"), web.url("one.mp4?b")], workspace)
    assert len(run.videos) == 1
    assert len(list((workspace / "downloads").glob("*.mp4"))) == 1
    web.requests.clear()
    analyze([web.url("one.mp4"), web.url("one.mp4?copy"), web.url("one.mp4?b")], workspace)
    assert not web.requests


def test_a_download_that_is_no_video_is_not_kept(web: MediaServer, workspace: Path) -> None:
    (web.folder / "noise.mp4").write_bytes(random.Random(1).randbytes(100_000))
    run = analyze(web.url("noise.mp4"), workspace)
    assert run.failures["error"].to_list() == ["NotAVideoError"]
    assert run.failures["cause"].to_list() == ["not-media"]
    assert not list((workspace / "downloads").glob("*.mp4"))


def test_a_download_that_is_too_long_is_not_kept(web: MediaServer, workspace: Path) -> None:
    run = analyze(web.url("one.mp4"), workspace, max_duration_s=0.5)
    assert run.failures["cause"].to_list() == ["too-long"]
    assert not list((workspace / "downloads").glob("*.mp4"))


def test_a_page_by_the_name_of_a_video_goes_to_the_next_downloader(
    web: MediaServer, workspace: Path
) -> None:
    page = "<html><title>A page</title><video src='/one.mp4'></video></html>"
    (web.folder / "watch.html").write_text(page)
    link = web.redirect(web.url("watch.html")).replace("/redirect?", "/redirect/x.mp4?")
    run = analyze(link, workspace)
    assert run.failures.is_empty()
    assert len(run.videos) == 1


def test_retry_takes_up_what_may_pass_and_leaves_the_rest(
    web: MediaServer, workspace: Path, caplog: pytest.LogCaptureFixture
) -> None:
    links = [web.url("flaky/1/one.mp4"), web.url("status/404/two.mp4"), web.url("three.mp4")]
    first = analyze(links, workspace)
    causes = dict(first.failures.select("source", "cause").rows())
    assert causes == {links[0]: "busy", links[1]: "not-found"}
    web.requests.clear()
    with caplog.at_level(logging.WARNING):
        second = first.retry().wait()
    assert "1 failures are left alone" in caplog.text
    assert second.row.sources == (links[0],)
    assert {request.path for request in web.requests} == {"/flaky/1/one.mp4"}
    assert second.failures.is_empty()
    with pytest.raises(tk.SourceError, match="another try"):
        second.retry()


def test_a_failure_knows_which_attempt_it_was(web: MediaServer, workspace: Path) -> None:
    link = web.url("status/503/one.mp4")
    first = analyze(link, workspace)
    second = first.retry().wait()
    assert (first.failures["attempt"][0], second.failures["attempt"][0]) == (1, 2)


def test_events_tell_how_a_download_goes_on(web: MediaServer, workspace: Path) -> None:
    run = analyze(web.url("one.mp4"), workspace)
    [transfer, *_] = [event.transfer for event in run.events() if event.kind == "transfer"]
    assert transfer is not None
    assert transfer.source == web.url("one.mp4")
    assert transfer.bytes_total == (web.folder / "one.mp4").stat().st_size
    assert run.progress.transfers == ()


class Endless(Downloader):
    """A channel without end, whose videos are all the same file, and playlists in playlists."""

    drawn = 0

    def accepts(self, uri: str) -> bool:
        return True

    def fetch(
        self, source: tk.Source, folder: Path, progress: Progress, cancel: Cancel
    ) -> Download | Playlist:
        if "deep" in source.uri:
            return Playlist("deep", iter([Entry(f"{source.uri}/deep")]))
        if "channel" in source.uri:
            return Playlist("channel", self._entries())
        if source.uri.endswith("/5"):
            raise tk.DownloadError("It is gone.", cause="gone")
        cancel.wait(0.01)
        raise tk.DownloadError("It is busy.", retriable=True, cause="busy")

    def _entries(self) -> Iterator[Entry]:
        for number in range(10**9):
            Endless.drawn = number
            yield Entry(f"https://example.org/v/{number}")


def test_a_channel_without_end_is_asked_for_no_more_than_is_wanted(workspace: Path) -> None:
    tk.register(tk.DownloaderPlugin(name="endless", factory=lambda options, context: Endless()))
    tk.register(tk.AnalyzerPlugin(name="count", factory=lambda options, context: Counting()))
    run = tk.submit(
        "https://example.org/channel",
        workspace=workspace,
        analyzer="count",
        download={"plugin": ("endless",)},
        execution={"download_threads": 2},
    )
    for event in run.events():
        if event.kind == "failure":
            run.cancel()
    run.wait(timeout_s=20)
    assert run.status == "cancelled"
    assert Endless.drawn < 1000


def test_playlists_within_playlists_have_an_end(workspace: Path) -> None:
    tk.register(tk.DownloaderPlugin(name="endless", factory=lambda options, context: Endless()))
    tk.register(tk.AnalyzerPlugin(name="count", factory=lambda options, context: Counting()))
    run = tk.analyze(
        "https://example.org/deep",
        workspace=workspace,
        analyzer="count",
        progress=False,
        download={"plugin": ("endless",)},
    )
    assert "playlists deep" in run.failures["message"][0]
    assert len(run.failures) == 1


def test_a_broken_playlist_is_a_failure_and_its_start_is_kept(
    web: MediaServer, workspace: Path
) -> None:
    class Breaks(Downloader):
        def accepts(self, uri: str) -> bool:
            return uri.endswith("/list")

        def fetch(
            self, source: tk.Source, folder: Path, progress: Progress, cancel: Cancel
        ) -> Download | Playlist:
            def entries() -> Iterator[Entry]:
                yield Entry(web.url("one.mp4"))
                yield Entry("http:///nothing")
                raise tk.DownloadError("The second page is busy.", retriable=True, cause="busy")

            return Playlist("list", entries())

    tk.register(tk.DownloaderPlugin(name="breaks", factory=lambda options, context: Breaks()))
    run = analyze(web.url("list"), workspace, plugin=("breaks", "http"))
    assert len(run.videos) == 1
    assert sorted(run.failures["error"]) == ["DownloadError", "SourceError"]
    statuses = {row.uri: row.status for row in run._store.find(RunSource, run_id=run.id)}
    assert statuses[web.url("list")] == "failed"


def test_a_packed_page_that_is_a_bomb_ends(web: MediaServer, workspace: Path) -> None:
    run = analyze(web.url("bomb/feed.rss"), workspace)
    assert run.failures["cause"].to_list() == ["encoding"]


def test_each_download_has_a_bar_in_the_terminal(
    web: MediaServer,
    workspace: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from toolkit.execution import display

    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    with (web.folder / "one.mp4").open("ab") as file:
        file.write((500_008).to_bytes(4, "big") + b"free" + bytes(500_000))
    run = tk.submit(
        web.url("slow/one.mp4"),
        workspace=workspace,
        analyzer="count",
        download={"allow_private_hosts": True},
    )
    faces = []
    for event in run.events():
        if event.kind == "transfer":
            faces.append(run._repr_html_())
            break
    display._in_terminal(run)
    run.wait()
    shown = capsys.readouterr().err
    assert "one.mp4" in shown
    assert "MB/s" in shown
    assert "one.mp4: " in faces[0]
    assert faces[0].count("<progress") == 2
    assert run._repr_html_().count("<progress") == 1
