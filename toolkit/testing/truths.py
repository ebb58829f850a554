"""Truth files of films whose content is known, for ``toolkit evaluate``."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toolkit.testing.clips import FilmTruth
from toolkit.testing.world import ATTRIBUTES

__all__ = ["QUESTIONS", "write_truth"]

QUESTIONS = {
    "What colour is the shape?": "colour",
    "What shape is it?": "shape",
    "Which way does it move?": "motion",
}
"""Questions about the world of the clips, and the attribute that answers each."""


def write_truth(
    path: str | os.PathLike[str],
    films: Mapping[str, FilmTruth],
    *,
    questions: Mapping[str, str] = QUESTIONS,
) -> None:
    """Write what `write_film` returned of films as a truth file, JSON lines.

    Every scene has its boundary, the phrases that hold for it as labels (`ClipTruth.statements`),
    its sentiment, and the answers to `questions`: their words, and the attribute that answers them.
    `films` are named as the truth's rows name videos: by their paths or file names.
    """
    unknown = set(questions.values()) - set(ATTRIBUTES)
    if unknown:
        raise ValueError(f"unknown attributes: {', '.join(sorted(unknown))}")
    lines = [
        json.dumps(row, ensure_ascii=False)
        for name, film in films.items()
        for row in _rows(name, film, questions)
    ]
    Path(path).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _rows(name: str, film: FilmTruth, questions: Mapping[str, str]) -> list[dict[str, Any]]:
    rows = []
    for index, scene in enumerate(film.scenes):
        row: dict[str, Any] = {"video": name, "start_s": scene.start_s, "end_s": scene.end_s}
        row["kind"] = "start"
        if index:
            boundary = film.boundaries[index - 1]
            row["kind"] = boundary.kind
            row |= {"boundary_start_s": boundary.start_s, "boundary_end_s": boundary.end_s}
        row["labels"] = [*scene.truth.statements().values()]
        row["sentiment"] = scene.truth.sentiment
        row["answers"] = {words: getattr(scene.truth, what) for words, what in questions.items()}
        rows.append(row)
    return rows
