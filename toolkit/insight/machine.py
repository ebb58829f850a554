"""What machines alone found in a run: its rows without anybody's review.

Views take :mod:`toolkit.insight.results`, which applies reviews to these.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from toolkit.records import Answer, Run, Scene, Tag, Video
from toolkit.stages.store import Store

__all__ = ["answers_of", "scenes_of", "tags_on", "video_tags_of"]


def scenes_of(store: Store, run: Run, videos: Iterable[Video]) -> Iterator[Scene]:
    """The scenes that the run's detector found in these videos: video by video, in order."""
    for video in videos:
        yield from store.stream(Scene, video_id=video.id, detector=run.lineage.detector)


def answers_of(store: Store, run: Run, scenes: Iterable[str]) -> dict[str, tuple[Answer, ...]]:
    """What the run's analyzers said about scenes with these ids: id -> answers, in order asked."""
    asked = {pair: i for i, pair in enumerate(run.lineage.asks)}
    found: dict[str, list[Answer]] = {scene_id: [] for scene_id in scenes}
    for answer in store.stream(
        Answer,
        scene_id=list(found),
        analyzer=list({analyzer for analyzer, _ in asked}),
        ask=list({ask for _, ask in asked}),
    ):
        if (answer.analyzer, answer.ask) in asked:
            found[answer.scene_id].append(answer)
    return {
        scene_id: tuple(sorted(answers, key=lambda one: asked[one.analyzer, one.ask]))
        for scene_id, answers in found.items()
    }


def tags_on(store: Store, run: Run, scenes: Iterable[str]) -> dict[str, list[Tag]]:
    """The tags that the run's taggers gave scenes with these ids: id -> tags, best first."""
    found: dict[str, list[Tag]] = {scene_id: [] for scene_id in scenes}
    generations = list(run.lineage.generations)
    for tag in store.stream(Tag, scene_id=list(found), generation=generations):
        found[tag.scene_id or ""].append(tag)
    for tags in found.values():
        tags.sort(key=lambda tag: (-tag.score, tag.label))
    return found


def video_tags_of(store: Store, run: Run, videos: Iterable[Video]) -> dict[str, list[Tag]]:
    """The tags that the run's taggers gave whole videos: video id -> tags, best first."""
    found: dict[str, list[Tag]] = {video.id: [] for video in videos}
    generations = list(run.lineage.generations)
    for tag in store.stream(Tag, video_id=list(found), scene_id=None, generation=generations):
        found[tag.video_id].append(tag)
    for tags in found.values():
        tags.sort(key=lambda tag: (-tag.score, tag.label))
    return found
