"""A whole workspace at a glance, and frames that can be read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.execution.looking import open_store
from toolkit.hooks.manager import configure
from toolkit.insight import counts, frames, videos
from toolkit.records import Run

if TYPE_CHECKING:
    import polars as pl

__all__ = ["overview", "readable"]


def overview(
    *,
    config: str | os.PathLike[str] | None = None,
    workspace: str | os.PathLike[str] | None = None,
) -> pl.DataFrame:
    """One row a video of the workspace, as the latest run with it sees it; see ``run.overview``.

    Args:
        config: A config file, as for :func:`toolkit.analyze`.
        workspace: Where the results are.
    """
    import polars as pl

    arguments = {"paths": {"workspace": Path(workspace).absolute()}} if workspace else {}
    settings, plugins, _ = configure(config, arguments)
    with open_store(settings, plugins) as store:
        runs = sorted(store.find(Run), key=lambda run: run.started_at, reverse=True)
        found = [
            counts.overview(
                videos.videos(store, run), frames.scenes(store, run), frames.failures(store, run)
            ).with_columns(pl.lit(run.id).alias("run"))
            for run in runs or [Run(id="none")]
        ]
    return pl.concat(found).unique("video_id", keep="first", maintain_order=True)


def readable(*, characters: int = 500, rows: int = 25) -> pl.Config:
    """Make Polars show whole descriptions and lists of tags.

    It holds from the call on; in a ``with`` block until its end. Importing the toolkit changes
    nothing of Polars, and ``polars.Config.restore_defaults()`` takes this back.

    Args:
        characters: Most of a text that is shown.
        rows: Most rows of a frame that are shown.
    """
    import polars as pl

    return pl.Config(fmt_str_lengths=characters, tbl_rows=rows, fmt_table_cell_list_len=12)
