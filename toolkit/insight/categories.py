"""What whole videos are about: their scenes' tags, weighed by time, up the vocabulary's tree."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from toolkit.insight import columns, results, reviews
from toolkit.records import Analysis, Run, Scene, Tag, Video, Vocabulary
from toolkit.stages.store import Store

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Category", "categories", "found_in", "suggestions"]

Tagged = tuple[Scene, Sequence[Tag]]
_EXAMPLES = 5


@dataclass
class Category:
    """A category of one video.

    Attributes:
        name: A label of the vocabulary, or a tag that stands in none.
        parent: The category that it is a kind of; "" at the top.
        level: How many are above it.
        seconds: How long its scenes last.
        weight_s: The same, each scene counting by the best score of its tags.
        share: ``weight_s`` by the length of all scenes, 0 to 1.
        scenes: The scenes behind it, in order.
        labels: The tags behind it, with their own ``weight_s``.
        reviewed: Whether people's word is among them.
    """

    name: str
    parent: str
    level: int
    seconds: float = 0.0
    weight_s: float = 0.0
    share: float = 0.0
    scenes: list[Scene] = field(default_factory=list)
    labels: dict[str, float] = field(default_factory=dict)
    reviewed: bool = False


def weighed(
    scenes: Iterable[Tagged],
    whole: Sequence[Tag],
    rejected: Collection[str],
    vocabulary: Vocabulary,
) -> list[Category]:
    """The categories of a video: the heaviest first, each followed by those below it.

    Args:
        scenes: Its scenes with their tags.
        whole: Its own tags, which hold for every scene.
        rejected: Labels that people rejected for the whole video, in lower case.
        vocabulary: The tree.
    """
    found: dict[str, Category] = {}
    total_s = 0.0
    for scene, tags in scenes:
        total_s += scene.duration_s
        best: dict[str, float] = {}
        for tag in [*tags, *whole]:
            if tag.label.casefold() in rejected:
                continue
            for category in _above(tag.label, vocabulary, found):
                if category.name.casefold() in rejected:
                    continue
                best[category.name] = max(tag.score, best.get(category.name, 0.0))
                own = category.labels.get(tag.label, 0.0)
                category.labels[tag.label] = own + tag.score * scene.duration_s
                category.reviewed |= tag.tagger == reviews.BY
        for name, score in best.items():
            category = found[name]
            category.seconds += scene.duration_s
            category.weight_s += score * scene.duration_s
            category.scenes.append(scene)
    kept = {name: category for name, category in found.items() if category.scenes}
    for category in kept.values():
        category.share = category.weight_s / total_s if total_s else 0.0
        category.labels = dict(sorted(category.labels.items(), key=lambda one: -one[1]))
    return list(_in_order(kept))


def _above(label: str, vocabulary: Vocabulary, found: dict[str, Category]) -> list[Category]:
    """The categories that a label counts for."""
    way = [one.name for one in vocabulary.above(label)] or [label]
    for place, name in enumerate(way):
        parent = way[place + 1] if place + 1 < len(way) else ""
        found.setdefault(name, Category(name, parent, level=len(way) - 1 - place))
    return [found[name] for name in way]


def _in_order(found: dict[str, Category], parent: str = "") -> Iterator[Category]:
    below = [
        one
        for one in found.values()
        if one.parent == parent or (not parent and one.parent not in found)
    ]
    for category in sorted(below, key=lambda one: (-one.share, one.name)):
        yield category
        yield from _in_order(found, category.name)


def found_in(
    store: Store, run: Run, videos: Sequence[Video]
) -> Iterator[tuple[Video, list[Category]]]:
    """Each video with its categories, people's word included."""
    whole = results.video_tags_of(store, run, videos)
    words = results.words_on(store, [video.id for video in videos])
    for video in videos:
        said = words.get(video.id, ())
        gone = [one.name.strip() for one in said if one.action == "reject"]
        labels = map(run.lineage.vocabulary.find, gone)
        rejected = {
            (label.name if label else name).casefold()
            for name, label in zip(gone, labels, strict=True)
        }
        tagged: list[Tagged] = []
        for part in results.parts_of(results.scenes_of(store, run, [video])):
            tags = results.tags_on(store, run, part)
            tagged += [(scene, tags[scene.id]) for scene in part]
        yield video, weighed(tagged, whole[video.id], rejected, run.lineage.vocabulary)


def categories(store: Store, run: Run) -> pl.DataFrame:
    """One row a category of a video: the heaviest first, each followed by those below it.

    A scene weighs its length times the best score of its tags in the category; ``share`` is out of
    the length of all scenes. ``labels`` are the tags behind it with their own weights, ``scenes``
    and ``scene_ids`` the scenes. A tag that is in no vocabulary is a category of its own.
    """
    import polars as pl

    videos = results.videos_of(store, run)
    titles = results.titles_of(videos, results.sources_of(store, run))
    rows: list[list[Any]] = [
        [
            video.id,
            titles[video.id],
            video.path,
            one.name,
            one.parent or None,
            one.level,
            one.share,
            one.weight_s,
            one.seconds,
            [{"label": label, "weight_s": weight_s} for label, weight_s in one.labels.items()],
            one.reviewed,
            [scene.index for scene in one.scenes],
            [scene.id for scene in one.scenes],
        ]
        for video, found in found_in(store, run, videos)
        for one in found
    ]
    schema = {
        "video_id": pl.String(),
        "title": pl.String(),
        "path": pl.String(),
        "category": pl.String(),
        "parent": pl.String(),
        "level": pl.Int64(),
        "share": pl.Float64(),
        "weight_s": pl.Float64(),
        "seconds": pl.Float64(),
        "labels": pl.List(pl.Struct({"label": pl.String(), "weight_s": pl.Float64()})),
        "reviewed": pl.Boolean(),
        "scenes": pl.List(pl.Int64()),
        "scene_ids": pl.List(pl.String()),
    }
    return columns.frame(rows, schema)


def suggestions(store: Store, run: Run) -> pl.DataFrame:
    """One row a tag that analyzers proposed and the vocabulary lacks, the most frequent first.

    ``share`` is the share of all scenes' time that its scenes have; ``scene_ids`` are the first of
    them. Scenes where a person rejected the tag do not count.
    """
    import polars as pl

    vocabulary = run.lineage.vocabulary
    found: dict[str, list[Scene]] = {}
    total_s = 0.0
    for part in results.parts_of(results.scenes_of(store, run, results.videos_of(store, run))):
        words = results.reviews_of(store, part)
        said = results.answers_of(store, run, part, words)
        for scene in part:
            total_s += scene.duration_s
            rejected = {
                one.name.strip().casefold()
                for one in words[scene.id]
                if (one.target, one.action) == ("tag", "reject")
            }
            for tag in Analysis.of(scene.id, said[scene.id]).proposed:
                if vocabulary.find(tag) is None and tag not in rejected:
                    found.setdefault(tag, []).append(scene)
    rows: list[list[Any]] = []
    for tag, scenes in found.items():
        seconds = sum(scene.duration_s for scene in scenes)
        videos = {scene.video_id for scene in scenes}
        examples = [scene.id for scene in scenes[:_EXAMPLES]]
        share = seconds / total_s if total_s else 0.0
        rows.append([tag, len(scenes), len(videos), seconds, share, examples])
    rows.sort(key=lambda row: (-row[1], -row[3], row[0]))
    schema = {
        "tag": pl.String(),
        "scenes": pl.Int64(),
        "videos": pl.Int64(),
        "seconds": pl.Float64(),
        "share": pl.Float64(),
        "scene_ids": pl.List(pl.String()),
    }
    return columns.frame(rows, schema)
