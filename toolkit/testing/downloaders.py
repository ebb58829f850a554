"""What every downloader must do, as tests.

Subclass it and give the plugin, whose options are :class:`~toolkit.net.options.WebOptions` or more:

    class TestMine(DownloaderSuite):
        @pytest.fixture
        def plugin(self):
            return next(iter(my_package.toolkit_downloaders()))

One with other options overrides ``make`` as well, which brings the limits of a test to its options.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from toolkit.errors import CancelledError
from toolkit.records import Source
from toolkit.stages.component import Cancel
from toolkit.stages.download import Download
from toolkit.testing.downloading import Downloads, stopped, video_of
from toolkit.testing.server import MediaServer, serve

__all__ = ["DownloaderSuite"]


class DownloaderSuite(Downloads):
    """The contract of :class:`~toolkit.stages.download.Downloader`, against a real server."""

    # What arrives

    def test_the_whole_file_arrives(self, web: MediaServer, folder: Path) -> None:
        seen: list[tuple[int, int | None]] = []
        source = Source.of(web.url("clip.mp4"), "link")
        got = self.fetch(source.uri, folder, progress=lambda *now: seen.append(now))
        assert got.path.read_bytes() == (web.folder / "clip.mp4").read_bytes()
        assert got.path.parent == folder
        assert source.id in got.path.name
        size = got.path.stat().st_size
        assert seen[-1] == (size, size)
        assert [done for done, _ in seen] == sorted(done for done, _ in seen)

    def test_a_file_of_unknown_length_arrives(self, web: MediaServer, folder: Path) -> None:
        got = self.fetch(web.url("unsized/clip.mp4"), folder)
        assert got.path.read_bytes() == (web.folder / "clip.mp4").read_bytes()

    def test_what_is_there_is_not_fetched_again(self, web: MediaServer, folder: Path) -> None:
        first = self.fetch(web.url("clip.mp4"), folder)
        asked = len(web.requests)
        assert self.fetch(web.url("clip.mp4"), folder) == first
        assert len(web.requests) == asked

    def test_redirects_are_followed(self, web: MediaServer, folder: Path) -> None:
        got = self.fetch(web.redirect(web.url("clip.mp4")), folder)
        assert got.path.read_bytes() == (web.folder / "clip.mp4").read_bytes()

    def test_many_at_once_never_meet(self, web: MediaServer, folder: Path) -> None:
        urls = [web.url(f"{name}.mp4?{n}") for n in range(4) for name in ("clip", "other")]
        with self.new(folder) as downloader, ThreadPoolExecutor(len(urls)) as pool:

            def one(url: str) -> Download:
                source = Source.of(url, "link")
                return video_of(downloader.fetch(source, folder, lambda *_: None, Cancel()))

            got = list(pool.map(one, urls))
        assert len({download.path for download in got}) == len(urls)
        for url, download in zip(urls, got, strict=True):
            name = "clip.mp4" if "clip" in url else "other.mp4"
            assert download.path.read_bytes() == (web.folder / name).read_bytes()

    # What passes

    def test_a_busy_server_is_asked_again(self, web: MediaServer, folder: Path) -> None:
        got = self.fetch(web.url("flaky/2/clip.mp4"), folder)
        assert got.path.read_bytes() == (web.folder / "clip.mp4").read_bytes()

    def test_a_dropped_connection_is_resumed_where_it_broke(
        self, web: MediaServer, folder: Path
    ) -> None:
        got = self.fetch(web.url("drop/clip.mp4"), folder)
        whole = (web.folder / "clip.mp4").read_bytes()
        assert got.path.read_bytes() == whole
        [rest] = [r for r in web.asked("drop/clip.mp4") if r.first_byte is not None]
        assert rest.first_byte == len(whole) // 2

    def test_a_silent_server_is_left_and_resumed(self, web: MediaServer, folder: Path) -> None:
        got = self.fetch(web.url("stall/clip.mp4"), folder, timeout_s=0.5)
        assert got.path.read_bytes() == (web.folder / "clip.mp4").read_bytes()
        assert any(r.first_byte for r in web.asked("stall/clip.mp4"))

    def test_a_server_that_knows_no_ranges_is_asked_for_the_whole(
        self, web: MediaServer, folder: Path
    ) -> None:
        self.cancelled(web, folder, "slow/clip.mp4")
        web.ranges = False
        got = self.fetch(web.url("slow/clip.mp4"), folder)
        assert got.path.read_bytes() == (web.folder / "clip.mp4").read_bytes()

    # Cancelling

    def test_cancel_keeps_what_is_here_for_the_next_time(
        self, web: MediaServer, folder: Path
    ) -> None:
        self.cancelled(web, folder, "slow/clip.mp4")
        got = self.fetch(web.url("slow/clip.mp4"), folder)
        assert got.path.read_bytes() == (web.folder / "clip.mp4").read_bytes()
        [rest] = [r for r in web.asked("slow/clip.mp4") if r.first_byte is not None]
        assert rest.first_byte is not None
        assert rest.first_byte > 0

    def test_a_file_that_changed_meanwhile_is_not_glued_to_its_old_start(
        self, web: MediaServer, folder: Path
    ) -> None:
        self.cancelled(web, folder, "slow/clip.mp4")
        changed = (web.folder / "other.mp4").read_bytes()
        (web.folder / "clip.mp4").write_bytes(changed)
        os.utime(web.folder / "clip.mp4", (1, 1))
        assert self.fetch(web.url("slow/clip.mp4"), folder).path.read_bytes() == changed

    @pytest.mark.parametrize("fault", ["hang", "stall"])
    def test_cancel_does_not_wait_for_a_silent_server(
        self, web: MediaServer, folder: Path, fault: str
    ) -> None:
        cancel = Cancel()
        with ThreadPoolExecutor(1) as pool:
            fetching = pool.submit(
                self.fetch, web.url(f"{fault}/clip.mp4"), folder, cancel=cancel, timeout_s=300.0
            )
            while not web.requests:
                assert not fetching.done()
                time.sleep(0.01)
            cancel.set()
            assert stopped(fetching)

    def test_a_cancelled_run_asks_for_nothing(self, web: MediaServer, folder: Path) -> None:
        cancel = Cancel()
        cancel.set()
        with pytest.raises(CancelledError):
            self.fetch(web.url("clip.mp4"), folder, cancel=cancel)
        assert not web.requests

    # What fails, and whether another try can help

    @pytest.mark.parametrize("status", [403, 404, 410, 451])
    def test_what_is_final_is_asked_for_once(
        self, web: MediaServer, folder: Path, status: int
    ) -> None:
        error = self.refused(web.url(f"status/{status}/clip.mp4"), folder)
        assert not error.retriable
        assert str(status) in error.message
        assert error.__cause__ is not None
        assert len(web.requests) == 1

    @pytest.mark.parametrize("status", [429, 500, 503])
    def test_what_may_pass_is_tried_again_and_then_left_for_later(
        self, web: MediaServer, folder: Path, status: int
    ) -> None:
        error = self.refused(web.url(f"status/{status}/clip.mp4"), folder, retries=2)
        assert error.retriable
        assert len(web.requests) == 3

    def test_a_hanging_server_is_left_for_later(self, web: MediaServer, folder: Path) -> None:
        error = self.refused(web.url("hang/clip.mp4"), folder, retries=0, timeout_s=0.3)
        assert error.retriable

    def test_a_server_that_is_down_is_left_for_later(self, folder: Path, tmp_path: Path) -> None:
        with serve(tmp_path) as server:
            url = server.url("clip.mp4")
        assert self.refused(url, folder, retries=0).retriable

    def test_an_unknown_host_is_refused(self, folder: Path) -> None:
        self.refused("http://no-such-host.invalid/clip.mp4", folder, retries=0)

    def test_a_page_without_a_video_is_refused(self, web: MediaServer, folder: Path) -> None:
        error = self.refused(web.url("page.html"), folder)
        assert not error.retriable
        assert error.hint

    def test_text_by_the_name_of_a_video_is_refused(self, web: MediaServer, folder: Path) -> None:
        (web.folder / "sorry.mp4").write_text("Please log in to see this video.\n" * 50)
        assert not self.refused(web.url("sorry.mp4"), folder).retriable

    def test_an_empty_file_is_refused(self, web: MediaServer, folder: Path) -> None:
        (web.folder / "empty.mp4").write_bytes(b"")
        self.refused(web.url("empty.mp4"), folder, retries=0)

    def test_a_circle_of_redirects_ends(self, web: MediaServer, folder: Path) -> None:
        assert not self.refused(web.url("loop"), folder).retriable

    # Where it must not go

    def test_this_machine_is_private_unless_allowed(self, web: MediaServer, folder: Path) -> None:
        for host in ("127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]"):
            url = web.url("clip.mp4").replace("127.0.0.1", host)
            error = self.refused(url, folder, allow_private_hosts=False)
            assert "allow_private_hosts" in str(error)
            assert not error.retriable
        assert not web.requests

    @pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.org/x", "s3://b/x.mp4"])
    def test_other_schemes_are_refused(self, folder: Path, url: str) -> None:
        with self.new(folder) as downloader:
            assert not downloader.accepts(url)
        assert not self.refused(url, folder).retriable

    @pytest.mark.parametrize("to", ["file:///etc/passwd", "ftp://127.0.0.1/x.mp4"])
    def test_redirects_to_other_schemes_are_refused(
        self, web: MediaServer, folder: Path, to: str
    ) -> None:
        assert not self.refused(web.redirect(to), folder).retriable
