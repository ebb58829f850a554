"""How a run's sources stand, while it goes on and afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.insight import columns
from toolkit.records import Run, RunSource, Scene, Video
from toolkit.stages.store import Store

if TYPE_CHECKING:
    import polars as pl

__all__ = ["sources"]


def sources(store: Store, run: Run) -> pl.DataFrame:
    """One row a source: how it stands, its scenes so far, the share of its film that is done.

    ``status`` is "waiting", "running", "done", "failed", "cancelled" or "skipped"; ``share`` is
    0 to 1, and null where the film's length is not known.
    """
    import polars as pl

    rows = [
        [row.uri, *_standing(store, run, row), row.reused, row.video_id]
        for row in store.find(RunSource, run_id=run.id)
    ]
    schema = {
        "source": pl.String(),
        "status": pl.String(),
        "scenes": pl.Int64(),
        "share": pl.Float64(),
        "reused": pl.Int64(),
        "video_id": pl.String(),
    }
    return columns.frame(rows, schema)


def _standing(store: Store, run: Run, row: RunSource) -> tuple[str, int, float | None]:
    if row.status != "pending":
        return row.status, row.scenes, 1.0 if row.status == "done" else None
    if row.video_id is None:
        return "waiting", 0, 0.0
    scenes = store.find(Scene, video_id=row.video_id, detector=run.lineage.detector)
    videos = store.find(Video, id=row.video_id)
    length = videos[0].duration_s if videos else None
    share = None
    if length:
        share = min(1.0, max((scene.end_s for scene in scenes), default=0.0) / length)
    return "running", len(scenes), share
