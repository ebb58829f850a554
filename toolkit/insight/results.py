"""A run's rows, out of all that a store holds.

A store keeps the results of every run, and runs share what they have in common. A run's lineage
names the fingerprints of its own results: with them the rows are found again, whoever made them.
People's reviews are applied here, and here alone, so that all views agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import PurePath

from toolkit.insight import boundaries, machine, reviews
from toolkit.records import (
    Answer,
    Review,
    Run,
    RunSource,
    Scene,
    Source,
    Synthesis,
    Tag,
    Video,
    Vocabulary,
)
from toolkit.stages.store import Store
from toolkit.stages.tags import apart, named

__all__ = [
    "answers_of",
    "parts_of",
    "reviews_of",
    "scenes_of",
    "sources_of",
    "syntheses_of",
    "tags_on",
    "titles_of",
    "video_tags_of",
    "videos_of",
    "words_on",
]

_AT_ONCE = 1000
Words = dict[str, list[Review]]
"""The reviews that win, by the scene they are about: what :func:`reviews_of` gives."""


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
    """The scenes of the run in these videos, bounded as people said: video by video, in order."""
    videos = list(videos)
    bounds: dict[str, list[Review]] = {}
    for review in store.stream(Review, video_id=[one.id for one in videos], target="boundary"):
        bounds.setdefault(review.video_id, []).append(review)
    for video in videos:
        scenes = machine.scenes_of(store, run, [video])
        if video.id in bounds:
            yield from boundaries.bounded(list(scenes), bounds[video.id])
        else:
            yield from scenes


def parts_of(scenes: Iterable[Scene]) -> Iterator[list[Scene]]:
    """Scenes in parts of which each can be held in memory with all that was said about it."""
    rest = iter(scenes)
    while part := list(islice(rest, _AT_ONCE)):
        yield part


def reviews_of(store: Store, scenes: Iterable[Scene]) -> Words:
    """The reviews that win on these scenes: scene id -> reviews, oldest first."""
    scenes = list(scenes)
    ever = store.find(Review, video_id=list({scene.video_id for scene in scenes}))
    found = reviews.matched(ever, scenes)
    return {scene_id: reviews.winners(words) for scene_id, words in found.items()}


def answers_of(
    store: Store, run: Run, scenes: Iterable[Scene], words: Words | None = None
) -> dict[str, tuple[Answer, ...]]:
    """What was said about these scenes: scene id -> answers, in order asked.

    A reviewed answer has the plugin "review"; a rejected one is not there. Who has read the
    scenes' reviews already gives them as ``words``.
    """
    scenes = list(scenes)
    words = reviews_of(store, scenes) if words is None else words
    given = machine.answers_of(store, run, {reviews.origin(scene.id) for scene in scenes})
    return {
        scene.id: reviews.said(scene, given[reviews.origin(scene.id)], words[scene.id])
        for scene in scenes
    }


def tags_on(
    store: Store, run: Run, scenes: Iterable[Scene], words: Words | None = None
) -> dict[str, list[Tag]]:
    """The tags of these scenes: scene id -> tags, best first.

    A reviewed tag has the tagger "review"; a rejected one is not there. Who has read the scenes'
    reviews already gives them as ``words``.
    """
    scenes = list(scenes)
    words = reviews_of(store, scenes) if words is None else words
    ids = {reviews.origin(scene.id) for scene in scenes}
    given = machine.tags_on(store, run, ids)
    found = {}
    for scene in scenes:
        own = [
            tag if tag.scene_id == scene.id else _moved(tag, scene)
            for tag in given[reviews.origin(scene.id)]
        ]
        found[scene.id] = _reviewed(run, scene.id, scene.video_id, own, words[scene.id])
    return found


def _reviewed(
    run: Run, subject_id: str, video_id: str, tags: Iterable[Tag], words: Iterable[Review]
) -> list[Tag]:
    """One tag a label, with the reviews that win, all as the run's vocabulary names them.

    Of labels that exclude each other those of people stay, and else the likeliest.
    """
    vocabulary = run.lineage.vocabulary
    words = [_named(review, vocabulary) for review in words]
    tagged = reviews.tagged(subject_id, video_id, named(tags, vocabulary), words)
    sure = {tag.label for tag in tagged if tag.tagger == reviews.BY}
    return apart(tagged, vocabulary, sure)


def _named(review: Review, vocabulary: Vocabulary) -> Review:
    """A review of a tag with the vocabulary's names in the place of synonyms."""
    if review.target != "tag":
        return review
    words = {"name": review.name, "value": review.value}
    found = {
        field: label.name
        for field, word in words.items()
        if isinstance(word, str) and (label := vocabulary.find(word))
    }
    return review.model_copy(update=found)


def _moved(tag: Tag, scene: Scene) -> Tag:
    """A tag of the scene that this one was split from."""
    return tag.model_copy(update={"scene_id": scene.id})


def video_tags_of(store: Store, run: Run, videos: Iterable[Video]) -> dict[str, list[Tag]]:
    """The tags of the videos themselves, not of their scenes: video id -> tags, best first."""
    given = machine.video_tags_of(store, run, videos)
    words = words_on(store, given)
    return {id_: _reviewed(run, id_, id_, tags, words.get(id_, ())) for id_, tags in given.items()}


def words_on(store: Store, videos: Iterable[str]) -> Words:
    """The reviews that win on the tags of whole videos: video id -> reviews, oldest first."""
    words: Words = {}
    for review in store.stream(Review, video_id=list(videos), scene_id=None, target="tag"):
        words.setdefault(review.video_id, []).append(review)
    return {video_id: reviews.winners(said) for video_id, said in words.items()}


def syntheses_of(store: Store, run: Run, videos: Iterable[Video]) -> dict[str, list[Synthesis]]:
    """What the run wrote about these videos as a whole: video id -> syntheses, in order asked."""
    order = {generation: i for i, generation in enumerate(run.lineage.syntheses)}
    found: dict[str, list[Synthesis]] = {video.id: [] for video in videos}
    for one in store.find(Synthesis, video_id=list(found), generation=list(order)):
        found[one.video_id].append(one)
    for syntheses in found.values():
        syntheses.sort(key=lambda one: order[one.generation])
    return found
