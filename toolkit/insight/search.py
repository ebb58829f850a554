"""Search over what was said about scenes, as a Polars frame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from toolkit.insight import boundaries, columns, results, reviews
from toolkit.records import Answer, Review, Scene, Source, Video
from toolkit.stages.store import Hit, Store

if TYPE_CHECKING:
    import polars as pl

__all__ = ["search"]

_READ = ("description", "answer")


def search(store: Store, words: str, limit: int = 20) -> pl.DataFrame:
    """The scenes of all runs whose description or answers have all these words, best first.

    Where people corrected a text, theirs is searched, and the machines' is not, whichever run it
    is from. A video of which a summary, chapters or answers have all the words is a row without a
    scene. Text in double quotes is looked for as a phrase. ``snippet`` has the matches in [ ].
    """
    import polars as pl

    hits, scenes = _search(store, words, limit)
    ids = list({hit.video_id for hit in hits})
    videos = store.find(Video, id=ids)
    titles = results.titles_of(videos, store.find(Source, video_id=ids))
    paths = {video.id: video.path for video in videos}
    rows: dict[str, tuple[object, ...]] = {}
    for hit in hits:
        place = (hit.video_id, titles.get(hit.video_id), paths.get(hit.video_id))
        for one in scenes.get(hit.scene_id or "", ()):
            span = (one.index, one.start_s, one.end_s)
            rows.setdefault(one.id, (*place, *span, hit.snippet, one.id))
        if not hit.scene_id and hit.video_id in paths:
            rows[hit.video_id] = (*place, None, None, None, hit.snippet, None)
    schema = {
        **columns.place(),
        "snippet": pl.String(),
        "scene_id": pl.String(),
    }
    return pl.DataFrame([*rows.values()][: max(0, limit)], schema=schema, orient="row")


def _search(store: Store, words: str, limit: int) -> tuple[Sequence[Hit], dict[str, list[Scene]]]:
    """Hits in texts that still hold, and the scenes that each one's scene is shown as.

    The store knows nothing of what reviews replace: what turns out to be replaced is left out of
    another search. A search that finds nothing new to leave out is the last.
    """
    without: set[str] = set()
    reach = limit
    while True:
        hits = store.search(words, limit=reach, without=without)
        ever = store.find(Review, video_id=list({hit.video_id for hit in hits}))
        scenes = _shown(store, [hit.scene_id for hit in hits if hit.scene_id], ever)
        texts = [review for review in ever if review.target in _READ]
        stale = _stale(store, texts, scenes) - without if texts else set()
        if not stale:
            return hits, _everywhere(store, hits, texts, scenes)
        without |= stale
        reach *= 2  # so that thousands of replaced texts do not take hundreds of searches


def _shown(store: Store, ids: Iterable[str], ever: Sequence[Review]) -> dict[str, list[Scene]]:
    """The scenes with these ids, as people bounded them: id -> the scenes it is shown as."""
    ids = list(ids)
    known = {one.id: one for one in store.find(Scene, id=[reviews.origin(id_) for id_ in ids])}
    bounds: dict[str, list[Review]] = {}
    for review in ever:
        if review.target == "boundary":
            bounds.setdefault(review.video_id, []).append(review)
    lines: dict[tuple[str, str], list[Scene]] = {}
    for one in store.stream(Scene, video_id=list(bounds)) if bounds else ():
        lines.setdefault((one.video_id, one.detector), []).append(one)
    lines = {key: boundaries.bounded(line, bounds[key[0]]) for key, line in lines.items()}
    shown: dict[str, list[Scene]] = {}
    for id_ in ids:
        scene = known.get(reviews.origin(id_))
        line = lines.get((scene.video_id, scene.detector)) if scene else None
        if scene and line:
            middle_s = (scene.start_s + scene.end_s) / 2
            same = [one for one in line if one.id == id_]
            shown[id_] = same or [one for one in line if one.start_s <= middle_s < one.end_s]
        elif scene:
            shown[id_] = [scene]
    return shown


def _stale(store: Store, texts: Sequence[Review], scenes: dict[str, list[Scene]]) -> set[str]:
    """The ids of answers and reviews that reviews replace in these scenes."""
    shown = {one.id: one for found in scenes.values() for one in found}
    ever = reviews.matched(texts, shown.values())
    about = {id_: words for id_, words in ever.items() if words}
    said: dict[str, list[Answer]] = {}
    machines = [reviews.origin(id_) for id_ in about]
    for answer in store.stream(Answer, scene_id=machines, kind=["description", "question"]):
        said.setdefault(answer.scene_id, []).append(answer)
    old: set[str] = set()
    kept: set[str] = set()
    for id_, words in about.items():
        wins = reviews.winners(words)
        answers = said.get(reviews.origin(id_), [])
        stand = {one.id for one in reviews.said(shown[id_], answers, wins)}
        stand |= {review.id for review in wins}
        kept |= stand
        old |= {one.id for one in (*answers, *words)} - stand
    return old - kept


def _everywhere(
    store: Store, hits: Sequence[Hit], texts: Sequence[Review], scenes: dict[str, list[Scene]]
) -> dict[str, list[Scene]]:
    """The same, and where a hit is in a review, also the scenes of other detectors it is about."""
    of = {hit.scene_id: hit for hit in hits}
    told = [one for one in texts if one.scene_id in of and _is_in(of[one.scene_id], one)]
    others = store.find(Scene, video_id=list({one.video_id for one in told})) if told else []
    known = {one.id: one for one in others}
    more = {scene_id: list(shown) for scene_id, shown in scenes.items()}
    for id_, words in reviews.matched(told, others).items():
        for review in words:
            at = more.setdefault(review.scene_id or "", [])
            if known[id_].detector not in {one.detector for one in at}:
                at.append(known[id_])
    return more


def _is_in(hit: Hit, review: Review) -> bool:
    """Whether the words that a hit shows are a review's."""
    if review.action not in ("accept", "edit", "add") or not isinstance(review.value, str):
        return False
    marks = str.maketrans("", "", "[]…")
    shown, told = (" ".join(text.translate(marks).split()) for text in (hit.snippet, review.value))
    return shown in told
