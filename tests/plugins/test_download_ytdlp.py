from __future__ import annotations

import json
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import av
import numpy as np
import pytest

from toolkit.errors import ConfigError, DownloadError
from toolkit.hooks.specs import Context
from toolkit.stages.download import Downloader
from toolkit.testing.clips import random_truth, render, write_clip
from toolkit.testing.download_faults import DownloadFaultSuite
from toolkit.testing.downloaders import DownloaderSuite
from toolkit.testing.server import MediaServer
from toolkit_download_ytdlp import YtdlpOptions, make


def context(folder: Path) -> Context:
    return Context(workspace=folder, base=folder)


class Ytdlp:
    def make(
        self, workspace: Path, *, allow_private_hosts: bool, retries: int, timeout_s: float
    ) -> Downloader:
        options = YtdlpOptions(
            allow_private_hosts=allow_private_hosts,
            retries=retries,
            timeout_s=timeout_s,
            **{"backoff_s": 0.01, "max_size_bytes": 50_000_000, **self.more},
        )
        return make(options, context(workspace))

    @property
    def more(self) -> dict[str, Any]:
        return getattr(self, "_more", {})

    def with_options(self, **options: Any) -> None:
        self._more = options


class TestFaults(Ytdlp, DownloadFaultSuite):
    # yt-dlp does not look at the size that comes with a 416: it has the file, and does not know.
    differs: ClassVar[dict[str, str]] = {"short": "refused"}


class TestYtdlp(Ytdlp, DownloaderSuite):
    def test_the_page_and_what_it_says(self, web: MediaServer, folder: Path) -> None:
        (web.folder / "watch.html").write_text(
            "<html><title>Moving shapes</title>"
            '<meta property="og:title" content="Moving shapes">'
            '<video src="/clip.mp4"></video></html>'
        )
        got = self.fetch(web.url("watch.html"), folder)
        assert got.path.read_bytes() == (web.folder / "clip.mp4").read_bytes()
        assert "Moving shapes" in str(got.info["title"])
        assert got.info["webpage_url"] == web.url("watch.html")
        assert date.fromisoformat(str(got.info["upload_date"])).year > 2000
        assert json.loads(json.dumps(got.info)) == got.info

    def test_picture_and_sound_are_joined(self, web: MediaServer, folder: Path) -> None:
        _write_dash(web.folder)
        seen: list[tuple[int, int | None]] = []
        got = self.fetch(web.url("two.mpd"), folder, progress=lambda *now: seen.append(now))
        with av.open(str(got.path)) as container:
            assert {stream.type for stream in container.streams} == {"video", "audio"}
            assert container.streams.video[0].height == 90
        assert [done for done, _ in seen] == sorted(done for done, _ in seen)
        assert not list(folder.glob(".part/*"))

    def test_max_height(self, web: MediaServer, folder: Path) -> None:
        _write_dash(web.folder, heights=(60, 90, 120))
        self.with_options(max_height=100)
        with av.open(str(self.fetch(web.url("two.mpd"), folder).path)) as container:
            assert container.streams.video[0].height == 90

    def test_where_all_are_too_high_the_lowest_is_taken(
        self, web: MediaServer, folder: Path
    ) -> None:
        _write_dash(web.folder, heights=(90, 120))
        self.with_options(max_height=80)
        with av.open(str(self.fetch(web.url("two.mpd"), folder).path)) as container:
            assert container.streams.video[0].height == 90

    def test_a_stream_with_a_piece_missing_is_no_video(
        self, web: MediaServer, folder: Path
    ) -> None:
        pieces = _write_hls(web.folder)
        assert self.fetch(web.url("stream.m3u8"), folder).path.stat().st_size > 0
        pieces[1].unlink()
        with pytest.raises(DownloadError) as caught:
            self.fetch(web.url("stream.m3u8?again"), folder, retries=0)
        assert not caught.value.retriable
        assert len(list(folder.glob("*.mp4"))) == 1

    @pytest.mark.parametrize(
        ("fault", "cause"),
        [
            ("flaky/2", ""),
            ("limited/1", ""),
            ("unsized", ""),
            ("drop", ""),
            ("stall", ""),
            ("cut/2000", ""),
            ("hang", "timeout"),
            ("status/403", "refused"),
            ("status/404", "not-found"),
            ("status/429", "rate-limited"),
            ("status/503", "busy"),
            ("endless", "too-large"),
            ("loop", "redirects"),
        ],
    )
    def test_a_stream_whose_pieces_come_badly(
        self, web: MediaServer, folder: Path, fault: str, cause: str
    ) -> None:
        pieces = _write_hls(web.folder)
        playlist = web.folder / "stream.m3u8"
        text = playlist.read_text()
        playlist.write_text(text.replace(pieces[1].name, f"/{fault}/{pieces[1].name}"))
        with ThreadPoolExecutor(1) as pool:
            fetching = pool.submit(
                self.fetch, web.url("stream.m3u8"), folder, timeout_s=0.5, retries=2
            )
            error = fetching.exception(30.0)
        if not cause:
            assert error is None, error
            with av.open(str(fetching.result().path)) as container:
                assert sum(1 for _ in container.decode(video=0)) == 36
        else:
            assert isinstance(error, DownloadError), error
            assert error.context["cause"] == cause, error
            assert not list(folder.glob("*.mp4"))

    def test_a_manifest_whose_sound_is_missing_is_no_video(
        self, web: MediaServer, folder: Path
    ) -> None:
        _write_dash(web.folder)
        (web.folder / "sound.m4a").unlink()
        error = self.refused(web.url("two.mpd"), folder, retries=0)
        assert error.context["cause"] == "not-found"

    def test_a_stream_that_only_ffmpeg_could_fetch_is_not_fetched(
        self, web: MediaServer, folder: Path
    ) -> None:
        # ffmpeg would go wherever the playlist sends it, past every guard.
        _write_hls(web.folder)
        playlist = web.folder / "stream.m3u8"
        key = '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="http://169.254.169.254/key"\n'
        playlist.write_text(playlist.read_text().replace("#EXTINF", key + "#EXTINF", 1))
        self.refused(web.url("stream.m3u8"), folder, retries=0)

    def test_too_large_is_refused_even_where_the_size_is_not_told(
        self, web: MediaServer, folder: Path
    ) -> None:
        self.with_options(max_size_bytes=100_000)
        for path in ("clip.mp4", "unsized/clip.mp4"):
            error = self.refused(web.url(path), folder)
            assert "100000" in error.message
            assert not error.retriable
        assert not list(folder.glob(".part/*"))

    def test_a_page_cannot_lead_to_a_private_host(
        self, web: MediaServer, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # A name that resolves to a private address, which is known only when it is looked up.
        import socket

        look_up = socket.getaddrinfo

        def rebound(host: str, *args: Any, **kwargs: Any) -> Any:
            return look_up("127.0.0.1" if host == "public.example" else host, *args, **kwargs)

        monkeypatch.setattr(socket, "getaddrinfo", rebound)
        url = web.url("clip.mp4").replace("127.0.0.1", "public.example")
        error = self.refused(url, folder, allow_private_hosts=False)
        assert "public.example (127.0.0.1)" in error.message
        assert not web.requests

    def test_missing_cookies_are_a_mistake_in_the_config(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"nope\.txt"):
            make(YtdlpOptions(cookies="nope.txt"), context(tmp_path))

    def test_two_that_want_the_same_take_turns(self, web: MediaServer, folder: Path) -> None:
        results: list[bytes] = []

        def one() -> None:
            results.append(self.fetch(web.url("slow/clip.mp4"), folder).path.read_bytes())

        threads = [threading.Thread(target=one) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results == [(web.folder / "clip.mp4").read_bytes()] * 3


def test_the_proxy_is_a_secret() -> None:
    options = YtdlpOptions.model_validate({"proxy": "http://me:hunter2@proxy:3128"})
    assert "hunter2" not in repr(options)
    with pytest.raises(ValueError, match="socks5"):
        YtdlpOptions.model_validate({"proxy": "proxy:3128"})


def _write_dash(folder: Path, heights: tuple[int, ...] = (90,)) -> None:
    """A manifest that offers pictures of some heights, and sound, each in a file of its own."""
    rng = random.Random(1)
    truth = random_truth(rng)
    sets = []
    for height in heights:
        width = height * 16 // 9 // 2 * 2
        write_clip(render(truth, rng, 24, height, width), folder / f"picture-{height}.mp4")
        sets.append(
            f'<Representation id="v{height}" mimeType="video/mp4" codecs="avc1.64001f" '
            f'width="{width}" height="{height}" bandwidth="{height}000">'
            f"<BaseURL>picture-{height}.mp4</BaseURL></Representation>"
        )
    with av.open(str(folder / "sound.m4a"), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=16_000, layout="mono")
        silence = np.zeros((1, 16_000), np.float32)
        frame = av.AudioFrame.from_ndarray(silence, format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 16_000, 0, Fraction(1, 16_000)
        container.mux([*stream.encode(frame), *stream.encode(None)])
    sound = (
        '<Representation id="a" mimeType="audio/mp4" codecs="mp4a.40.2" bandwidth="9000">'
        "<BaseURL>sound.m4a</BaseURL></Representation>"
    )
    (folder / "two.mpd").write_text(
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'mediaPresentationDuration="PT1S"><Period>'
        f"<AdaptationSet>{''.join(sets)}</AdaptationSet><AdaptationSet>{sound}</AdaptationSet>"
        "</Period></MPD>"
    )


def _write_hls(folder: Path) -> list[Path]:
    """A playlist of three pieces; gives the pieces."""
    rng = random.Random(2)
    pieces = [folder / f"piece{number}.ts" for number in range(3)]
    for piece in pieces:
        with piece.open("wb") as file:
            write_clip(render(random_truth(rng), rng, 12, 90, 160), file, container_format="mpegts")
    lines = [f"#EXTINF:0.5,\n{piece.name}" for piece in pieces]
    (folder / "stream.m3u8").write_text(
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:0\n"
        + "\n".join(lines)
        + "\n#EXT-X-ENDLIST\n"
    )
    return pieces
