"""Whole videos as Polars frames: what they are, and what was said about them."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from toolkit.insight import columns, results
from toolkit.records import Run, RunSource, Video
from toolkit.stages.store import Store

if TYPE_CHECKING:
    import polars as pl

__all__ = ["chapters", "statements", "videos"]

_SAID = {
    "uploader": "uploader",
    "upload_date": "upload_date",
    "licence": "licence",
    "webpage_url": "webpage_url",
    "site_description": "description",
}
"""Columns, and what sites call it in the video's ``info``."""


def videos(store: Store, run: Run) -> pl.DataFrame:
    """One row a video, in the order of the run's sources.

    ``title`` is the site's, or the file's name. ``sources`` are all the links and paths of this
    run that led to the same bytes. What else the site says (``uploader``, ``upload_date``,
    ``licence``, ``webpage_url``, ``site_description``, and ``subtitle_files`` by language) is null
    for files that were not downloaded. ``summary`` is null where none was asked for; every question
    about whole videos has a column with its words as its name. All metadata of the Video record
    follow, then ``scenes`` (how many there are) and ``reused`` (how many of them needed no work in
    this run).
    """
    import polars as pl

    found = results.videos_of(store, run)
    sources = results.sources_of(store, run)
    titles = results.titles_of(found, sources)
    uris: dict[str | None, list[str]] = {}
    for source in sources:
        uris.setdefault(source.video_id, []).append(source.uri)
    scenes: dict[str | None, int] = {}
    reused: dict[str | None, int] = {}
    for way in store.find(RunSource, run_id=run.id):
        # Sources with the same bytes have the same scenes, which are not counted twice.
        scenes[way.video_id] = max(way.scenes, scenes.get(way.video_id, 0))
        reused[way.video_id] = max(way.reused, reused.get(way.video_id, 0))
    metadata = columns.schema(Video, leave_out=["id", "info"])
    written = results.syntheses_of(store, run, found)
    said = {id_: {(one.kind, one.name): one.text for one in all_} for id_, all_ in written.items()}
    questions = list(
        dict.fromkeys(n for texts in said.values() for kind, n in texts if kind == "question")
    )
    rows = []
    for video in found:
        data = video.model_dump()
        data["tags"] = [{"key": key, "value": value} for key, value in video.tags.items()]
        facts = [data[name] for name in metadata]
        said_by_site = [_text(video.info.get(name)) for name in _SAID.values()]
        words = said[video.id]
        first = [video.id, titles[video.id], uris.get(video.id, []), words.get(("summary", ""))]
        first += [words.get(("question", question)) for question in questions]
        counts = [scenes[video.id], reused[video.id]]
        rows.append([*first, *facts, *said_by_site, _subtitles(video), *counts])
    schema = {
        "video_id": pl.String(),
        "title": pl.String(),
        "sources": pl.List(pl.String()),
        "summary": pl.String(),
    }
    language = pl.Struct({"key": pl.String(), "value": pl.String()})
    after = {
        **metadata,
        **dict.fromkeys(_SAID, pl.String()),
        "subtitle_files": pl.List(language),
        "scenes": pl.Int64(),
        "reused": pl.Int64(),
    }
    schema |= {
        columns.free(question, schema.keys() | after.keys()): pl.String() for question in questions
    }
    schema |= after
    return columns.frame(rows, schema)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _subtitles(video: Video) -> list[dict[str, str]] | None:
    found = video.info.get("subtitles")
    if not isinstance(found, dict):
        return None
    folder = PurePath(video.path).parent
    return [{"key": key, "value": str(folder / str(name))} for key, name in found.items()]


def chapters(store: Store, run: Run) -> pl.DataFrame:
    """One row a chapter, video by video, in order.

    A video's chapters follow each other without a gap, from its first scene to its last.
    ``scenes`` are the indices of a chapter's scenes. ``cited`` is false where the analyzer gave
    no chapter that could be read: the title is then made of the scenes' numbers.
    """
    import polars as pl

    videos = results.videos_of(store, run)
    titles = results.titles_of(videos, results.sources_of(store, run))
    written = results.syntheses_of(store, run, videos)
    rows = [
        (
            video.id,
            titles[video.id],
            video.path,
            index,
            chapter.start_s,
            chapter.end_s,
            chapter.text,
            list(chapter.scenes),
            chapter.cited,
            list(chapter.scene_ids),
        )
        for video in videos
        for one in written[video.id]
        if one.kind == "chapters"
        for index, chapter in enumerate(one.statements)
    ]
    schema = {
        **columns.place(),
        "chapter": pl.String(),
        "scenes": pl.List(pl.Int64()),
        "cited": pl.Boolean(),
        "scene_ids": pl.List(pl.String()),
    }
    return columns.frame(rows, schema)


def statements(store: Store, run: Run) -> pl.DataFrame:
    """One row a sentence of the videos' summaries and answers, with the scenes it rests on.

    ``kind`` is "summary" or "question", ``name`` the question's words. ``spans`` are the scenes'
    times in seconds, neighbours joined. Where the analyzer named no scene, ``cited`` is false, and
    the scenes are all those that it was shown for the sentence.
    """
    import polars as pl

    videos = results.videos_of(store, run)
    titles = results.titles_of(videos, results.sources_of(store, run))
    written = results.syntheses_of(store, run, videos)
    rows = [
        (
            video.id,
            titles[video.id],
            video.path,
            one.kind,
            one.name,
            index,
            sentence.text,
            list(sentence.scenes),
            [{"start_s": start_s, "end_s": end_s} for start_s, end_s in sentence.spans],
            sentence.cited,
            one.plugin,
            one.evidence.model,
            one.evidence.revision,
            one.evidence.finish_reason,
            one.calls,
            one.evidence.tokens_in,
            one.evidence.tokens_out,
            one.evidence.seconds,
            list(sentence.scene_ids),
            one.id,
        )
        for video in videos
        for one in written[video.id]
        if one.kind != "chapters"
        for index, sentence in enumerate(one.statements)
    ]
    schema = {
        "video_id": pl.String(),
        "title": pl.String(),
        "path": pl.String(),
        "kind": pl.String(),
        "name": pl.String(),
        "index": pl.Int64(),
        "text": pl.String(),
        "scenes": pl.List(pl.Int64()),
        "spans": pl.List(pl.Struct({"start_s": pl.Float64(), "end_s": pl.Float64()})),
        "cited": pl.Boolean(),
        "plugin": pl.String(),
        "model": pl.String(),
        "revision": pl.String(),
        "finish_reason": pl.String(),
        "calls": pl.Int64(),
        "tokens_in": pl.Int64(),
        "tokens_out": pl.Int64(),
        "seconds": pl.Float64(),
        "scene_ids": pl.List(pl.String()),
        "synthesis_id": pl.String(),
    }
    return columns.frame(rows, schema)
