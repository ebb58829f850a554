"""The question that search asks the server."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from toolkit_store_mongodb.words import Term

__all__ = ["pipeline"]

_MOST = 2**31 - 1


def pipeline(
    wanted: Sequence[Term], limit: int, others: Sequence[str], without: Collection[str] = ()
) -> list[dict[str, Any]]:
    """Scenes that have all terms, best first, with the id of their best text.

    A scene fits when each term is in one of its texts, not necessarily all in the same one. The
    best text is that with the highest BM25 (Robertson & Zaragoza 2009) with k1 = 1.2, b = 0.75, a
    mean length of 40 words, and no weight for rare terms, which would take another pass over the
    index.

    It is asked of the answers; ``others`` are the collections of what else speaks of scenes and of
    whole videos, which are found alike. Texts with ids in ``without`` do not count.
    """
    counts = {f"n{i}": _count(term) for i, term in enumerate(wanted)}
    length = {"$multiply": [0.9 / 40, {"$size": "$words"}]}
    parts = [
        {"$divide": [{"$multiply": [2.2, f"${n}"]}, {"$add": [f"${n}", 0.3, "$length"]}]}
        for n in counts
    ]
    # Documents compare field by field: the highest score, and of equal ones that saved first.
    best = {"score": {"$add": parts}, "order": {"$multiply": [-1, "$seq"]}, "id": "$_id"}
    subject = {"$ifNull": ["$scene_id", "$video_id"]}
    texts = [
        {"$match": {**_any(wanted), **({"_id": {"$nin": [*without]}} if without else {})}},
        {"$project": {"subject": subject, "seq": 1, "length": length, **counts}},
    ]
    return [
        *texts,
        *({"$unionWith": {"coll": other, "pipeline": texts}} for other in others),
        {
            "$group": {
                "_id": "$subject",
                "best": {"$max": best},
                **{name: {"$max": f"${name}"} for name in counts},
            }
        },
        {"$match": {name: {"$gt": 0} for name in counts}},
        {"$sort": {"best.score": -1, "best.order": -1}},
        {"$limit": min(limit, _MOST)},
    ]


def _any(wanted: Sequence[Term]) -> dict[str, Any]:
    """Texts with one of the words, or all words of one of the phrases."""
    single = [term[0] for term in wanted if len(term) == 1]
    phrases = [{"words": {"$all": sorted(set(term))}} for term in wanted if len(term) > 1]
    return {"$or": [*phrases, *([{"words": {"$in": single}}] if single else [])]}


def _count(term: Term) -> dict[str, Any]:
    """How often a term is in a text. Stems hold letters and digits only, so no ``$`` misleads."""
    if len(term) == 1:
        return _size({"input": "$words", "cond": {"$eq": ["$$this", term[0]]}})
    here = {"$slice": ["$words", "$$this", len(term)]}
    places = {"$range": [0, {"$size": "$words"}]}
    return _size({"input": places, "cond": {"$eq": [here, list(term)]}})


def _size(matches: dict[str, Any]) -> dict[str, Any]:
    return {"$size": {"$filter": matches}}
