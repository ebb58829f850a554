"""Where videos came from, who asked for them and under which licence: into every export."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from toolkit.exchange.texts import one_line
from toolkit.records import Source, Video
from toolkit.stages.store import Store

if TYPE_CHECKING:
    import polars as pl

__all__ = ["NAMES", "joined", "provenance_of"]

NAMES = ("source", "uploader", "licence", "requested_by", "requested_at")


def provenance_of(store: Store, videos: Iterable[Video]) -> dict[str, dict[str, str]]:
    """What is known of each video by its id: some of :data:`NAMES`.

    Of several sources with the same bytes, the one that was asked for first.
    """
    given = list(videos)
    first: dict[str | None, Source] = {}
    for source in store.stream(Source, video_id=[video.id for video in given]):
        known = first.setdefault(source.video_id, source)
        if source.requested_at < known.requested_at:
            first[source.video_id] = source
    found: dict[str, dict[str, str]] = {}
    for video in given:
        told = found[video.id] = {}
        if one := first.get(video.id):
            told["source"] = one.uri
            told["requested_by"] = one.requested_by
            told["requested_at"] = one.requested_at.isoformat(timespec="seconds")
        info = {**video.info, **(one.info if one else {})}
        said = {name: info.get(name) for name in ("uploader", "licence")}
        told |= {name: one_line(str(value)) for name, value in said.items() if value}
        found[video.id] = {name: told[name] for name in NAMES if told.get(name)}
    return found


def joined(frame: pl.DataFrame, known: dict[str, dict[str, str]]) -> pl.DataFrame:
    """A table with a column for each of :data:`NAMES` that it does not have itself."""
    import polars as pl

    if "video_id" not in frame.columns:
        return frame
    ids = frame["video_id"].to_list()
    return frame.with_columns(
        pl.Series(name, [known.get(id_ or "", {}).get(name) for id_ in ids], pl.String())
        for name in NAMES
        if name not in frame.columns
    )
