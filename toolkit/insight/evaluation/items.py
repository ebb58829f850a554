"""The single judgements that figures sum up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from toolkit.insight import columns
from toolkit.insight.evaluation.gather import Gathered, Pair
from toolkit.insight.evaluation.truth import TruthRow

if TYPE_CHECKING:
    import polars as pl

__all__ = ["items"]


def items(found: Gathered, labels: Sequence[str]) -> pl.DataFrame:
    """One row a judgement.

    ``what`` is "boundary", "label", "sentiment" or "answer", ``name`` the label or the question.
    ``truth`` and ``given`` are words (answers as JSON), null where there is nothing: a boundary
    that was missed, or given where none is. A label has rows where it holds or was given.
    """
    import polars as pl

    rows: list[list[Any]] = []
    for film in found.films:
        moments = dict(film.pairs)
        for place, one in enumerate(film.truth):
            moment = film.given[moments[place]] if place in moments else None
            said = (moment.kind, moment.scene_id) if moment else (None, None)
            rows.append([film.video_id, one.start_s, one.end_s, "boundary", "", one.kind, *said])
        taken = set(moments.values())
        for place, one in enumerate(film.given):
            if place not in taken:
                start_s, end_s = one.start_s, one.end_s
                said = (one.kind, one.scene_id)
                rows.append([film.video_id, start_s, end_s, "boundary", "", None, *said])
    for row in rows:
        row.append(row[5] is not None and row[6] is not None)
    for pair in found.pairs:
        scene_id = pair.scene.id if pair.scene else None
        for *words, right in _said(pair, labels):
            stretch = [pair.video_id, pair.row.start_s, pair.row.end_s]
            rows.append([*stretch, *words, scene_id, right])
    schema = {
        "video_id": pl.String(),
        "title": pl.String(),
        "start_s": pl.Float64(),
        "end_s": pl.Float64(),
        "what": pl.String(),
        "name": pl.String(),
        "truth": pl.String(),
        "given": pl.String(),
        "right": pl.Boolean(),
        "scene_id": pl.String(),
    }
    shown = [
        [video_id, found.titles[video_id], *middle, right, scene_id]
        for video_id, *middle, scene_id, right in rows
    ]
    return columns.frame(shown, schema)


def _said(pair: Pair, labels: Sequence[str]) -> Iterator[tuple[str, str, str, str | None, bool]]:
    row: TruthRow = pair.row
    for label in labels:
        holds, given = row.holds(label), label in pair.tags
        if holds or (given and holds is not None):
            yield "label", label, _yes(bool(holds)), _yes(given), given == holds
    if felt := pair.feeling:
        yield "sentiment", "", *felt, felt[0] == felt[1]
    for one in pair.asked():
        shown = None if one.given is None else columns.as_json(one.given)
        true = columns.as_json(one.right) if one.known else f"not {columns.as_json(one.right)}"
        yield "answer", one.question, true, shown, one.is_right


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"
