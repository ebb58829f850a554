"""Search in texts that are sealed where they are kept: an index in memory, for one question.

An index beside the rows would have to hold their words. One of words under a key (a blind index)
hides which words they are, and not which texts share one and how often each is used: of
descriptions, which repeat the same few hundred words, that tells most of what it should hide. So
there is none, and a search takes the time to open every text.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing

from toolkit.records import Answer, Review, Synthesis
from toolkit.stages.fts5 import terms
from toolkit.stages.store import Hit, Store

__all__ = ["search"]

_SPOKEN = ["description", "question"]


def search(store: Store, words: str, *, limit: int, without: Collection[str]) -> Sequence[Hit]:
    """What :meth:`toolkit.stages.store.Store.search` promises, of a store that cannot look.

    Words are matched by stem (Porter) and ranked by bm25 (https://sqlite.org/fts5.html).
    """
    asked = terms(words)
    if not asked or limit < 1:
        return []
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute(
            "CREATE VIRTUAL TABLE words USING fts5 (text, scene UNINDEXED, video UNINDEXED, "
            "tokenize = 'porter unicode61 remove_diacritics 2')"
        )
        db.executemany("INSERT INTO words VALUES (?, ?, ?)", _texts(store, frozenset(without)))
        every = [
            set(db.execute("SELECT coalesce(scene, video) FROM words WHERE words MATCH ?", [term]))
            for term in asked
        ]
        fitting = set.intersection(*every)
        hits: dict[str, Hit] = {}
        found = db.execute(
            "SELECT scene, video, snippet(words, 0, '[', ']', '…', 24), rank FROM words "
            "WHERE words MATCH ? ORDER BY rank, rowid",
            [" OR ".join(asked)],
        )
        for scene, video, snippet, rank in found:
            subject = scene or video
            if (subject,) in fitting:
                hits.setdefault(subject, Hit(scene, video, snippet, -rank))
            if len(hits) == limit:
                break
        return list(hits.values())


def _texts(store: Store, without: frozenset[str]) -> Iterator[tuple[str, str | None, str]]:
    for answer in store.stream(Answer, kind=_SPOKEN):
        if answer.id not in without:
            yield answer.text, answer.scene_id, answer.video_id
    for one in store.stream(Synthesis):
        if one.id not in without:
            yield one.text, None, one.video_id
    for review in store.stream(Review, target=["description", "answer"]):
        told = review.scene_id is not None and review.action in ("accept", "edit", "add")
        if told and isinstance(review.value, str) and review.id not in without:
            yield review.value, review.scene_id, review.video_id
