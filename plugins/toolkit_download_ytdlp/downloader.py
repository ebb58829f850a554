"""Fetch a link into the workspace: tries, partial files, and the name it gets when whole."""

from __future__ import annotations

import importlib.metadata
import io
import json
import logging
import os
import random
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import JsonValue

from toolkit.errors import CancelledError, ConfigError, DownloadError
from toolkit.hooks.specs import Context
from toolkit.records import Source
from toolkit.stages.component import Cancel
from toolkit.stages.download import Download, Downloader, Progress
from toolkit_download_ytdlp import YtdlpOptions
from toolkit_download_ytdlp.causes import explain
from toolkit_download_ytdlp.guard import SCHEMES, Guard
from toolkit_download_ytdlp.turns import turn

__all__ = ["YtdlpDownloader"]

log = logging.getLogger(__name__)

_LONGEST_WAIT_S = 60.0
_INFO = {
    "title": "title",
    "uploader": "uploader",
    "upload_date": "upload_date",
    "license": "licence",
    "description": "description",
    "webpage_url": "webpage_url",
    "duration": "duration_s",
    "extractor": "extractor",
}
"""yt-dlp's names of what a site says about a video, and ours."""


class YtdlpDownloader(Downloader):
    """Downloads through yt-dlp's Python interface, which reads no config file of its own.

    A download lives in ``.part/<source id>/`` of the folder until it is whole; then it is renamed
    to ``<source id>.<ext>``, beside ``<source id>.json`` with what the site said about it.
    """

    def __init__(self, options: YtdlpOptions, context: Context) -> None:
        self._options = options
        self._cache = context.workspace / "cache" / "yt-dlp"
        self._cookies = _read_cookies(context.base, options.cookies)

    def accepts(self, uri: str) -> bool:
        return urlsplit(uri).scheme.lower() in SCHEMES

    def fetch(self, source: Source, folder: Path, progress: Progress, cancel: Cancel) -> Download:
        with turn(folder, source.id, cancel):
            if whole := _whole(source, folder):  # maybe by whoever had the turn before
                size = whole.path.stat().st_size
                progress(size, size)
                return whole
            return self._fetch(source, folder, progress, cancel)

    def _fetch(self, source: Source, folder: Path, progress: Progress, cancel: Cancel) -> Download:
        tries = self._options.retries + 1
        for number in range(1, tries + 1):
            try:
                return self._try(source, folder, progress, cancel)
            except DownloadError as error:
                pause_s = self._pause_s(error, number)
                if not error.retriable or number == tries or pause_s > _LONGEST_WAIT_S:
                    raise
                log.info("%s: %s Try %d of %d.", source.uri, error.message, number + 1, tries)
            if cancel.wait(pause_s):
                break
        raise CancelledError("The run was cancelled.")

    def _pause_s(self, error: DownloadError, number: int) -> float:
        """Exponential backoff with jitter, or what the server asks for."""
        longest = min(self._options.backoff_s * 2 ** (number - 1), _LONGEST_WAIT_S)
        said: float = error.context.get("retry_after_s", 0.0)
        backoff: float = longest * random.uniform(0.5, 1.0)
        return max(said, backoff)

    def _try(self, source: Source, folder: Path, progress: Progress, cancel: Cancel) -> Download:
        from toolkit_download_ytdlp.client import Client

        part = folder / ".part" / source.id
        proxy = self._options.proxy.get_secret_value()
        guard = Guard(self._options.allow_private_hosts, proxy, self._options.timeout_s, cancel)
        watch = _Watch(progress, cancel, self._options.max_size_bytes)
        try:
            guard.check(source.uri)
            part.mkdir(parents=True, exist_ok=True)
            with guard.watching(), Client(self._params(part, watch, cancel), guard, part) as client:
                info = client.extract_info(source.uri)
                said = client.sanitize_info(info)
            fetched = _fetched(info)
            _refuse_text(fetched)
            return _keep(fetched, said, source, folder)
        except Exception as error:  # extractors for 1800 sites may raise anything
            if cancel.asked:
                raise CancelledError("The run was cancelled.") from error
            cause = explain(error, source.uri)
            if not cause.retriable:
                shutil.rmtree(part, ignore_errors=True)
            raise cause  # noqa: B904 - explain has set its cause

    def _params(self, part: Path, watch: _Watch, cancel: Cancel) -> dict[str, Any]:
        options = self._options
        ffmpeg = _ffmpeg()

        def pause(n: int) -> float:
            cancel.wait(min(options.backoff_s * 2**n, _LONGEST_WAIT_S))
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
        if self._cookies:
            # A copy for each download: yt-dlp writes cookies back.
            params["cookiefile"] = io.StringIO(self._cookies)
        if options.proxy.get_secret_value():
            params["proxy"] = options.proxy.get_secret_value()
        if options.rate_limit:
            params["ratelimit"] = options.rate_limit
        return params


class _Watch:
    """yt-dlp's progress hook: adds the files of a download up, and ends it when it must end."""

    def __init__(self, progress: Progress, cancel: Cancel, max_size_bytes: int) -> None:
        self._progress = progress
        self._cancel = cancel
        self._max = max_size_bytes
        self._done: dict[str, int] = {}
        self._sizes: dict[str, int | None] = {}

    def __call__(self, event: dict[str, Any]) -> None:
        self._cancel.check()
        name = event["filename"]
        self._done[name] = event.get("downloaded_bytes") or self._done.get(name, 0)
        self._sizes[name] = event.get("total_bytes") or event.get("total_bytes_estimate")
        done, total = sum(self._done.values()), self._total(event["info_dict"])
        if self._max and max(done, total or 0) > self._max:
            raise DownloadError(
                f"The video has {total or done} bytes{'' if total else ' or more'}, "
                f"which is over the limit of {self._max}.",
                hint="Raise max_size_bytes in [download.ytdlp], or lower max_height.",
            )
        self._progress(done, total)

    def _total(self, info: dict[str, Any]) -> int | None:
        """Bytes of all files, where picture and sound are two; None if one is not known."""
        sizes = list(self._sizes.values())
        rest = (info.get("requested_formats") or [])[len(sizes) :]
        sizes += [part.get("filesize") or part.get("filesize_approx") for part in rest]
        return sum(size or 0 for size in sizes) if all(sizes) else None


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


def _read_cookies(base: Path, file: str) -> str:
    if not file:
        return ""
    try:
        return (base / Path(file).expanduser()).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"The cookies file {file} cannot be read: {error}.",
            hint="Change cookies in [download.ytdlp].",
        ) from error


def _fetched(info: dict[str, Any]) -> Path:
    downloads = info.get("requested_downloads") or [{}]
    path = Path(downloads[0].get("filepath") or "")
    if not path.is_file():
        raise DownloadError("yt-dlp ended without a file.", retriable=True)
    return path


def _refuse_text(path: Path) -> None:
    """Sites answer with pages where a video was; every container has bytes that no text has."""
    with path.open("rb") as file:
        start = file.read(1024)
    if start and b"\0" not in start:
        try:
            start[:-4].decode("utf-8")
        except UnicodeDecodeError:
            return
        raise DownloadError(
            "The link leads to a text, not to a video.", hint="Check the link, in a browser, too."
        )


def _keep(fetched: Path, said: dict[str, Any], source: Source, folder: Path) -> Download:
    """Give the whole file its name: the note about it first, so that a name means all is there."""
    suffix = "" if fetched.suffix == ".unknown_video" else fetched.suffix.lower()
    final = folder / f"{source.id}{suffix}"
    info = _info(said)
    note = folder / f"{source.id}.json"
    draft = fetched.with_suffix(".json")
    draft.write_text(json.dumps({"file": final.name, "info": info}, indent=1), encoding="utf-8")
    os.replace(draft, note)  # noqa: PTH105 - atomic on every system, as Path.rename is not
    os.replace(fetched, final)  # noqa: PTH105
    shutil.rmtree(fetched.parent, ignore_errors=True)
    return Download(final, info)


def _whole(source: Source, folder: Path) -> Download | None:
    """What an earlier run has fetched, if it has."""
    try:
        note = json.loads((folder / f"{source.id}.json").read_text(encoding="utf-8"))
        path = folder / note["file"]
        info = note["info"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Download(path, info) if path.is_file() else None


def _info(said: dict[str, Any]) -> dict[str, JsonValue]:
    info: dict[str, JsonValue] = {
        ours: said[theirs] for theirs, ours in _INFO.items() if said.get(theirs) not in (None, "")
    }
    day = str(info.get("upload_date", ""))
    if len(day) == len("20260131"):
        info["upload_date"] = f"{day[:4]}-{day[4:6]}-{day[6:]}"
    chapters = said.get("chapters")
    if chapters:
        info["chapters"] = [
            {"start_s": c.get("start_time"), "end_s": c.get("end_time"), "title": c.get("title")}
            for c in chapters
        ]
    return info
