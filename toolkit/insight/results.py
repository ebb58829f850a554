"""A run's rows, out of all that a store holds.

A store keeps the results of every run, and runs share what they have in common. A run's lineage
names the fingerprints of its own results: with them the rows are found again, whoever made them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import PurePath

from toolkit.records import Answer, Run, RunSource, Scene, Source, Synthesis, Tag, Video
from toolkit.stages.store import Store, Where

__all__ = [
    "answers_of",
    "parts_of",
    "scenes_of",
    "sources_of",
    "syntheses_of",
    "tags_of",
    "tags_on",
    "titles_of",
    "videos_of",
]

_AT_ONCE = 1000


def videos_of(store: Store, run: Run) -> list[Video]:
    """The run's videos, each once, in the order of the sources they came from."""
    ways = store.find(RunSource, run_id=run.id)
    ids = dict.fromkeys(way.video_id for way in ways if way.video_id)
    found = {video.id: video for video in store.find(Video, id=list(ids))}
    return [found[id_] for id_ in ids if id_ in found]


def sources_of(store: Store, run: Run) -> list[Source]:
    """The run's sources, in order, each with the video that it led to in this run.

    A link may lead elsewhere today: a run's own rows know where it led then.
    """
    ways = store.find(RunSource, run_id=run.id)
    found = {source.id: source for source in store.find(Source, id=[w.source_id for w in ways])}
    return [
        found[way.source_id].model_copy(update={"video_id": way.video_id})
        for way in ways
        if way.source_id in found
    ]


def titles_of(videos: Iterable[Video], sources: Iterable[Source]) -> dict[str, str]:
    """What people call the videos: the title that a site gives, or the name of the file."""
    names: dict[str | None, str] = {}
    titles: dict[str | None, str] = {}
    for source in sources:
        if source.kind == "file":
            names.setdefault(source.video_id, PurePath(source.uri).name)
        title = source.info.get("title")
        if isinstance(title, str) and title.strip():
            titles.setdefault(source.video_id, title.strip())
    return {v.id: titles.get(v.id) or names.get(v.id) or PurePath(v.path).name for v in videos}


def scenes_of(store: Store, run: Run, videos: Iterable[Video]) -> Iterator[Scene]:
    """The scenes that the run's detector found in these videos: video by video, in order."""
    for video in videos:
        yield from store.stream(Scene, video_id=video.id, detector=run.lineage.detector)


def parts_of(scenes: Iterable[Scene]) -> Iterator[list[Scene]]:
    """Scenes in parts of which each can be held in memory with all that was said about it."""
    rest = iter(scenes)
    while part := list(islice(rest, _AT_ONCE)):
        yield part


def answers_of(store: Store, run: Run, scenes: Iterable[Scene]) -> dict[str, tuple[Answer, ...]]:
    """What the run's analyzers said about these scenes: scene id -> answers, in order asked."""
    asked = {pair: i for i, pair in enumerate(run.lineage.asks)}
    found: dict[str, list[Answer]] = {scene.id: [] for scene in scenes}
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


def tags_of(store: Store, run: Run, videos: Iterable[Video], *, whole: bool = False) -> list[Tag]:
    """The tags that the run's taggers gave these videos and their scenes, best first.

    With ``whole`` only those of the videos themselves.
    """
    where: dict[str, Where] = {"video_id": [video.id for video in videos]}
    if whole:
        where["scene_id"] = None
    found = store.find(Tag, generation=list(run.lineage.generations), **where)
    return sorted(found, key=lambda tag: (-tag.score, tag.label))


def tags_on(store: Store, run: Run, scenes: Iterable[Scene]) -> dict[str, list[Tag]]:
    """The tags that the run's taggers gave these scenes: scene id -> tags, best first."""
    found: dict[str, list[Tag]] = {scene.id: [] for scene in scenes}
    generations = list(run.lineage.generations)
    for tag in store.stream(Tag, scene_id=list(found), generation=generations):
        found[tag.scene_id or ""].append(tag)
    for tags in found.values():
        tags.sort(key=lambda tag: (-tag.score, tag.label))
    return found


def syntheses_of(store: Store, run: Run, videos: Iterable[Video]) -> dict[str, list[Synthesis]]:
    """What the run wrote about these videos as a whole: video id -> syntheses, in order asked."""
    order = {generation: i for i, generation in enumerate(run.lineage.syntheses)}
    found: dict[str, list[Synthesis]] = {video.id: [] for video in videos}
    for one in store.find(Synthesis, video_id=list(found), generation=list(order)):
        found[one.video_id].append(one)
    for syntheses in found.values():
        syntheses.sort(key=lambda one: order[one.generation])
    return found
