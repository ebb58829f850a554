"""Reviews as Polars frames: who said what, and how far reviewers agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

from toolkit.insight import columns, results
from toolkit.insight.reviews import counting, key_of, matched
from toolkit.records import Review, Run, Scene
from toolkit.stages.store import Store

if TYPE_CHECKING:
    import polars as pl

__all__ = ["agreement", "kappa", "reviews", "verdict"]

Item = tuple[str, str, str]
"""What is judged: scene (or video), target, name."""


def verdict(review: Review) -> str:
    """What a review comes to, to be compared with others about the same thing.

    A tag holds or does not. A sentiment and an answer have a value, which may be rejected. Two
    people seldom write the same text: of descriptions it counts whether they stand.
    """
    if review.target == "tag":
        return "holds" if review.action in ("accept", "add") else "does not hold"
    if review.target in ("description", "boundary"):
        return review.action
    value = columns.as_json(review.value).casefold()
    return f"not {value}" if review.action == "reject" else value


def kappa(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Cohen's kappa of two people's verdicts about the same things.

    That is (observed - expected) / (1 - expected) agreement, where what is expected follows from
    how often each of them gives each verdict; 1: they always agree, 0: as often as chance would
    have it. None where there is nothing, or where both give one and the same verdict alone.
    (J. Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological
    Measurement 20, 1960, https://doi.org/10.1177/001316446002000104)
    """
    if not pairs:
        return None
    total = len(pairs)
    observed = sum(one == two for one, two in pairs) / total
    first, second = (Counter(pair[who] for pair in pairs) for who in (0, 1))
    expected = sum(count * second[word] for word, count in first.items()) / total**2
    return None if expected == 1 else (observed - expected) / (1 - expected)


def reviews(store: Store, run: Run) -> pl.DataFrame:
    """One row a review of the run's videos, in the order they were made.

    ``index``, ``start_s`` and ``end_s`` are those of the run's scene that it is about; where there
    is none any more, ``index`` is null, and the times are those the reviewer saw. All are null
    where it is about the whole video. ``value`` is JSON. ``counts``: it is the reviewer's latest
    word on this, and not withdrawn. ``conflict``: another reviewer's word that counts says
    otherwise.
    """
    import polars as pl

    found = results.videos_of(store, run)
    titles = results.titles_of(found, results.sources_of(store, run))
    paths = {video.id: video.path for video in found}
    ever = store.find(Review, video_id=list(paths))
    scenes = list(results.scenes_of(store, run, found)) if ever else []
    items, places = _items(ever, scenes)
    valid: set[str] = set()
    conflicts: set[str] = set()
    for words in items.values():
        count = counting(words)
        valid |= {review.id for review in count}
        if len({verdict(review) for review in count}) > 1:
            conflicts |= {review.id for review in count}
    rows = []
    for review in sorted(ever, key=lambda one: one.at):
        scene = places.get(review.id)
        rows.append(
            (
                review.video_id,
                titles[review.video_id],
                paths[review.video_id],
                scene and scene.index,
                *_span(review, scene),
                review.target,
                review.action,
                review.name,
                None if review.value is None else columns.as_json(review.value),
                review.reviewer,
                review.at,
                review.id in valid,
                review.id in conflicts,
                scene.id if scene else review.scene_id,
                review.id,
            )
        )
    schema = {
        **columns.place(),
        "target": pl.String(),
        "action": pl.String(),
        "name": pl.String(),
        "value": pl.String(),
        "reviewer": pl.String(),
        "at": pl.Datetime("us", "UTC"),
        "counts": pl.Boolean(),
        "conflict": pl.Boolean(),
        "scene_id": pl.String(),
        "review_id": pl.String(),
    }
    return columns.frame(rows, schema)


def _span(review: Review, scene: Scene | None) -> tuple[float | None, float | None]:
    if scene:
        return scene.start_s, scene.end_s
    return (None, None) if review.scene_id is None else (review.start_s, review.end_s)


def agreement(store: Store, run: Run) -> pl.DataFrame:
    """One row for every two reviewers and kind of thing that both judged.

    ``items`` is how many things both judged, ``conflicts`` how many of them differently;
    ``agreement`` is the share of the others, and ``kappa`` is :func:`kappa`.
    """
    import polars as pl

    found = results.videos_of(store, run)
    ever = store.find(Review, video_id=[video.id for video in found])
    scenes = list(results.scenes_of(store, run, found)) if ever else []
    items, _ = _items(ever, scenes)
    pairs: dict[tuple[str, str, str], list[tuple[str, str]]] = {}
    for (_, target, _), words in items.items():
        said = {review.reviewer: verdict(review) for review in counting(words)}
        for one, two in combinations(sorted(said), 2):
            pairs.setdefault((one, two, target), []).append((said[one], said[two]))
    rows = []
    for (one, two, target), given in sorted(pairs.items()):
        same = sum(first == second for first, second in given)
        rows.append(
            (one, two, target, len(given), len(given) - same, same / len(given), kappa(given))
        )
    schema = {
        "reviewer_a": pl.String(),
        "reviewer_b": pl.String(),
        "target": pl.String(),
        "items": pl.Int64(),
        "conflicts": pl.Int64(),
        "agreement": pl.Float64(),
        "kappa": pl.Float64(),
    }
    return columns.frame(rows, schema)


def _items(
    ever: Iterable[Review], scenes: Sequence[Scene]
) -> tuple[dict[Item, list[Review]], dict[str, Scene]]:
    """All reviews by what they are about, and each one's scene among these."""
    ever = list(ever)
    known = {scene.id: scene for scene in scenes}
    places: dict[str, Scene] = {}
    items: dict[Item, list[Review]] = {}
    for scene_id, words in matched(ever, scenes).items():
        for review in words:
            places.setdefault(review.id, known[scene_id])
            if review.target != "boundary":
                items.setdefault((scene_id, *key_of(review)), []).append(review)
    for review in ever:
        if review.target == "boundary" or review.scene_id is None:
            items.setdefault((review.video_id, *key_of(review)), []).append(review)
        elif review.id not in places:
            items.setdefault((review.scene_id, *key_of(review)), []).append(review)
    return items, places
