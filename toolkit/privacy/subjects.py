"""Whom or what somebody means who asks what is held, or that it goes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from toolkit.errors import StoreError
from toolkit.privacy.tombstones import STAGE
from toolkit.records import (
    Completion,
    Review,
    Run,
    RunSource,
    Scene,
    Source,
    Tag,
    Video,
    Vocabulary,
)
from toolkit.records.vocabulary import folded
from toolkit.stages.store import Store

__all__ = ["Subject", "subject_of"]

_CLEAR = 6  # so many characters of a video's id say which one is meant


@dataclass(frozen=True)
class Subject:
    """Videos, with all the sources that lead to them.

    Attributes:
        name: As it was named.
        kind: What that was taken for.
        video_ids: The videos.
        sources: The sources; those that the store does not know have no more than a link.
        run_ids: The runs that have any of them.
        scene_ids: The videos' scenes, of all detectors.
    """

    name: str
    kind: Literal["video", "source", "label"]
    video_ids: tuple[str, ...]
    sources: tuple[Source, ...]
    run_ids: tuple[str, ...]
    scene_ids: tuple[str, ...]

    @property
    def source_ids(self) -> list[str]:
        """The sources' ids."""
        return [source.id for source in self.sources]

    @property
    def uris(self) -> list[str]:
        """The sources' links and paths."""
        return [source.uri for source in self.sources]


def subject_of(
    store: Store,
    word: str,
    given: Sequence[Source],
    *,
    label: bool = False,
    vocabulary: Callable[[], Vocabulary] = Vocabulary,
) -> Subject:
    """What a word means: a source, a video by its id or the start of it, or a label.

    A label means every video that has it, on itself or on a scene, by a tagger or a person: the
    file shows whom it names, so that a scene alone would come back. The other words that any run's
    vocabulary, or the given one, has for the label mean the same. Of a source all the others with
    the same bytes are meant, too, and of a playlist its videos.

    Args:
        store: Where to look.
        word: The word.
        given: The sources that the word may be.
        label: Whether it is a label and nothing else.
        vocabulary: Gives more words for labels; called for labels alone.

    Raises:
        StoreError: Nothing is known of it, or several videos are.
    """
    if not label:
        if found := _source(store, word, given):
            return found
        if found := _video(store, word):
            return found
    if tagged := _tagged(store, word, vocabulary()):
        return whole(store, word, "label", tagged)
    raise StoreError(
        f"Nothing is known of {'a label' if label else 'a source, video or label'} '{word}'.",
        hint="See: toolkit runs, toolkit show RUN.",
    )


def whole(
    store: Store,
    name: str,
    kind: Literal["video", "source", "label"],
    video_ids: Iterable[str],
    sources: Iterable[Source] = (),
) -> Subject:
    """The videos with all that leads to them."""
    videos = sorted({*video_ids})
    known = {one.id: one for one in [*sources, *store.find(Source, video_id=videos)]}
    ways = [*store.stream(RunSource, video_id=videos)]
    ways += store.stream(RunSource, source_id=list(known))
    for way in ways:  # a source whose row is gone is known by its way through a run
        known.setdefault(way.source_id, Source(id=way.source_id, uri=way.uri, kind="link"))
    scenes = [scene.id for scene in store.stream(Scene, video_id=videos)]
    runs = sorted({way.run_id for way in ways})
    return Subject(name, kind, tuple(videos), tuple(known.values()), tuple(runs), tuple(scenes))


def _source(store: Store, word: str, given: Sequence[Source]) -> Subject | None:
    ids = [source.id for source in given]
    known = store.find(Source, id=ids)
    stones = store.find(Completion, item_id=ids, stage=STAGE)
    if not known and not stones and not store.count(RunSource, source_id=ids):
        return None
    lists = {one.uri for one in known if one.video_id is None}
    if lists:
        known += [
            one for one in store.stream(Source, kind="link") if one.info.get("playlist") in lists
        ]
    videos = {one.video_id for one in known if one.video_id}
    videos |= {one.key for one in stones if one.key}
    return whole(store, word, "source", videos, known or given)


def _video(store: Store, word: str) -> Subject | None:
    # One whose row is gone is known by its tombstone, or by a copy that could not be deleted.
    found = {one.item_id for one in store.find(Completion, item_id=word, stage=STAGE, key=word)}
    if len(word) >= _CLEAR:
        found |= {video.id for video in store.stream(Video) if video.id.startswith(word)}
    if len(found) > 1:
        raise StoreError(f"{len(found)} videos begin with '{word}'.", hint="Write more of the id.")
    return whole(store, word, "video", found) if found else None


def _tagged(store: Store, label: str, vocabulary: Vocabulary) -> set[str]:
    vocabularies = (vocabulary, *(run.lineage.vocabulary for run in store.stream(Run)))
    known = [found for one in vocabularies if (found := one.find(label))]
    meant = {folded(word) for one in known for word in (one.name, *one.synonyms)}
    # A vocabulary's words are the same in any case, and a store looks for exact ones.
    tags = store.stream(Tag) if known else store.stream(Tag, label=label)
    meant.add(folded(label))
    found_in = {tag.video_id for tag in tags if folded(tag.label) in meant}
    for review in store.stream(Review, target="tag"):
        said = {folded(one) for one in (review.name, review.value) if isinstance(one, str)}
        if said & meant and review.action != "withdraw":
            found_in.add(review.video_id)
    return found_in
