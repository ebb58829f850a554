"""Fetch a link into the workspace: what yt-dlp is asked for, and what it gives."""

from __future__ import annotations

import importlib.metadata
import io
import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from toolkit.errors import CancelledError, DownloadError
from toolkit.hooks.specs import Context
from toolkit.net import keeping
from toolkit.net.containers import duration_s
from toolkit.net.guard import SCHEMES, Guard
from toolkit.net.meter import Meter, refuse_long
from toolkit.net.pace import Pace, pace_of
from toolkit.net.tries import LONGEST_WAIT_S, persist
from toolkit.net.turns import turn
from toolkit.records import Source
from toolkit.stages.component import Cancel
from toolkit.stages.download import Download, Downloader, Entry, Playlist, Progress
from toolkit.stages.private import hide
from toolkit_download_ytdlp import YtdlpOptions
from toolkit_download_ytdlp.causes import explain
from toolkit_download_ytdlp.watch import Watch, info_of

__all__ = ["YtdlpDownloader"]

log = logging.getLogger(__name__)


class YtdlpDownloader(Downloader):
    """Downloads through yt-dlp's Python interface, which reads no config file of its own."""

    def __init__(self, options: YtdlpOptions, context: Context) -> None:
        self._options = options
        self._cache = context.workspace / "cache" / "yt-dlp"
        self._cookies = options.cookies_text(context.base)
        self.max_duration_s = options.max_duration_s

    def close(self) -> None:
        hide(self._cache)  # yt-dlp makes its files readable to all

    def accepts(self, uri: str) -> bool:
        return urlsplit(uri).scheme.lower() in SCHEMES

    def fetch(
        self, source: Source, folder: Path, progress: Progress, cancel: Cancel
    ) -> Download | Playlist:
        pace = pace_of(urlsplit(source.uri).hostname or "", self._options)
        with turn(folder, source.id, cancel):
            if whole := keeping.whole(source, folder):  # maybe by whoever had the turn before
                size = whole.path.stat().st_size
                progress(size, size)
                return whole

            def once() -> Download | Playlist:
                with pace.place(cancel):
                    return self._once(source, folder, pace, progress, cancel)

            return persist(once, source.uri, self._options, pace, cancel)

    def _once(
        self, source: Source, folder: Path, pace: Pace, progress: Progress, cancel: Cancel
    ) -> Download | Playlist:
        from toolkit_download_ytdlp.client import Client, PlaylistFound

        options = self._options
        part = keeping.part_of(source, folder)
        guard = self._guard(cancel)
        try:
            guard.check(source.uri)
            refuse_long(source.info.get("duration_s"), options)
            meter = Meter(options, pace, guard, progress, cancel, part)
            watch = Watch(meter, options)
            params = self._params(part, watch, cancel)
            client = Client(
                params, options, guard, meter, part, cancel, of_playlist="playlist" in source.info
            )
            with guard.watching(), client:
                info = client.extract_info(source.uri)
                said = client.sanitize_info(info)
                subtitles = client.subtitles
            fetched = _fetched(info)
            keeping.refuse_text(fetched)
            keeping.refuse_partial(fetched, sized=watch.sized)
            refuse_long(duration_s(fetched), options)
            suffix = "" if fetched.suffix == ".unknown_video" else fetched.suffix
            return keeping.keep(
                fetched, source, folder, info_of(said), suffix=suffix, subtitles=subtitles
            )
        except PlaylistFound as found:
            keeping.drop(source, folder)
            return Playlist(found.title, self._entries(source, folder, pace, cancel))
        except Exception as error:  # extractors for 1800 sites may raise anything
            if cancel.asked:
                raise CancelledError("The run was cancelled.") from error
            cause = explain(error, source.uri)
            if not cause.retriable or cause.context.get("cause") == "incomplete":
                keeping.drop(source, folder)
            raise cause  # noqa: B904 - explain has set its cause

    def _entries(self, source: Source, folder: Path, pace: Pace, cancel: Cancel) -> Iterator[Entry]:
        from toolkit_download_ytdlp.client import Client
        from toolkit_download_ytdlp.playlists import entries

        options = self._options
        part = keeping.part_of(source, folder)

        def connect() -> tuple[Guard, Client]:
            guard = self._guard(cancel)
            # Nothing is kept of pages; how large they are is the client's to watch.
            meter = Meter(options, pace, guard, lambda *_: None, cancel, folder)
            params = self._params(part, Watch(meter, options), cancel)
            return guard, Client(params, options, guard, meter, part, cancel)

        try:
            yield from entries(source, connect, options, pace, cancel)
        finally:
            keeping.drop(source, folder)

    def _guard(self, cancel: Cancel) -> Guard:
        options = self._options
        proxy = options.proxy.get_secret_value()
        return Guard(options.allow_private_hosts, proxy, options.timeout_s, cancel)

    def _params(self, part: Path, watch: Watch, cancel: Cancel) -> dict[str, Any]:
        options = self._options
        ffmpeg = _ffmpeg()

        def pause(n: int) -> float:
            cancel.wait(min(options.backoff_s * 2**n, LONGEST_WAIT_S))
            cancel.check()
            return 0.0

        params: dict[str, Any] = {
            "cachedir": str(self._cache),
            "color": {"stdout": "never", "stderr": "never"},
            "continuedl": True,
            "ffmpeg_location": ffmpeg,
            "format": options.format or _best(options.max_height, joined=ffmpeg is not None),
            "fragment_retries": options.retries,
            "hls_prefer_native": True,
            "http_headers": {"User-Agent": options.user_agent or _our_name()},
            "logger": _Log(),
            "noplaylist": True,
            "noprogress": True,
            # The format is part of the name: bytes of one are never added to another.
            "outtmpl": {"default": "%(format_id)s.%(ext)s"},
            "overwrites": False,
            "paths": {"home": str(part)},
            "progress_hooks": [watch],
            "quiet": True,
            "retries": 0,  # ours, with a fresh look at the page: links to media expire
            "retry_sleep_functions": {"fragment": pause},
            "skip_unavailable_fragments": False,
            "socket_timeout": options.timeout_s,
            "updatetime": False,
        }
        languages = [one.strip() for one in options.subtitles.split(",") if one.strip()]
        if languages:
            params |= {"writesubtitles": True, "subtitleslangs": languages}
        if os.environ.keys() & {"SSL_CERT_FILE", "SSL_CERT_DIR"}:
            params["compat_opts"] = {"no-certifi"}  # yt-dlp would not look at them
        if self._cookies:
            # A copy for each download: yt-dlp writes cookies back.
            params["cookiefile"] = io.StringIO(self._cookies)
        if options.proxy.get_secret_value():
            params["proxy"] = options.proxy.get_secret_value()
        return params


class _Log:
    """Where yt-dlp's messages go. Its errors come to us as exceptions, too."""

    def debug(self, message: str) -> None:
        log.debug("%s", message)

    info = warning = error = debug


def _best(height: int, *, joined: bool) -> str:
    """yt-dlp's words for the best format; where all are too high, the lowest of them."""
    fits = f"[height<=?{height}]"
    single = f"b{fits}/w"
    return f"bv*{fits}+ba/b{fits}/wv*+ba/w" if joined else single


def _ffmpeg() -> str | None:
    """The ffmpeg that joins picture and sound: this machine's, or the one of imageio-ffmpeg."""
    found = shutil.which("ffmpeg")
    if found:
        return found
    try:
        import imageio_ffmpeg  # type: ignore[import-untyped]

        path: str = imageio_ffmpeg.get_ffmpeg_exe()
    except (ImportError, RuntimeError):
        return None
    return path


def _our_name() -> str:
    return " ".join(
        f"{name}/{importlib.metadata.version(name)}"
        for name in ("video-analysis-toolkit", "yt-dlp")
    )


def _fetched(info: dict[str, Any]) -> Path:
    downloads = info.get("requested_downloads") or [{}]
    path = Path(downloads[0].get("filepath") or "")
    if not path.is_file():
        raise DownloadError("yt-dlp ended without a file.", retriable=True, cause="incomplete")
    return path
