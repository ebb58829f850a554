"""Search over what was said about scenes, as a Polars frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.insight import results
from toolkit.records import Scene, Source, Video
from toolkit.stages.store import Store

if TYPE_CHECKING:
    import polars as pl

__all__ = ["search"]


def search(store: Store, words: str, limit: int = 20) -> pl.DataFrame:
    """The scenes of all runs whose description or answers have all these words, best first.

    A video of which a summary, chapters or answers have all the words is a row without a scene.
    Text in double quotes is looked for as a phrase. ``snippet`` has the matches in [ ].
    """
    import polars as pl

    hits = store.search(words, limit=limit)
    scenes = {
        one.id: one for one in store.find(Scene, id=[hit.scene_id for hit in hits if hit.scene_id])
    }
    ids = list({hit.video_id for hit in hits})
    videos = store.find(Video, id=ids)
    titles = results.titles_of(videos, store.find(Source, video_id=ids))
    paths = {video.id: video.path for video in videos}
    rows = [
        (
            hit.video_id,
            titles.get(hit.video_id),
            paths.get(hit.video_id),
            scene and scene.index,
            scene and scene.start_s,
            scene and scene.end_s,
            hit.snippet,
            hit.scene_id,
        )
        for hit in hits
        if (scene := scenes.get(hit.scene_id or "")) or (not hit.scene_id and hit.video_id in paths)
    ]
    schema = {
        "video_id": pl.String(),
        "title": pl.String(),
        "path": pl.String(),
        "index": pl.Int64(),
        "start_s": pl.Float64(),
        "end_s": pl.Float64(),
        "snippet": pl.String(),
        "scene_id": pl.String(),
    }
    return pl.DataFrame(rows, schema=schema, orient="row")
