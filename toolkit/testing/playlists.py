r"""What every downloader must do that knows playlists, as tests.

Subclass it as :class:`~toolkit.testing.downloaders.DownloaderSuite`, and say what a playlist is:

    class TestMine(PlaylistSuite):
        def make(self, workspace, *, allow_private_hosts, retries, timeout_s):
            return MyDownloader(...)

        def playlist(self, web, links):
            (web.folder / "list.m3u").write_text("\n".join(links))
            return "list.m3u"
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from toolkit.errors import CancelledError
from toolkit.records import Source
from toolkit.stages.component import Cancel
from toolkit.stages.download import Playlist
from toolkit.testing.downloading import Downloads, named
from toolkit.testing.server import MediaServer

__all__ = ["PlaylistSuite"]


class PlaylistSuite(Downloads):
    """What :meth:`~toolkit.stages.download.Downloader.fetch` gives for a playlist."""

    def playlist(self, web: MediaServer, links: Sequence[str]) -> str:
        """Write a playlist of these links into the server's folder; gives its path there."""
        raise NotImplementedError

    def opened(self, url: str, folder: Path, cancel: Cancel | None = None) -> Playlist:
        """The playlist behind a link."""
        with self.new(folder) as downloader:
            source = Source.of(url, "link")
            found = downloader.fetch(source, folder, lambda *_: None, cancel or Cancel())
        assert isinstance(found, Playlist)
        return found

    def links(self, web: MediaServer) -> list[str]:
        """Two videos, and the first of them once more."""
        return [web.url("clip.mp4"), web.url("other.mp4"), web.url("clip.mp4")]

    def test_it_leads_to_each_video_once_and_fetches_none(
        self, web: MediaServer, folder: Path
    ) -> None:
        path = self.playlist(web, self.links(web))
        found = self.opened(web.url(path), folder)
        entries = list(found.entries)
        assert [entry.uri for entry in entries] == self.links(web)[:2]
        assert {request.path for request in web.requests} == {f"/{path}"}
        assert not named(folder)
        for entry in entries:
            source = Source.of(entry.uri, "link", info=entry.info)
            with self.new(folder) as downloader:
                got = downloader.fetch(source, folder, lambda *_: None, Cancel())
            assert not isinstance(got, Playlist)
            name = Path(entry.uri).name
            assert got.path.read_bytes() == (web.folder / name).read_bytes()

    def test_one_that_breaks_is_read_on_where_it_was(self, web: MediaServer, folder: Path) -> None:
        path = self.playlist(web, self.links(web))
        found = self.opened(web.url(f"flaky/2/{path}"), folder)
        assert len(list(found.entries)) == 2

    def test_who_reads_it_can_be_cancelled(self, web: MediaServer, folder: Path) -> None:
        cancel = Cancel()
        found = self.opened(web.url(self.playlist(web, self.links(web))), folder, cancel)
        cancel.set()
        with pytest.raises(CancelledError):
            list(found.entries)
