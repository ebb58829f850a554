"""Downloader plugin: links, through yt-dlp."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, field_validator

from toolkit.errors import MissingExtraError
from toolkit.hooks.specs import Context, DownloaderPlugin, hookimpl
from toolkit.net.options import WebOptions

if TYPE_CHECKING:
    from toolkit_download_ytdlp.downloader import YtdlpDownloader

__all__ = ["YtdlpOptions", "make", "toolkit_downloaders"]

NAME = EXTRA = "ytdlp"


class YtdlpOptions(WebOptions):
    """Videos from the web: direct links, and every site that yt-dlp knows."""

    neutral: ClassVar[frozenset[str]] = WebOptions.neutral | {
        "date_after",
        "date_before",
        "max_items",
        "subtitles",
    }

    max_height: int = Field(
        1080, ge=1, description="Most lines of the picture, where a site offers several."
    )
    format: str = Field(
        "",
        description="yt-dlp's format selection; empty: the best video of max_height with its "
        "sound, or the best single file where no ffmpeg can join the two.",
    )
    subtitles: str = Field(
        "all",
        description="Languages of the subtitles that are kept beside the video where the site has "
        "them, such as en, de; all: every one; empty: none. Captions made by machine are left out.",
    )
    max_items: int = Field(
        0, ge=0, description="Most videos of a playlist or channel, from its start; 0: all."
    )
    date_after: date | None = Field(
        None, description="Of playlists and channels: no video from before this day (YYYY-MM-DD)."
    )
    date_before: date | None = Field(
        None, description="Of playlists and channels: no video from after this day (YYYY-MM-DD)."
    )

    @field_validator("date_after", "date_before", mode="before")
    @classmethod
    def _no_day(cls, given: object) -> object:
        return None if given == "" else given


def make(options: YtdlpOptions, context: Context) -> YtdlpDownloader:
    """The downloader; yt-dlp is imported by its first link.

    Raises:
        MissingExtraError: yt-dlp is not installed.
        ConfigError: The cookies cannot be read.
    """
    if importlib.util.find_spec("yt_dlp") is None:  # found, not imported, which takes a second
        missing = ModuleNotFoundError("No module named 'yt_dlp'", name="yt_dlp")
        raise MissingExtraError(NAME, EXTRA, cause=missing) from missing
    from toolkit_download_ytdlp.downloader import YtdlpDownloader

    return YtdlpDownloader(options, context)


@hookimpl
def toolkit_downloaders() -> Iterable[DownloaderPlugin]:
    """Bring the downloader ``ytdlp``."""
    yield DownloaderPlugin(
        name=NAME,
        options=YtdlpOptions,
        factory=make,
        summary="direct links and the sites that yt-dlp knows",
        extra=EXTRA,
        requires=("yt_dlp",),
    )
