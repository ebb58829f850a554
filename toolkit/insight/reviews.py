"""People's word applied to what machines said: pure functions over records.

A review is about a scene by its id, or about the scene of the same video that covers the same time,
with an intersection over union of at least :data:`SAME`: so it outlives another detector, model or
rule file. Of what a reviewer said about one thing the latest counts, and so it is between
reviewers. Boundaries come first, see :mod:`toolkit.insight.boundaries`: they say which scenes there
are.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import get_args

from pydantic import JsonValue

from toolkit.records import Answer, Review, Scene, SentimentLabel, Tag
from toolkit.records.base import digest

__all__ = [
    "BY",
    "KINDS",
    "SAME",
    "TOLERANCE_S",
    "counting",
    "in_words",
    "key_of",
    "matched",
    "number",
    "origin",
    "overlap",
    "said",
    "tagged",
    "times",
    "winners",
]

BY = "review"
"""The tagger of reviewed tags, and the plugin of reviewed answers."""
SAME = 0.8
"""From this intersection over union on, two stretches of a video are one scene."""
TOLERANCE_S = 0.25
"""How far a boundary may be from where a review saw it, in seconds."""

KINDS = {"description": "description", "answer": "question", "sentiment": "sentiment"}
"""The kind of answer that a review's target is."""
_FEELINGS = get_args(SentimentLabel)


def key_of(review: Review) -> tuple[str, str]:
    """What a review is about in its scene (a boundary: in its video): the target and its name."""
    return review.target, review.name.strip().casefold()


def counting(reviews: Iterable[Review]) -> list[Review]:
    """Of each reviewer the latest word on each thing, oldest first, without what is withdrawn."""
    latest: dict[tuple[str, str, str], Review] = {}
    for review in sorted(reviews, key=lambda one: one.at):
        latest.pop(key := (review.reviewer, *key_of(review)), None)
        latest[key] = review
    return [review for review in latest.values() if review.action != "withdraw"]


def winners(reviews: Iterable[Review]) -> list[Review]:
    """Of all reviewers the latest word on each thing, oldest first."""
    latest: dict[tuple[str, str], Review] = {}
    for review in counting(reviews):
        latest.pop(key := key_of(review), None)
        latest[key] = review
    return [*latest.values()]


def origin(scene_id: str) -> str:
    """The id of the machine's scene that a scene is, or is a part of after a split."""
    return scene_id.partition("@")[0]


def matched(reviews: Iterable[Review], scenes: Iterable[Scene]) -> dict[str, list[Review]]:
    """All that was ever said about each of these scenes: scene id -> reviews.

    What was said of a scene before it was split holds for its parts. A boundary is with the scenes
    that it bounds or lies in. Scenes of several detectors may be mixed.
    """
    found: dict[str, list[Review]] = {}
    known: dict[str, list[Scene]] = {}
    lines: dict[tuple[str, str], list[Scene]] = {}
    for scene in scenes:
        found[scene.id] = []
        for id_ in {scene.id, origin(scene.id)}:
            known.setdefault(id_, []).append(scene)
        lines.setdefault((scene.video_id, scene.detector), []).append(scene)
    in_order: dict[str, list[tuple[list[Scene], list[float]]]] = {}  # of each video
    for (video_id, _), line in lines.items():
        line.sort(key=lambda one: one.start_s)
        in_order.setdefault(video_id, []).append((line, [scene.start_s for scene in line]))
    for review in reviews:
        if review.scene_id is None and review.target != "boundary":
            continue
        about: dict[str, Scene] = {}
        if review.target != "boundary":
            named = known.get(review.scene_id or "", ())
            about = {one.id: one for one in named if _is_about(review, one)}
        for line, begins in in_order.get(review.video_id, ()):
            if review.target == "boundary":
                about |= {one.id: one for one in line if _bounds(review, one)}
            elif not any(one.detector == line[0].detector for one in about.values()):
                # As much in common as that has only the scene in which the middle lies.
                middle_s = (review.start_s + review.end_s) / 2
                one = line[max(0, bisect_right(begins, middle_s) - 1)]
                if overlap(review.start_s, review.end_s, one) >= SAME:
                    about[one.id] = one
        for id_ in about:
            found[id_].append(review)
    return found


def _is_about(review: Review, scene: Scene) -> bool:
    """Whether a review of this scene, or of the one it is a part of, is about all of it."""
    if review.scene_id == scene.id:
        return True
    return (
        review.start_s <= scene.start_s + TOLERANCE_S and scene.end_s <= review.end_s + TOLERANCE_S
    )


def overlap(start_s: float, end_s: float, scene: Scene) -> float:
    """The intersection over union of a stretch of time and a scene's."""
    common = min(end_s, scene.end_s) - max(start_s, scene.start_s)
    whole = max(end_s, scene.end_s) - min(start_s, scene.start_s)
    return max(0.0, common) / whole if whole > 0 else 0.0


def _bounds(review: Review, scene: Scene) -> bool:
    """Whether a boundary is one of the scene, or lies in it."""
    time_s = times(review)[1]
    if time_s is None:
        return False
    return scene.start_s - TOLERANCE_S <= time_s <= scene.end_s + TOLERANCE_S


def times(review: Review) -> tuple[float | None, float | None]:
    """A boundary's time before and after; None for what does not apply."""
    value = review.value
    if isinstance(value, dict) and review.action == "edit":
        return number(value.get("from")), number(value.get("to"))
    return None, number(value)


def number(value: JsonValue) -> float | None:
    """A number, if it is one."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value)


def said(scene: Scene, answers: Iterable[Answer], reviews: Iterable[Review]) -> tuple[Answer, ...]:
    """A scene's answers, in order, with the reviews that win applied."""
    found = [*answers]
    for review in reviews:
        kind = KINDS.get(review.target)
        if kind is None:
            continue
        fits = [
            one
            for one in found
            if one.kind == kind
            and (kind != "question" or one.name.casefold().strip() == key_of(review)[1])
        ]
        if review.action == "reject":
            gone = [one for one in fits if review.value in (None, one.value, one.text)]
            found = [one for one in found if one not in gone]
        elif review.value is not None and (kind != "sentiment" or review.value in _FEELINGS):
            told = _answer(scene, review, fits[0] if fits else None, kind)
            place = found.index(fits[0]) if fits else len(found)
            found = [one for one in found if one not in fits]
            found.insert(place, told)
    return tuple(found)


def _answer(scene: Scene, review: Review, machine: Answer | None, kind: str) -> Answer:
    is_typed = kind == "sentiment" or not isinstance(review.value, str)
    if machine is not None and kind == "question":
        is_typed = is_typed or machine.value is not None or machine.abstained
    return Answer.model_validate(
        {
            "id": digest("answer", scene.id, BY, review.id),
            "scene_id": scene.id,
            "video_id": scene.video_id,
            "analyzer": BY,
            "plugin": BY,
            "kind": kind,
            "name": machine.name if machine else review.name,
            "ask": machine.ask if machine else "",
            "text": in_words(review.value),
            "value": review.value if is_typed else None,
        }
    )


def in_words(value: JsonValue) -> str:
    """A value as people read it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(in_words, value))
    return "" if value is None else str(value)


def tagged(
    subject_id: str, video_id: str, tags: Iterable[Tag], reviews: Iterable[Review]
) -> list[Tag]:
    """The tags of a scene, or of a whole video, best first, with the reviews that win applied.

    Args:
        subject_id: The scene's id, or the video's.
        video_id: The video's.
        tags: What taggers gave.
        reviews: The words that win.
    """
    found = [*tags]
    for review in reviews:
        if review.target != "tag":
            continue
        label = review.name.strip()
        had = [tag for tag in found if tag.label.casefold() == label.casefold()]
        found = [tag for tag in found if tag not in had]
        if review.action == "reject":
            continue
        if review.action == "edit":
            label = in_words(review.value).strip()
            found = [tag for tag in found if tag.label.casefold() != label.casefold()]
        elif had:
            label = had[0].label
        done = {"accept": "accepted", "edit": f"'{review.name}' edited"}.get(review.action, "added")
        reasons = dict.fromkeys(tag.why for tag in had if tag.why)
        who = f"{done} by {review.reviewer} on {review.at:%Y-%m-%d}"
        found.append(
            Tag(
                label,
                id=digest("tag", subject_id, BY, label),
                why="; ".join([who, *reasons]),
                scene_id=None if subject_id == video_id else subject_id,
                video_id=video_id,
                tagger=BY,
                generation=BY,
            )
        )
    return sorted(found, key=lambda tag: (-tag.score, tag.label))
