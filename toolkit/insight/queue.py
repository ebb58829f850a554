"""Which scenes are worth a person's look: what reviewers dispute first, then what is least sure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.insight import columns, results
from toolkit.insight.agreement import verdict
from toolkit.insight.reviews import BY, counting, key_of, matched
from toolkit.records import Analysis, Answer, Review, Run, Scene, Tag, Vocabulary
from toolkit.records.vocabulary import folded
from toolkit.stages.store import Store

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Doubt", "queue", "ranked"]


@dataclass(frozen=True)
class Doubt:
    """A scene that is worth a look.

    Attributes:
        scene: The scene.
        doubt: The largest doubt about anything in it that nobody has reviewed, 0 to 1.
        disputed: How many things reviewers say different things of.
        why: What is disputed or in doubt, in words.
    """

    scene: Scene
    doubt: float
    disputed: int
    why: str


def queue(store: Store, run: Run, *, limit: int | None = None) -> pl.DataFrame:
    """One row a scene, those most worth a look first; those without any doubt are not there."""
    import polars as pl

    videos = results.videos_of(store, run)
    titles = results.titles_of(videos, results.sources_of(store, run))
    paths = {video.id: video.path for video in videos}
    rows = [
        [
            one.scene.video_id,
            titles[one.scene.video_id],
            paths[one.scene.video_id],
            one.scene.index,
            one.scene.start_s,
            one.scene.end_s,
            one.doubt,
            one.disputed,
            one.why,
            one.scene.id,
        ]
        for one in ranked(store, run, results.scenes_of(store, run, videos))[:limit]
    ]
    schema = {
        **columns.place(),
        "doubt": pl.Float64(),
        "disputed": pl.Int64(),
        "why": pl.String(),
        "scene_id": pl.String(),
    }
    return columns.frame(rows, schema)


def ranked(store: Store, run: Run, scenes: Iterable[Scene]) -> list[Doubt]:
    """The scenes about which there is any doubt: the most disputed first, then the least sure."""
    found: list[Doubt] = []
    for part in results.parts_of(scenes):
        ever = store.find(Review, video_id=list({scene.video_id for scene in part}))
        words = {id_: counting(said) for id_, said in matched(ever, part).items()}
        reviewed = results.reviews_of(store, part)
        answers = results.answers_of(store, run, part, reviewed)
        tags = results.tags_on(store, run, part, reviewed)
        for scene in part:
            said = words[scene.id]
            disputed = _disputed(said)
            known = {key_of(review) for review in said}
            doubts = [*_doubts(answers[scene.id], tags[scene.id], known, run.lineage.vocabulary)]
            most, why = max(doubts, default=(0.0, ""))
            why = "; ".join([*(f"reviewers differ: {name}" for name in disputed), why]).rstrip("; ")
            if most > 0 or disputed:
                found.append(Doubt(scene, most, len(disputed), why))
    # Sorting keeps the order of the videos where two are alike.
    return sorted(found, key=lambda one: (-one.disputed, -one.doubt))


def _disputed(reviews: Iterable[Review]) -> list[str]:
    """What reviewers say different things of."""
    verdicts: dict[tuple[str, str], set[str]] = {}
    for review in reviews:
        verdicts.setdefault(key_of(review), set()).add(verdict(review))
    return [
        f"{target} {name}".strip() for (target, name), said in verdicts.items() if len(said) > 1
    ]


def _doubts(
    answers: Sequence[Answer],
    tags: Sequence[Tag],
    known: set[tuple[str, str]],
    vocabulary: Vocabulary,
) -> Iterator[tuple[float, str]]:
    """How much each thing is in doubt that nobody has reviewed, and why."""
    given = {folded(tag.label): tag for tag in tags if tag.tagger != BY}
    scored: dict[str, float] = {}
    for answer in answers:
        if answer.plugin == BY:
            continue
        if answer.kind == "labels" and isinstance(answer.value, dict):
            scores = Analysis.of(answer.scene_id, (answer,)).labels
            scored |= vocabulary.scored(scores) if vocabulary.labels else scores
        elif answer.kind in ("question", "sentiment") and answer.confidence is not None:
            target = "answer" if answer.kind == "question" else "sentiment"
            if (target, answer.name.strip().casefold()) not in known:
                what = f"{target} {answer.name}".strip()
                yield 1 - answer.confidence, f"{what}: {answer.confidence:.2f} sure"
    for name, sure in scored.items():
        if ("tag", name.casefold()) in known:
            continue
        label = vocabulary.find(name)
        limit = label.threshold if label else 0.5
        tag = given.pop(folded(name), None)
        if tag is not None and sure < limit:
            # Another tagger gives what the model does not see.
            yield (
                max(tag.score - sure, _near(sure, limit)),
                (f"tag {name}: {tag.tagger} gives it, the model is {sure:.2f} sure at {limit:g}"),
            )
        else:
            yield _near(sure, limit), f"tag {name}: {sure:.2f} sure at {limit:g}"
    for tag in given.values():
        if ("tag", tag.label.strip().casefold()) not in known:
            yield 1 - tag.score, f"tag {tag.label}: {tag.score:.2f} sure"


def _near(sure: float, limit: float) -> float:
    """How near a probability is to the threshold: 1 at it, 0 at both ends."""
    room = 1 - limit if sure >= limit else limit
    return 1 - abs(sure - limit) / room if room > 0 else 0.0
