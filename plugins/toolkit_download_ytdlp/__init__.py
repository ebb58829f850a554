"""Downloader plugin: links, through yt-dlp."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, SecretStr, field_validator

from toolkit.errors import MissingExtraError
from toolkit.hooks.specs import Context, DownloaderPlugin, hookimpl
from toolkit.stages.component import Options

if TYPE_CHECKING:
    from toolkit_download_ytdlp.downloader import YtdlpDownloader

__all__ = ["YtdlpOptions", "make", "toolkit_downloaders"]

NAME = EXTRA = "ytdlp"
_PROXIES = ("http://", "socks4://", "socks4a://", "socks5://", "socks5h://")


class YtdlpOptions(Options):
    """Videos from the web: direct links, and every site that yt-dlp knows."""

    # All but the choice of format say how to fetch, not what.
    neutral: ClassVar[frozenset[str]] = frozenset(
        {
            "allow_private_hosts",
            "backoff_s",
            "cookies",
            "max_size_bytes",
            "proxy",
            "rate_limit",
            "retries",
            "timeout_s",
            "user_agent",
        }
    )

    max_height: int = Field(
        1080, ge=1, description="Most lines of the picture, where a site offers several."
    )
    format: str = Field(
        "",
        description="yt-dlp's format selection; empty: the best video of max_height with its "
        "sound, or the best single file where no ffmpeg can join the two.",
    )
    retries: int = Field(
        4, ge=0, le=100, description="Tries after the first, where a retry can help."
    )
    backoff_s: float = Field(
        1.0,
        ge=0,
        le=60,
        description="Pause before the first retry in seconds; doubled each time, with chance.",
    )
    timeout_s: float = Field(
        20.0, gt=0, le=3600, description="Longest silence of a server in seconds."
    )
    rate_limit: int = Field(
        0, ge=0, description="Most bytes a second of each download; 0: as fast as it goes."
    )
    max_size_bytes: int = Field(0, ge=0, description="Larger videos are refused; 0: any size.")
    cookies: str = Field("", description="A cookies.txt (Netscape format) for sites with a login.")
    proxy: SecretStr = Field(
        SecretStr(""),
        description="URL of an http or socks proxy; empty: as the environment says. The proxy "
        "resolves names, so that only plainly private addresses can be refused.",
    )
    user_agent: str = Field("", description="How to introduce ourselves; empty: by our name.")
    allow_private_hosts: bool = Field(
        False, description="Fetch from this machine and its local network, too."
    )

    @field_validator("proxy")
    @classmethod
    def _known_proxy(cls, proxy: SecretStr) -> SecretStr:
        if proxy.get_secret_value() and not proxy.get_secret_value().startswith(_PROXIES):
            raise ValueError(f"a proxy starts with one of {', '.join(_PROXIES)}")
        return proxy


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
