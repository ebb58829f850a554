"""The options that every downloader of web links has."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field, SecretStr, field_validator

from toolkit.errors import ConfigError
from toolkit.stages.component import Options

__all__ = ["WebOptions"]

_PROXIES = ("http://", "socks4://", "socks4a://", "socks5://", "socks5h://")


class WebOptions(Options):
    """How to fetch from the web: tries, pace, limits, and who we are."""

    # They say how to fetch, not what.
    neutral: ClassVar[frozenset[str]] = frozenset(
        {
            "allow_private_hosts",
            "backoff_s",
            "burst",
            "bytes_per_s",
            "cookies",
            "host_downloads",
            "max_duration_s",
            "max_size_bytes",
            "pause_s",
            "proxy",
            "requests_per_s",
            "retries",
            "timeout_s",
            "user_agent",
        }
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
    host_downloads: int = Field(
        2,
        ge=1,
        le=256,
        description="Files fetched at once from one host; [execution] download_threads is the "
        "limit for all hosts together.",
    )
    requests_per_s: float = Field(
        0.0, ge=0, description="Most requests a second to one host, on average; 0: no limit."
    )
    burst: int = Field(
        10, ge=1, description="Requests that may follow each other at once, with requests_per_s."
    )
    pause_s: float = Field(
        0.0, ge=0, le=3600, description="Pause between two files of one host in seconds."
    )
    bytes_per_s: int = Field(
        0, ge=0, description="Most bytes a second from one host; 0: as fast as it goes."
    )
    max_size_bytes: int = Field(
        50_000_000_000, ge=0, description="Larger videos are refused; 0: any size."
    )
    max_duration_s: float = Field(
        86_400.0, ge=0, description="Longer videos are refused, in seconds; 0: any length."
    )
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

    def cookies_text(self, base: Path) -> str:
        """What the cookies file holds, "" if none is named.

        Raises:
            ConfigError: It cannot be read.
        """
        if not self.cookies:
            return ""
        try:
            return (base / Path(self.cookies).expanduser()).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"The cookies file {self.cookies} cannot be read: {error}.",
                hint="Change cookies in [download].",
            ) from error
