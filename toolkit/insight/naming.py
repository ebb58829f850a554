"""Which run, and which video, a person means by a word."""

from __future__ import annotations

import os

from toolkit.errors import SourceError, StoreError, choices
from toolkit.insight import results
from toolkit.records import Run, RunSource, Source, Video
from toolkit.sources import expand
from toolkit.stages.store import Store

__all__ = ["latest_with", "run_called", "run_or_video", "video_called"]

_CLEAR = 4  # an id is not shortened further: fewer characters are more likely a typing error


def run_called(store: Store, name: str) -> Run:
    """The run that a person means by its id, the start of it, or ``last``.

    Raises:
        StoreError: There is none, or several.
    """
    rows = sorted(store.find(Run), key=lambda run: run.started_at)
    if name == "last" and rows:
        return rows[-1]
    fits = [run for run in rows if run.id == name]
    fits = fits or [run for run in rows if len(name) >= _CLEAR and run.id.startswith(name)]
    if len(fits) == 1:
        return fits[0]
    if fits:
        ids = ", ".join(run.id for run in fits[:5])
        raise StoreError(f"{len(fits)} runs begin with '{name}'.", hint=f"Among them: {ids}.")
    raise StoreError(
        f"There is no run '{name}'." if rows else "There is no run yet.",
        hint="See: toolkit runs" if rows else "Make one with: toolkit analyze",
    )


def video_called(store: Store, run: Run, name: str) -> Video:
    """The run's video with this title, path or link, or with this id or start of it.

    Raises:
        SourceError: The run has none, or several.
    """
    videos = results.videos_of(store, run)
    sources = results.sources_of(store, run)
    titles = results.titles_of(videos, sources)
    linked = {one.video_id for one in sources if one.uri == name}
    found = [
        one
        for one in videos
        if name in (titles[one.id], one.path) or one.id in linked or _begins(one, name)
    ]
    if len(found) != 1:
        what = "several videos" if found else "no video"
        raise SourceError(
            f"The run {run.id} has {what} called '{name}'.", hint=choices(name, titles.values())
        )
    return found[0]


def latest_with(store: Store, video: str | os.PathLike[str] | Video) -> tuple[Run, str]:
    """The latest run that has a video, and the video's id.

    Args:
        store: Where to look.
        video: Its record, path, link, or its id or the start of it.

    Raises:
        SourceError: No run has it, or several videos are meant.
    """
    name = video.id if isinstance(video, Video) else os.fspath(video)
    ids = {video.id} if isinstance(video, Video) else _ids(store, name)
    if len(ids) > 1:
        raise SourceError(f"{len(ids)} videos are called '{name}'.", hint="Write more of its id.")
    if found := _latest(store, ids):
        return found
    raise SourceError(f"No run has the video '{name}'.", hint="Analyze it first.")


def run_or_video(store: Store, name: str) -> tuple[Run, str | None]:
    """The run that is meant; or the latest run with the video that is meant, and the video's id.

    Raises:
        StoreError: There is none, or several.
    """
    try:
        return run_called(store, name), None
    except StoreError as error:
        ids = _ids(store, name)
        if len(ids) < 2 and (found := _latest(store, ids)):
            return found
        reason = "There are several videos" if len(ids) > 1 else "There is no run or video"
        raise StoreError(f"{reason} '{name}'.", hint=error.hint) from None


def _ids(store: Store, name: str) -> set[str]:
    given = [one.id for one in expand([name]) if isinstance(one, Source)]
    found = {one.video_id for one in store.find(Source, id=given) if one.video_id}
    return found or {one.id for one in store.stream(Video) if _begins(one, name)}


def _latest(store: Store, ids: set[str]) -> tuple[Run, str] | None:
    ways = store.find(RunSource, video_id=[*ids])
    if not ways:
        return None
    runs = store.find(Run, id=[way.run_id for way in ways])
    newest = max(runs, key=lambda run: run.started_at)
    return newest, next(way.video_id for way in ways if way.run_id == newest.id and way.video_id)


def _begins(video: Video, name: str) -> bool:
    return video.id == name or (len(name) >= _CLEAR and video.id.startswith(name))
