"""What people said in reviews, as what is true.

Only what was reviewed is judged. Of each reviewer the latest word on a thing counts. Reviewers who
differ vote, each with one vote; where no verdict has more votes than any other, the thing is left
out and counted as disputed. On which run they said it does not matter: it is about stretches of
videos.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from pydantic import JsonValue

from toolkit.errors import TruthError
from toolkit.insight import columns
from toolkit.insight.evaluation.sentiment import FEELINGS
from toolkit.insight.evaluation.truth import Moment, Truth, TruthRow
from toolkit.insight.reviews import SAME, TOLERANCE_S, counting, in_words, overlap, times
from toolkit.records import Review, Scene, Video
from toolkit.stages.store import Store

__all__ = ["NAME", "reviewed"]

NAME = "reviews"


@dataclass
class _Votes:
    """What each reviewer says of one thing: reviewer -> verdict, and what it stands for."""

    said: dict[str, str] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)

    def cast(self, reviewer: str, verdict: str, value: Any) -> None:
        self.said[reviewer] = verdict
        self.values[verdict] = value

    @property
    def winner(self) -> str | None:
        """The verdict that more reviewers give than any other; None: there is none."""
        (first, most), *rest = Counter(self.said.values()).most_common(2)
        return first if not rest or rest[0][1] < most else None


def reviewed(store: Store, videos: Iterable[Video]) -> Truth:
    """All that people's reviews say about these videos.

    Reviews of a whole video's tags and of descriptions say nothing that is measured.

    Raises:
        TruthError: They say nothing.
    """
    by_video: dict[str, list[Review]] = {video.id: [] for video in videos}
    for review in store.stream(Review, video_id=list(by_video)):
        by_video[review.video_id].append(review)
    rows: list[TruthRow] = []
    moments: list[Moment] = []
    disputed = 0
    spelled: dict[str, str] = {}
    for video_id, said in by_video.items():
        for stretch in _stretches(one for one in said if one.target != "boundary"):
            row, left_out = _row(video_id, stretch, spelled)
            disputed += left_out
            rows += [row] if row.tells_content else []
        found, left_out = _moments(video_id, [one for one in said if one.target == "boundary"])
        disputed += left_out
        moments += found
    if not rows and not moments:
        raise TruthError(
            "Nobody has reviewed what can be measured in these videos.",
            hint="Accept, reject or correct some results first, in run.browse() or by toolkit "
            "review; or give a truth file.",
        )
    return Truth(tuple(rows), NAME, tuple(moments), overlap=SAME, disputed=disputed)


def _stretches(reviews: Iterable[Review]) -> Iterator[list[Review]]:
    """The reviews of scenes, those of the same stretch of the video together."""
    found: list[tuple[Scene, list[Review]]] = []
    own = (one for one in reviews if one.scene_id is not None and one.end_s > one.start_s)
    for review in sorted(own, key=lambda one: (one.start_s, one.end_s)):
        start_s, end_s = review.start_s, review.end_s
        # What starts longer before than this lasts has less than half in common with it.
        near = takewhile(lambda one: start_s - one[0].start_s < end_s - start_s, reversed(found))  # noqa: B023 - used up in this turn
        words = next((said for scene, said in near if overlap(start_s, end_s, scene) >= SAME), None)
        if words is None:
            scene = Scene.of(review.video_id, NAME, len(found), start_s=start_s, end_s=end_s)
            found.append((scene, words := []))
        words.append(review)
    return iter([words for _, words in found])


def _row(video_id: str, reviews: Sequence[Review], spelled: dict[str, str]) -> tuple[TruthRow, int]:
    """What is true of a stretch, and how many things of it are disputed.

    Names that differ in case alone are one: ``spelled`` keeps how each was written first.
    """
    things: dict[tuple[str, str], _Votes] = {}

    def cast(review: Review, name: str, verdict: str, value: Any) -> None:
        name = spelled.setdefault(name.casefold(), name)
        votes = things.setdefault((review.target, name), _Votes())
        votes.cast(review.reviewer, verdict, value)

    for review in counting(reviews):
        name = review.name.strip()
        if review.target == "tag":
            cast(review, name, "yes" if review.action in ("accept", "add") else "no", None)
            if review.action == "edit":
                cast(review, in_words(review.value).strip(), "yes", None)
        elif review.target in ("answer", "sentiment") and review.value is not None:
            value, is_right = _fact(review.value, is_right=review.action != "reject")
            words = columns.as_json(value).casefold()
            cast(review, name, words if is_right else f"not {words}", (value, is_right))
    data: dict[str, Any] = {"labels": set(), "without": set(), "answers": {}, "wrong_answers": {}}
    disputed = 0
    for (target, name), votes in things.items():
        winner = votes.winner
        if winner is None:
            disputed += 1
        elif target == "tag":
            data["labels" if winner == "yes" else "without"].add(name)
        else:
            value, is_right = votes.values[winner]
            if target == "answer":
                data["answers" if is_right else "wrong_answers"][name] = value
            elif value in FEELINGS:
                data["sentiment" if is_right else "wrong_sentiment"] = value
    if not data["labels"] and not data["without"]:
        del data["labels"], data["without"]
    first = reviews[0]
    return TruthRow(video=video_id, start_s=first.start_s, end_s=first.end_s, **data), disputed


def _fact(value: JsonValue, *, is_right: bool) -> tuple[JsonValue, bool]:
    """A value and whether it is right; of yes and no one follows from the other."""
    if isinstance(value, bool) and not is_right:
        return not value, True
    return value, is_right


def _moments(video_id: str, reviews: Sequence[Review]) -> tuple[list[Moment], int]:
    """The boundaries that people spoke of, and how many are disputed."""
    said: list[tuple[float, str, bool]] = []
    for review in counting(reviews):
        before_s, at_s = times(review)
        if at_s is None:
            continue
        said.append((at_s, review.reviewer, review.action != "reject"))
        if before_s is not None and abs(at_s - before_s) > TOLERANCE_S:
            said.append((before_s, review.reviewer, False))
    groups: list[tuple[float, _Votes]] = []
    for at_s, reviewer, holds in sorted(said, key=lambda one: one[0]):
        if not groups or at_s - groups[-1][0] > TOLERANCE_S:
            groups.append((at_s, _Votes()))
        groups[-1][1].cast(reviewer, "yes" if holds else "no", at_s)
    moments = [
        Moment(video_id, votes.values[votes.winner], votes.winner == "yes")
        for _, votes in groups
        if votes.winner is not None
    ]
    return moments, len(groups) - len(moments)
