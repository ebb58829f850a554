"""Downloader plugin: links that lead straight to a video file, through httpx."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from toolkit.errors import MissingExtraError
from toolkit.hooks.specs import Context, DownloaderPlugin, hookimpl
from toolkit.net.options import WebOptions

if TYPE_CHECKING:
    from toolkit_download_http.downloader import HttpDownloader

__all__ = ["HttpOptions", "make", "toolkit_downloaders"]

NAME = EXTRA = "http"


class HttpOptions(WebOptions):
    """Video files on the web, by links that end in .mp4, .webm, .mkv and the like."""


def make(options: HttpOptions, context: Context) -> HttpDownloader:
    """The downloader.

    Raises:
        MissingExtraError: httpx2 is not installed.
        ConfigError: The cookies cannot be read.
    """
    try:
        from toolkit_download_http.downloader import HttpDownloader
    except ImportError as error:
        raise MissingExtraError(NAME, EXTRA, cause=error) from error
    return HttpDownloader(options, context)


@hookimpl
def toolkit_downloaders() -> Iterable[DownloaderPlugin]:
    """Bring the downloader ``http``."""
    yield DownloaderPlugin(
        name=NAME,
        options=HttpOptions,
        factory=make,
        summary="links that lead straight to a video file",
        extra=EXTRA,
        requires=("httpx2",),
    )
