"""Reviews from a CSV file: each line is looked over before one is kept."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from pydantic import JsonValue

from toolkit.errors import ConfigError, SourceError, choices
from toolkit.exchange import provenance
from toolkit.insight import results
from toolkit.insight.reviewing import made, types_of
from toolkit.insight.reviews import SAME, number, overlap
from toolkit.records import Answer, Review, ReviewAction, ReviewTarget, Run, Scene, Video
from toolkit.stages.store import Store

__all__ = ["COLUMNS", "read", "value_of"]

COLUMNS = (
    "video_id",
    "path",
    "title",
    "scene_id",
    "index",
    "start_s",
    "end_s",
    "target",
    "action",
    "name",
    "value",
    "reviewer",
    "at",
    "review_id",
)
"""The columns that are read: those of ``run.reviews``, of which "action" alone must be there."""

_IGNORED = ("counts", "conflict", *provenance.NAMES)
_MOST = 10  # mistakes that are told


def value_of(text: str, target: str, *, typed: bool = True) -> JsonValue:
    """A value as it is written in a cell or an option: JSON, or text as it is.

    Numbers, lists and the like are for boundaries and for questions that have a type alone; a
    boundary that is moved may be written "12.5:13".
    """
    if target == "boundary" and text.count(":") == 1:
        before, _, after = text.partition(":")
        try:
            return {"from": float(before), "to": float(after)}
        except ValueError:
            pass  # it is said where the value is looked over
    try:
        value: JsonValue = json.loads(text)
    except ValueError:
        return text
    if isinstance(value, str) or target == "boundary" or (target == "answer" and typed):
        return value
    return text


def read(store: Store, run: Run, path: Path, *, reviewer: str | None = None) -> list[Review]:
    """The reviews of a file with the columns :data:`COLUMNS`; none is saved here.

    A line's scene is its ``scene_id``; or its ``index``; or the scene from ``start_s`` to
    ``end_s``. The video (``video_id`` or the start of it, ``path`` or ``title``) may be left out
    where the run has one alone. A line with no scene is about the whole video. A line with the
    ``review_id`` of a review that is there already is left out.

    Args:
        store: Where the run is.
        run: Which scenes are meant.
        path: The file.
        reviewer: Who, where a line does not say; None for who is logged in.

    Raises:
        SourceError: The file cannot be read, or lines of it make no sense: which, and why.
    """
    videos = results.videos_of(store, run)
    places = _Places(store, run, videos)
    mistakes: list[str] = []
    lines: list[tuple[int, dict[str, str], Scene | Video]] = []
    given = list(_lines(path))
    ids = [line["review_id"] for _, line in given if line.get("review_id")]
    there = {review.id for review in store.find(Review, id=ids)}
    for number_, line in given:
        if line.get("review_id") in there:
            continue
        try:
            lines.append((number_, line, places.find(line)))
        except ConfigError as error:
            mistakes.append(f"line {number_}: {error.message}")
    answers: dict[str, tuple[Answer, ...]] = {}
    scenes = {one.id: one for _, _, one in lines if isinstance(one, Scene)}
    for part in results.parts_of(scenes.values()):
        answers |= results.answers_of(store, run, part)
    reviews = []
    for number_, line, subject in lines:
        try:
            reviews.append(_review(store, line, subject, answers.get(subject.id, ()), reviewer))
        except ConfigError as error:
            mistakes.append(f"line {number_}: {error.message}")
    if mistakes:
        mistakes.sort(key=lambda one: int(one[5:].partition(":")[0]))
        more = len(mistakes) - _MOST
        shown = [*mistakes[:_MOST], *([f"and {more} more"] if more > 0 else [])]
        raise SourceError(
            f"'{path}' was not imported, for {len(mistakes)} of its lines make no sense.\n"
            + "\n".join(shown),
            hint="Mend them and import it again; none of it was saved.",
            path=str(path),
        )
    return reviews


def _lines(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """The lines that say something, with their numbers, and cells without blanks around them."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            names = [name.strip().lower() for name in reader.fieldnames or ()]
            reader.fieldnames = names
            _check(path, names)
            before = reader.line_num
            for row in reader:
                number_, before = before + 1, reader.line_num
                if None in row or None in row.values():
                    raise SourceError(
                        f"Line {number_} of '{path}' has not as many cells as the first line.",
                        hint="Text with a comma in it belongs in double quotes.",
                        path=str(path),
                    )
                # Exports put a ' before what a spreadsheet would compute.
                cells = {name: text.strip().removeprefix("'") for name, text in row.items()}
                if any(cells.values()):
                    yield number_, cells
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise SourceError(f"'{path}' cannot be read: {reason}.", path=str(path)) from error


def _check(path: Path, names: Sequence[str]) -> None:
    known = (*COLUMNS, *_IGNORED)
    for name in names:
        if name not in known:
            raise SourceError(
                f"Line 1 of '{path}': there is no column '{name}'.",
                hint=choices(name, known),
                path=str(path),
            )
    if "action" not in names:
        raise SourceError(
            f"Line 1 of '{path}': the column 'action' is missing.",
            hint=f"Columns are {', '.join(COLUMNS)}.",
            path=str(path),
        )


class _Places:
    """Finds what lines are about; a video's scenes are read once."""

    def __init__(self, store: Store, run: Run, videos: Sequence[Video]) -> None:
        self._store = store
        self._run = run
        self._videos = videos
        self._titles = results.titles_of(videos, results.sources_of(store, run))
        self._scenes: dict[str, list[Scene]] = {}

    def find(self, line: Mapping[str, str]) -> Scene | Video:
        """The scene or the video.

        Raises:
            ConfigError: The run has none such.
        """
        id_ = line.get("scene_id", "")
        index, span = line.get("index", ""), (line.get("start_s", ""), line.get("end_s", ""))
        videos = self._named(line)
        if not (id_ or index or all(span)):
            return self._one(videos)
        if id_:
            for video in videos:
                for scene in self._of(video):
                    if scene.id == id_:
                        return scene
            if not all(span):
                raise ConfigError(f"The run has no scene '{id_}'.")
        video = self._one(videos)
        if all(span):
            start_s, end_s = (_number(text) for text in span)
            for scene in self._of(video):
                if overlap(start_s, end_s, scene) >= SAME:
                    return scene
            raise ConfigError(f"The video has no scene from {start_s} s to {end_s} s.")
        for scene in self._of(video):
            if str(scene.index) == index:
                return scene
        raise ConfigError(f"The video has no scene {index}.")

    def _named(self, line: Mapping[str, str]) -> list[Video]:
        """The videos that a line may mean."""
        found = list(self._videos)
        if text := line.get("video_id", ""):
            found = [one for one in found if one.id.startswith(text)]
        if text := line.get("path", ""):
            found = [one for one in found if text in (one.path, Path(one.path).name)]
        if text := line.get("title", ""):
            found = [one for one in found if self._titles[one.id] == text]
        if not found:
            raise ConfigError("The run has no such video.")
        return found

    def _one(self, videos: Sequence[Video]) -> Video:
        if len(videos) > 1:
            raise ConfigError(f"It does not say which of {len(videos)} videos it means.")
        return videos[0]

    def _of(self, video: Video) -> list[Scene]:
        if video.id not in self._scenes:
            found = results.scenes_of(self._store, self._run, [video])
            self._scenes[video.id] = list(found)
        return self._scenes[video.id]


def _review(
    store: Store,
    line: Mapping[str, str],
    subject: Scene | Video,
    answers: Sequence[Answer],
    reviewer: str | None,
) -> Review:
    target, name = line.get("target", "") or "tag", line.get("name", "")
    types = types_of(store, answers) if target == "answer" else {}
    text = line.get("value", "")
    value = value_of(text, target, typed=name.casefold() in types) if text else None
    data: dict[str, Any] = {"name": name, "value": value, "types": types}
    review = made(
        subject,
        answers,
        target=cast("ReviewTarget", target),
        action=cast("ReviewAction", line["action"]),
        reviewer=line.get("reviewer") or reviewer,
        at=_moment(line.get("at", "")),
        **data,
    )
    return review.model_copy(update={"id": line.get("review_id") or review.id})


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"'{text}' is no moment such as 2026-11-27T18:30:00Z.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _number(text: str) -> float:
    try:
        value = number(json.loads(text))
    except ValueError:
        value = None
    if value is None:
        raise ConfigError(f"'{text}' is no time in seconds.")
    return value
