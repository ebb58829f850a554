"""Records as lines of JSON: the form that loses nothing and can be read back.

The first line says what the file is, each further line is ``{"kind": …, "record": {…}}``, and the
last one says how many records of each kind there were, so that half a file is not taken for a whole
one. What speaks for others (a scan is complete, a source is this video) comes after them.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import IO, Any, cast

from pydantic_core import to_json

from toolkit.errors import SourceError
from toolkit.insight import machine, results
from toolkit.records import (
    Answer,
    Completion,
    Failure,
    Record,
    Review,
    Run,
    RunSource,
    Source,
    Tag,
    Video,
)
from toolkit.stages.store import KINDS, Store

__all__ = ["ORDER", "all_records", "read", "run_records", "write"]

_LAST = (Source, Completion, RunSource, Run)
ORDER = tuple(sorted(KINDS, key=lambda kind: _LAST.index(kind) + 1 if kind in _LAST else 0))
"""All kinds of records, those that speak for others last."""

_NAME, _VERSION = "video-analysis-toolkit", 1
_LONGEST = 1 << 26  # characters of a line; a record that a database takes has a quarter of that
_KINDS = {kind.__name__: kind for kind in KINDS}


def all_records(store: Store) -> Iterator[Record]:
    """All that a store holds."""
    for kind in ORDER:
        yield from store.stream(kind)


def run_records(store: Store, run: Run, videos: Iterable[Video]) -> Iterator[Record]:
    """All that a store holds of a run and these of its videos.

    Results that the run shares with others are among them; those that only others have are not.
    """
    videos = list(videos)
    ids = [video.id for video in videos]
    yield from videos
    for part in results.parts_of(machine.scenes_of(store, run, videos)):
        scenes = [scene.id for scene in part]
        answers: list[Answer] = []
        for said in machine.answers_of(store, run, scenes).values():
            answers += said
        tags: list[Tag] = []
        for given in machine.tags_on(store, run, scenes).values():
            tags += given
        yield from part
        yield from answers
        yield from tags
    for given in machine.video_tags_of(store, run, videos).values():
        yield from given
    yield from store.stream(Review, video_id=ids)
    for written in results.syntheses_of(store, run, videos).values():
        yield from written
    ways = store.find(RunSource, run_id=run.id)
    chosen = [way for way in ways if way.video_id in ids]
    # What led to no video belongs to the run as a whole, which is asked for with all its videos.
    if {way.video_id for way in ways if way.video_id} <= {*ids}:
        chosen = ways
        yield from store.stream(Failure, run_id=run.id)
    else:
        yield from store.stream(Failure, run_id=run.id, video_id=ids)
    yield from store.find(Source, id=[way.source_id for way in chosen])
    for part in results.parts_of(machine.scenes_of(store, run, videos)):
        scenes = [scene.id for scene in part]
        keys = list(run.lineage.generations)
        yield from store.find(Completion, item_id=scenes, stage="tags", key=keys)
    yield from store.find(Completion, item_id=ids, stage="scan", key=run.lineage.detector)
    yield from chosen
    yield run


def write(records: Iterable[Record], to: Path) -> Counter[str]:
    """Write records to a file, packed if it is named ``….gz``; how many of each kind there were."""
    counts: Counter[str] = Counter()
    with _opened(to, "w") as file:
        file.write(_line({"format": _NAME, "version": _VERSION}))
        for record in records:
            kind = type(record).__name__
            counts[kind] += 1
            file.write(_line({"kind": kind, "record": record.model_dump()}))
        file.write(_line({"counts": dict(counts)}))
    return counts


def read(path: Path) -> Iterator[Record]:
    """The records of a file, each looked over.

    Raises:
        SourceError: The file cannot be read, is another program's, was written by a newer version,
            is cut short, or a line of it is no record.
    """
    counts: Counter[str] = Counter()
    told: dict[str, int] | None = None
    try:
        with _opened(path, "r") as file:
            lines = _lines(path, file)
            first = _data(path, *next(lines, (1, "")))
            if first.get("format") != _NAME:
                raise SourceError(
                    f"'{path}' holds no records of the toolkit.",
                    hint="It takes files that toolkit export wrote as .jsonl; the other forms are "
                    "views, which do not hold everything.",
                    path=str(path),
                )
            if not isinstance(first.get("version"), int) or first["version"] > _VERSION:
                raise SourceError(
                    f"'{path}' was written by a newer version of the toolkit.",
                    hint="Upgrade with: pip install -U video-analysis-toolkit",
                    path=str(path),
                )
            for number, line in lines:
                data = _data(path, number, line)
                if "counts" in data:
                    told = data["counts"]
                    continue
                record = _record(path, number, data)
                counts[type(record).__name__] += 1
                yield record
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SourceError(f"'{path}' cannot be read: {reason}.", path=str(path)) from error
    if told != counts:
        raise SourceError(
            f"'{path}' is cut short: it does not hold as many records as it should.",
            hint="Export it again, or fetch it again.",
            path=str(path),
        )


def _opened(path: Path, mode: str) -> IO[str]:
    if path.suffix == ".gz":
        opened = gzip.open(path, f"{mode}t", compresslevel=5, encoding="utf-8", newline="\n")  # noqa: SIM115
        return cast("IO[str]", opened)
    return path.open(mode, encoding="utf-8", newline="\n")


def _lines(path: Path, file: IO[str]) -> Iterator[tuple[int, str]]:
    """The lines and their numbers: a packed file of a megabyte may hold one of a gigabyte."""
    for number in count(1):
        line = file.readline(_LONGEST)
        if not line:
            return
        if len(line) == _LONGEST:
            raise SourceError(
                f"Line {number} of '{path}' is longer than a record can be.",
                hint="It takes files that toolkit export wrote as .jsonl.",
                path=str(path),
            )
        yield number, line


def _line(data: dict[str, Any]) -> str:
    # Numbers that JSON has no words for are written as Python reads them.
    return to_json(data, inf_nan_mode="constants").decode() + "\n"


def _data(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        data = None
    if isinstance(data, dict):
        return data
    raise SourceError(
        f"'{path}' holds no records of the toolkit: line {number} is no JSON object.",
        hint="It takes files that toolkit export wrote as .jsonl.",
        path=str(path),
    )


def _record(path: Path, number: int, data: dict[str, Any]) -> Record:
    kind = _KINDS.get(str(data.get("kind")))
    try:
        if kind is None:
            raise ValueError(f"no kind of record is called {data.get('kind')!r}")
        return kind.model_validate(data.get("record"))
    except ValueError as error:
        reason = str(error).partition("\n  For further")[0]
        raise SourceError(
            f"Line {number} of '{path}' is no record: {reason}", path=str(path)
        ) from error
