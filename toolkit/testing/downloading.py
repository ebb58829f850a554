"""What tests of downloaders work with: a real server, a folder, a downloader."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from toolkit.errors import CancelledError, DownloadError
from toolkit.hooks.specs import Context
from toolkit.records import Source
from toolkit.stages.component import Cancel
from toolkit.stages.download import Download, Downloader, Playlist, Progress
from toolkit.testing.clips import random_truth, render, write_clip
from toolkit.testing.plugins import PluginSuite
from toolkit.testing.server import MediaServer, serve

__all__ = ["PATIENCE_S", "Downloads", "named", "stopped", "video_of"]

_PADDING_BYTES = 700_000
PATIENCE_S = 20.0  # far over what is promised: a busy machine is no failure


class Downloads(PluginSuite):
    """Fetches from a server of its own, with the plugin's downloader or one that a subclass makes.

    The plugin's options are those of :class:`~toolkit.net.options.WebOptions`, and its own.
    """

    made = "make"

    @pytest.fixture(autouse=True)
    def _given(self, request: pytest.FixtureRequest) -> None:
        if type(self).make is Downloads.make:
            self.downloads = request.getfixturevalue("plugin"), request.getfixturevalue("options")

    def make(
        self, workspace: Path, *, allow_private_hosts: bool, retries: int, timeout_s: float
    ) -> Downloader:
        """The downloader under test; pauses between tries are short."""
        plugin, options = self.downloads
        how = {
            "allow_private_hosts": allow_private_hosts,
            "retries": retries,
            "timeout_s": timeout_s,
            "backoff_s": 0.01,
            "max_size_bytes": 50_000_000,
        }
        known = {key: value for key, value in how.items() if key in type(options).model_fields}
        downloader = plugin.factory(options.model_copy(update=known), Context(workspace, workspace))
        assert isinstance(downloader, Downloader)
        return downloader

    @pytest.fixture
    def web(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MediaServer]:
        """A server with ``clip.mp4``, a second ``other.mp4`` and a page without a video."""
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        folder = tmp_path / "web"
        folder.mkdir()
        rng = random.Random(5)
        for name in ("clip.mp4", "other.mp4"):
            frames = render(random_truth(rng), rng, n_frames=6, height=90, width=160)
            write_clip(frames, folder / name)
            with (folder / name).open("ab") as file:  # a box "free" is padding, ISO/IEC 14496-12
                file.write((_PADDING_BYTES + 8).to_bytes(4, "big") + b"free")
                file.write(rng.randbytes(_PADDING_BYTES))
        (folder / "page.html").write_text("<html><title>Hi</title><p>No video here.</p></html>")
        with serve(folder) as server:
            yield server

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """Where downloads go; it does not exist yet."""
        return tmp_path / "workspace" / "downloads"

    def new(self, folder: Path, **how: Any) -> Downloader:
        """A new downloader, as in a new process."""
        usual = {"allow_private_hosts": True, "retries": 3, "timeout_s": 30.0}
        return self.make(folder.parent, **{**usual, **how})

    def fetch(
        self,
        url: str,
        folder: Path,
        *,
        progress: Progress = lambda *_: None,
        cancel: Cancel | None = None,
        **how: Any,
    ) -> Download:
        """Fetch a link with a new downloader."""
        stop = Cancel() if cancel is None else cancel
        with self.new(folder, **how) as downloader:
            return video_of(downloader.fetch(Source.of(url, "link"), folder, progress, stop))

    def refused(self, url: str, folder: Path, **how: Any) -> DownloadError:
        """The error of a link that cannot be fetched; nothing may be left that looks whole."""
        with pytest.raises(DownloadError) as caught:
            self.fetch(url, folder, **how)
        assert not named(folder)
        assert caught.value.context["uri"] == url
        return caught.value

    def cancelled(self, web: MediaServer, folder: Path, path: str) -> None:
        """Cancel a download of this path when some of it has arrived."""
        cancel, arrived = Cancel(), threading.Event()

        def progress(done: int, _: int | None) -> None:
            if done > 50_000:
                arrived.set()

        with ThreadPoolExecutor(1) as pool:
            fetching = pool.submit(
                self.fetch, web.url(path), folder, progress=progress, cancel=cancel
            )
            assert arrived.wait(PATIENCE_S)
            cancel.set()
            assert stopped(fetching)
        assert not named(folder)


def video_of(found: Download | Playlist) -> Download:
    """The download, which it has to be."""
    assert isinstance(found, Download)
    return found


def named(folder: Path) -> list[Path]:
    """Files under a final name: those not in a hidden folder."""
    files = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    return [file for file in files if not any(part.startswith(".") for part in file.parts)]


def stopped(fetching: Future[Download]) -> bool:
    """Whether it ends because it was cancelled."""
    return isinstance(fetching.exception(timeout=PATIENCE_S), CancelledError)
