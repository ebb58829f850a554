"""A run's results as Polars frames, out of any store.

The columns of a frame do not depend on how many rows it has; only questions, signals and
labels, which the user chose, come and go. ``video_id`` and ``scene_id`` join the frames.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from toolkit.insight import columns, results, reviews
from toolkit.records import Analysis, Failure, Run, Scene, Tag, Video
from toolkit.stages.store import Store

if TYPE_CHECKING:
    import polars as pl

__all__ = ["answers", "failures", "runs", "scenes", "tags"]


def scenes(store: Store, run: Run) -> pl.DataFrame:
    """One row a scene, video by video, in order.

    Every question has a column with the question's words as its name, and the type that its
    answers have: bool of yes/no, a number, text, a list of many choices; JSON is text. ``tags`` are
    labels, best first; :func:`tags` says more. ``signals`` and ``labels`` (their probabilities) are
    structs: ``frame.unnest("labels")`` makes a column of each. What nobody was asked, could not be
    answered, or the analyzer was too unsure of, is null. ``reviewed`` says that people's word is in
    the row; :func:`toolkit.insight.agreement.reviews` says whose.
    """
    import polars as pl

    found = results.videos_of(store, run)
    place = _places(store, run, found)
    # Of what was said only the values that the columns show are kept, not the records.
    rows: list[tuple[list[Any], list[Any]]] = []
    values: list[dict[str, JsonValue]] = []
    measured: list[dict[str, JsonValue]] = []
    scored: list[dict[str, JsonValue]] = []
    for part in results.parts_of(results.scenes_of(store, run, found)):
        reviewed = results.reviews_of(store, part)
        said = results.answers_of(store, run, part, reviewed)
        tags = results.tags_on(store, run, part, reviewed)
        for scene in part:
            analysis = Analysis.of(scene.id, said[scene.id])
            first = [
                *place(scene),
                scene.duration_s,
                scene.kind,
                scene.score,
                analysis.description or None,
                analysis.sentiment and analysis.sentiment.label,
                analysis.sentiment and analysis.sentiment.confidence,
            ]
            labels = list(dict.fromkeys(tag.label for tag in tags[scene.id]))
            last = [bool(reviewed[scene.id]), scene.thumbnail or None, scene.id]
            rows.append((first, [labels, *last]))
            values.append(analysis.values)
            measured.append(analysis.signals)
            scored.append({**analysis.labels})
    signals, signals_type = columns.struct(measured)
    scores, scores_type = columns.struct(scored)
    questions = list(dict.fromkeys(name for one in values for name in one))
    answers = [columns.of_one_type([one.get(question) for one in values]) for question in questions]
    before = {
        **columns.place(),
        "duration_s": pl.Float64(),
        "kind": pl.String(),
        "score": pl.Float64(),
        "description": pl.String(),
        "sentiment": pl.String(),
        "sentiment_confidence": pl.Float64(),
    }
    after = {
        "tags": pl.List(pl.String()),
        "signals": signals_type,
        "labels": scores_type,
        "reviewed": pl.Boolean(),
        "thumbnail": pl.String(),
        "scene_id": pl.String(),
    }
    taken = before.keys() | after.keys()
    named = {
        columns.free(question, taken): kind
        for question, (_, kind) in zip(questions, answers, strict=True)
    }
    table = [
        [*first, *(given[row] for given, _ in answers), labels, signals[row], scores[row], *last]
        for row, (first, (labels, *last)) in enumerate(rows)
    ]
    return columns.frame(table, {**before, **named, **after})


def tags(store: Store, run: Run) -> pl.DataFrame:
    """One row a tag, scene by scene, best first; a whole video's tags have no scene."""
    import polars as pl

    found = results.videos_of(store, run)
    place = _places(store, run, found)
    whole = results.video_tags_of(store, run, found)
    table = []
    for video in found:
        table += [[*place(video), *_tag(tag)] for tag in whole[video.id]]
        for part in results.parts_of(results.scenes_of(store, run, [video])):
            tags = results.tags_on(store, run, part)
            table += [[*place(scene), *_tag(tag)] for scene in part for tag in tags[scene.id]]
    schema = {
        **columns.place(),
        "label": pl.String(),
        "score": pl.Float64(),
        "why": pl.String(),
        "tagger": pl.String(),
        "reviewed": pl.Boolean(),
        "scene_id": pl.String(),
        "tag_id": pl.String(),
    }
    return columns.frame(table, schema)


def answers(store: Store, run: Run) -> pl.DataFrame:
    """One row an answer, with the evidence it rests on, scene by scene in the order asked.

    ``value`` is JSON, null where the analyzer ``abstained``; ``frame_times_s`` are when the frames
    were taken, ``frame_width`` and ``frame_height`` their size as the model saw them (``reduced``:
    for want of memory), and ``tone_mapping`` what was done to HDR ("none": nothing).
    """
    import polars as pl

    found = results.videos_of(store, run)
    place = _places(store, run, found)
    table = [
        [
            *place(scene),
            answer.kind,
            answer.name,
            answer.text,
            None if answer.value is None else columns.as_json(answer.value),
            answer.confidence,
            answer.abstained,
            answer.plugin == reviews.BY,
            answer.plugin,
            answer.evidence.model,
            answer.evidence.revision,
            answer.evidence.dtype,
            answer.evidence.device,
            answer.evidence.prompt_hash,
            answer.evidence.frame_times_s,
            *(answer.evidence.frame_size or (None, None)),
            answer.evidence.reduced_from is not None,
            answer.evidence.tone_mapping,
            answer.evidence.tokens_in,
            answer.evidence.tokens_out,
            answer.evidence.cost,
            answer.evidence.finish_reason,
            answer.evidence.seconds,
            scene.id,
            answer.id,
        ]
        for part in results.parts_of(results.scenes_of(store, run, found))
        for said in [results.answers_of(store, run, part)]
        for scene in part
        for answer in said[scene.id]
    ]
    schema = {
        **columns.place(),
        "kind": pl.String(),
        "name": pl.String(),
        "text": pl.String(),
        "value": pl.String(),
        "confidence": pl.Float64(),
        "abstained": pl.Boolean(),
        "reviewed": pl.Boolean(),
        "plugin": pl.String(),
        "model": pl.String(),
        "revision": pl.String(),
        "dtype": pl.String(),
        "device": pl.String(),
        "prompt_hash": pl.String(),
        "frame_times_s": pl.List(pl.Float64()),
        "frame_width": pl.Int64(),
        "frame_height": pl.Int64(),
        "reduced": pl.Boolean(),
        "tone_mapping": pl.String(),
        "tokens_in": pl.Int64(),
        "tokens_out": pl.Int64(),
        "cost": pl.Float64(),
        "finish_reason": pl.String(),
        "seconds": pl.Float64(),
        "scene_id": pl.String(),
        "answer_id": pl.String(),
    }
    return columns.frame(table, schema)


def failures(store: Store, run: Run) -> pl.DataFrame:
    """One row a failure, in the order they happened."""
    hidden = ["id", "run_id"]
    rows = [failure.model_dump() for failure in store.find(Failure, run_id=run.id)]
    schema = columns.schema(Failure, leave_out=hidden)
    return columns.frame([[row[name] for name in schema] for row in rows], schema)


def runs(store: Store) -> pl.DataFrame:
    """One row a run of the store, the latest first."""
    import polars as pl

    rows = [
        [
            run.id,
            run.standing,
            run.started_at,
            run.seconds.get("elapsed"),
            list(run.sources),
            run.counts.get("tag_done", 0),
            run.counts.get("reused", 0),
            run.counts.get("failures", 0),
        ]
        for run in sorted(store.find(Run), key=lambda run: run.started_at, reverse=True)
    ]
    schema = {
        "run": pl.String(),
        "status": pl.String(),
        "started_at": pl.Datetime("us", "UTC"),
        "seconds": pl.Float64(),
        "sources": pl.List(pl.String()),
        "scenes": pl.Int64(),
        "reused": pl.Int64(),
        "failures": pl.Int64(),
    }
    return columns.frame(rows, schema)


def _tag(tag: Tag) -> list[Any]:
    return [
        tag.label,
        tag.score,
        tag.why,
        tag.tagger,
        tag.tagger == reviews.BY,
        tag.scene_id,
        tag.id,
    ]


def _places(
    store: Store, run: Run, videos: Sequence[Video]
) -> Callable[[Scene | Video], list[Any]]:
    """What gives the first columns of a row about a scene or, with no scene in them, a video."""
    titles = results.titles_of(videos, results.sources_of(store, run))
    known = {video.id: [video.id, titles[video.id], video.path] for video in videos}

    def place(of: Scene | Video) -> list[Any]:
        if isinstance(of, Video):
            return [*known[of.id], None, None, None]
        return [*known[of.video_id], of.index, of.start_s, of.end_s]

    return place
