"""For how long what is made from videos is kept."""

from __future__ import annotations

from pydantic import Field

from toolkit.config.section import Section

__all__ = ["Retention"]


class Retention(Section):
    """Days after which `toolkit purge` removes things, by kind; 0 keeps them for ever."""

    keep_originals_days: float = Field(
        0.0, ge=0, description="Days that downloaded videos are kept; 0: for ever."
    )
    keep_thumbnails_days: float = Field(
        0.0, ge=0, description="Days that thumbnails are kept; 0: for ever."
    )
    keep_cache_days: float = Field(
        0.0,
        ge=0,
        description="Days that caches, unfinished downloads and uploads, and the workspace's own "
        "clips and exports are kept; 0: for ever.",
    )
    keep_results_days: float = Field(
        0.0,
        ge=0,
        description="Days after the last run with a video that all that is known about it is "
        "kept, its files included; 0: for ever.",
    )
    keep_runs_days: float = Field(
        0.0,
        ge=0,
        description="Days that runs with their failures and logs are kept. Results are looked at "
        "through runs: keep these as long. 0: for ever.",
    )
