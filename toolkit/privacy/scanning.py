"""Look for what was erased in all bytes of a workspace."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from toolkit.config import Settings
from toolkit.privacy.subjects import Subject
from toolkit.records import Answer, Review, Source, Synthesis, Video
from toolkit.stages.download import VIDEO_SUFFIXES
from toolkit.stages.store import Store

__all__ = ["needles", "remaining"]

_TEXTS, _PICTURES = 48, 16  # a look for each goes through all files
_SHORTEST = 16  # a shorter text may stand somewhere by chance
_SLICE = 64


def needles(store: Store, subject: Subject, pictures: Iterable[Path]) -> list[bytes]:
    """Bytes that are nowhere when all about a subject is gone: of texts, links and pictures.

    Take them before it is erased. Of very many, the longest texts and the first pictures.
    """
    texts = {uri for uri in subject.uris if len(uri) >= _SHORTEST}
    said: Iterator[Answer | Synthesis] = chain(
        store.stream(Answer, video_id=list(subject.video_ids)),
        store.stream(Synthesis, video_id=list(subject.video_ids)),
    )
    for one in said:
        texts.add(one.text)
        if len(texts) > 4 * _TEXTS:
            texts = {*_longest(texts)}
    for review in store.stream(Review, video_id=list(subject.video_ids)):
        if isinstance(review.value, str):
            texts.add(review.value)
    found = [text.encode() for text in _longest(texts)]
    for path in list(pictures)[:_PICTURES]:
        data = path.read_bytes()
        middle = len(data) // 2
        if len(data) > 4 * _SLICE:
            found.append(data[middle : middle + _SLICE])
    return found


def _longest(texts: Iterable[str]) -> list[str]:
    long = [text for text in texts if len(text) >= _SHORTEST]
    return sorted(long, key=len, reverse=True)[:_TEXTS]


def remaining(store: Store, settings: Settings, wanted: Iterable[bytes]) -> Iterator[str]:
    """Where needles are still, a sentence each. Other videos' own files are not looked into.

    What other videos have as well, word for word or picture for picture, is theirs to keep.
    """
    texts = {needle.decode(errors="ignore") for needle in wanted}
    shared = {one.text for one in store.stream(Answer, text=list(texts))}
    shared |= {one.text for one in store.stream(Synthesis, text=list(texts))}
    shared |= {one.uri for one in store.stream(Source, uri=list(texts))}
    looked_for = [needle for needle in wanted if needle.decode(errors="ignore") not in shared]
    pictures = settings.workspace / settings.paths.thumbnails
    others = {str(pictures / one.id[:2] / one.id) for one in store.stream(Video)}
    for place, _, names in os.walk(settings.workspace):
        if place in others:
            continue
        for name in names:
            path = Path(place, name)
            if path.suffix.lower() in VIDEO_SUFFIXES or not path.is_file():
                continue
            if count := _counted(path, looked_for):
                yield f"{path} has {count} of its texts, links and pictures still."


def _counted(path: Path, wanted: list[bytes]) -> int:
    try:
        with path.open("rb") as file:
            if not os.fstat(file.fileno()).st_size:
                return 0
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return sum(data.find(needle) >= 0 for needle in wanted)
    except (OSError, ValueError):  # it went, or shrank, meanwhile
        return 0
