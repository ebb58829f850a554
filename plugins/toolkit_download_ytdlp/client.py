"""yt-dlp, kept to http and https, to allowed hosts, to one video, and to this program.

Imported only when there is a link to fetch: reading yt-dlp takes about a second.
"""

from __future__ import annotations

import contextlib
import json
import logging
import traceback
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yt_dlp  # type: ignore[import-untyped] # noqa: TID253 - see above
import yt_dlp.globals  # type: ignore[import-untyped] # noqa: TID253
from yt_dlp.networking.exceptions import HTTPError  # type: ignore[import-untyped] # noqa: TID253

from toolkit.errors import CancelledError, DownloadError
from toolkit.net.guard import Guard
from toolkit.net.meter import Meter, refuse_long
from toolkit.net.pace import pace_of
from toolkit.stages.component import Cancel
from toolkit_download_ytdlp import YtdlpOptions
from toolkit_download_ytdlp.network import LARGEST_PAGE_BYTES, GuardedRH, too_large

__all__ = ["Client", "PlaylistFound", "of_days"]

log = logging.getLogger(__name__)
# Plugins in the folders of this machine's own yt-dlp are programs that nobody chose here.
yt_dlp.globals.plugin_dirs.value = []

_PROTOCOLS = frozenset({"http", "https", "m3u8", "m3u8_native", "http_dash_segments", "ism", "f4m"})
"""What yt-dlp fetches by itself, through the guard; others go through programs of their own."""


class PlaylistFound(Exception):  # noqa: N818 - no error: the link leads to several videos
    """The link leads to a playlist.

    Attributes:
        title: What the site calls it.
        result: yt-dlp's, with entries that are not looked at yet.
    """

    def __init__(self, result: dict[str, Any]) -> None:
        self.title: str = result.get("title") or "untitled"
        self.result = result
        super().__init__(self.title)


class Client(yt_dlp.YoutubeDL):  # type: ignore[misc]
    """One download of one video.

    Args:
        params: yt-dlp's parameters.
        options: The limits, and how fast each host may be asked.
        guard: Opens the connections.
        meter: Told of every byte.
        folder: Where partial files lie.
        cancel: Ends it.
        of_playlist: Whether the video is one of a playlist, and has to be of the days asked for.

    Attributes:
        subtitles: Files by language.
    """

    def __init__(
        self,
        params: dict[str, Any],
        options: YtdlpOptions,
        guard: Guard,
        meter: Meter,
        folder: Path,
        cancel: Cancel,
        *,
        of_playlist: bool = False,
    ) -> None:
        self.subtitles: dict[str, Path] = {}
        self._options = options
        self._meter = meter
        self._cancel = cancel
        self._of_playlist = of_playlist
        self._guard = guard
        self._folder = folder
        self._notes = folder / "validators.json"
        self._responses: list[Any] = []
        super().__init__(params)

    def build_request_director(self, handlers: Any, preferences: Any = None) -> Any:
        def make(**kwargs: Any) -> GuardedRH:
            return GuardedRH(guard=self._guard, **kwargs)

        return super().build_request_director([make], preferences)

    def process_ie_result(self, ie_result: Any, *args: Any, **kwargs: Any) -> Any:
        if ie_result.get("_type") in ("playlist", "multi_video"):
            raise PlaylistFound(ie_result)
        return super().process_ie_result(ie_result, *args, **kwargs)

    def process_info(self, info_dict: Any) -> Any:
        if info_dict.get("is_live"):
            raise DownloadError(
                "The link is a live stream.", hint="Come back when it is over.", cause="live"
            )
        refuse_long(info_dict.get("duration"), self._options)
        if self._of_playlist:
            self._refuse_day(info_dict.get("upload_date"))
        for chosen in info_dict.get("requested_formats") or [info_dict]:
            protocol = chosen.get("protocol") or "http"
            if protocol not in _PROTOCOLS:
                raise DownloadError(
                    f"The video is offered over {protocol}, which is not fetched.",
                    hint="Choose another format in [download.ytdlp] format.",
                    cause="unsupported",
                )
        return super().process_info(info_dict)

    def _refuse_day(self, day: Any) -> None:
        if not of_days(day, self._options):
            raise DownloadError(
                f"The video is of {day}, and not of the days asked for.", cause="date"
            )

    def _write_subtitles(self, info_dict: Any, filename: Any) -> Any:
        """A video is worth having without some of its subtitles, too."""
        written: list[Any] = []
        for language, one in (info_dict.get("requested_subtitles") or {}).items():
            alone = {**info_dict, "requested_subtitles": {language: one}}
            try:
                written += super()._write_subtitles(alone, filename) or []
            except Exception as error:
                if isinstance(error, CancelledError) or self._cancel.asked:
                    raise
                log.warning("Subtitles are missing (%s): %s", language, error)
            if one.get("filepath") and Path(one["filepath"]).is_file():
                self.subtitles[language] = Path(one["filepath"])
        return written

    def dl(self, *args: Any, **kwargs: Any) -> Any:
        # yt-dlp hands some streams to ffmpeg, which would go to the network by itself: while it
        # fetches there is no ffmpeg. It is back when the files are joined.
        with self._without_ffmpeg():
            try:
                return super().dl(*args, **kwargs)
            except BaseException as error:
                _close_stream(error)
                raise

    @contextlib.contextmanager
    def _without_ffmpeg(self) -> Iterator[None]:
        kept = self.params.get("ffmpeg_location")
        self.params["ffmpeg_location"] = str(self._folder / "no-ffmpeg")
        try:
            yield
        finally:
            self.params["ffmpeg_location"] = kept

    def urlopen(self, req: Any) -> Any:
        """Open a link; a partial file is continued only if the server still has the same one.

        ``If-Range`` (RFC 9110, 13.1.5) makes a server whose file has changed send the new one
        whole, instead of its end to be glued to the old one's beginning.
        """
        if not isinstance(req, yt_dlp.networking.Request):
            return super().urlopen(req)
        host = urlsplit(req.url).hostname or ""
        pace_of(host, self._options).request(self._cancel)
        self._guard.beat()
        known = self._validators()
        asked = req.headers.get("Range")
        validator = known.get(req.url)
        if asked and validator:
            req.headers["If-Range"] = validator
        url = req.url
        try:
            response = self._kept(super().urlopen(req))
        except HTTPError as error:
            self._kept(error.response)
            raise
        current = _validator(response)
        restarts = response.status == 200 and asked
        if current and current != validator and (restarts or not self._has_partial()):
            self._notes.write_text(json.dumps({**known, url: current}), encoding="utf-8")
        return response

    def _kept(self, response: Any) -> Any:
        """Remember a response: yt-dlp leaves those open that it does not read to their end.

        What it reads passes the meter, and what it reads as a whole has to have an end.
        """
        read = response.read

        def metered(amount: int | None = None) -> bytes:
            data: bytes = read(LARGEST_PAGE_BYTES + 1 if amount is None else amount)
            if amount is None and len(data) > LARGEST_PAGE_BYTES:
                raise too_large()
            self._meter.came(len(data))
            return data

        response.read = metered
        self._responses = [other for other in self._responses if not other.closed]
        self._responses.append(response)
        return response

    def close(self) -> None:
        for response in self._responses:
            response.close()
        super().close()

    def _validators(self) -> dict[str, str]:
        try:
            notes: dict[str, str] = json.loads(self._notes.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return notes

    def _has_partial(self) -> bool:
        return any(self._folder.glob("*.part"))


def _validator(response: Any) -> str:
    etag: str = response.headers.get("ETag") or ""
    if etag.startswith('"'):  # a weak one (W/"...") does not promise the same bytes
        return etag
    return response.headers.get("Last-Modified") or ""


def _close_stream(error: BaseException) -> None:
    """Close the file of a stream whose pieces could not be had: yt-dlp leaves it open."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        context = frame.f_locals.get("ctx")
        if isinstance(context, dict) and "dest_stream" in context:
            context["dest_stream"].close()


def of_days(day: Any, options: YtdlpOptions) -> bool:
    """Whether a day, as yt-dlp writes it (20260131), is one of those asked for; so is none."""
    try:
        when = date.fromisoformat(str(day or ""))
    except ValueError:
        return True
    after, before = options.date_after, options.date_before
    return (after is None or when >= after) and (before is None or when <= before)
