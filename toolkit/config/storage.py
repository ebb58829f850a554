"""The settings of clouds."""

from __future__ import annotations

from pydantic import Field

from toolkit.config.section import Section
from toolkit.config.values import Uploads, Words

__all__ = ["Storage"]


class Storage(Section):
    """Clouds: where videos are read from, and where a run's files are brought to.

    Credentials come from the environment or from the cloud's own tools, never from this file.
    """

    plugin: Words = Field(
        ("fsspec", "dropbox"),
        description="The storages; the first that knows a URL's scheme is used.",
    )
    to: str = Field(
        "",
        description="URL of a folder that each run's files are brought to at its end, such as "
        "s3://bucket/videos; empty: they stay here.",
    )
    what: Uploads = Field(
        ("thumbnails", "exports"),
        description="What is brought there: originals, clips, thumbnails, exports.",
    )
    threads: int = Field(4, ge=1, le=64, description="Files uploaded at once.")
    retries: int = Field(
        4, ge=0, le=100, description="Tries after the first, where a retry can help."
    )
    backoff_s: float = Field(
        1.0,
        ge=0,
        le=60,
        description="Pause before the first retry in seconds; doubled each time, with chance.",
    )
