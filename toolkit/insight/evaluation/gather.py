"""The truth's rows, each with what a run says about the same stretch.

What machines say, that is: a person's reviews would be graded as the machine's own otherwise.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from toolkit.errors import TruthError
from toolkit.insight import machine, results
from toolkit.insight.evaluation.boundaries import Boundary, Seen, matched
from toolkit.insight.evaluation.truth import KINDS, Truth, TruthRow, ends
from toolkit.records import Analysis, Run, Scene, Source, Video
from toolkit.stages.store import Store
from toolkit.stages.tags import apart, named

__all__ = ["Gathered", "Pair", "gather"]


@dataclass(frozen=True)
class Pair:
    """A row, and what was said of the scene that shares most of its time; None: there is none.

    ``tags`` are the scene's labels with their best scores, ``scores`` the probabilities of labels
    whether given or not.
    """

    row: TruthRow
    video_id: str
    scene: Scene | None
    analysis: Analysis
    tags: dict[str, float]
    scores: dict[str, float]


@dataclass(frozen=True)
class Gathered:
    """All that figures are made of; ``missing`` are names of videos that the run does not have."""

    titles: dict[str, str]
    pairs: tuple[Pair, ...]
    films: tuple[Seen, ...]
    missing: tuple[str, ...]


def gather(store: Store, run: Run, truth: Truth, *, tolerance_s: float) -> Gathered:
    """Put the truth beside the run.

    Raises:
        TruthError: The run has none of the truth's videos, or a name stands for two of them.
    """
    videos = results.videos_of(store, run)
    sources = results.sources_of(store, run)
    titles = results.titles_of(videos, sources)
    rows, missing = _rows_of(truth, videos, sources, titles)
    pairs: list[Pair] = []
    films: list[Seen] = []
    for video in videos:
        if video.id not in rows:
            continue
        scenes = list(machine.scenes_of(store, run, [video]))
        told = [row for row in rows[video.id] if row.kind is not None]
        if told:
            films.append(_seen(video, told, scenes, tolerance_s))
        pairs += _pairs(store, run, video, rows[video.id], scenes)
    seen = {video_id: title for video_id, title in titles.items() if video_id in rows}
    return Gathered(seen, tuple(pairs), tuple(films), tuple(missing))


def _rows_of(
    truth: Truth, videos: Sequence[Video], sources: Iterable[Source], titles: dict[str, str]
) -> tuple[dict[str, list[TruthRow]], list[str]]:
    """The rows by the video that they name, and the names that no video has."""
    places = {(video.path, video.id) for video in videos}
    places |= {(source.uri, source.video_id) for source in sources if source.video_id}
    known = {video.id for video in videos}
    named: dict[str, str | None] = {}
    for name in dict.fromkeys(row.video for row in truth.rows):
        whole = {name, str(Path(name).expanduser().absolute())}
        fits = {id_ for place, id_ in places if place in whole} | ({name} & known)
        end = PurePath(name).as_posix()
        fits = fits or {id_ for place, id_ in places if _ends_with(place, end)}
        fits |= {id_ for id_, title in titles.items() if title == name}
        if len(fits) > 1:
            raise TruthError(
                f"'{name}' in {truth.name} stands for {len(fits)} videos of the run.",
                hint="Write their paths, or their ids as in run.videos.",
            )
        named[name] = next(iter(fits), None)
    rows: dict[str, list[TruthRow]] = {}
    for row in truth.rows:
        if video_id := named[row.video]:
            rows.setdefault(video_id, []).append(row)
    missing = [name for name, video_id in named.items() if video_id is None]
    if not rows:
        theirs, ours = ", ".join(missing[:3]) or "none", ", ".join([*titles.values()][:3]) or "none"
        raise TruthError(
            f"{truth.name} is about none of the run's videos.",
            hint=f"It names {theirs}; the run has {ours}.",
        )
    return rows, missing


def _ends_with(place: str, end: str) -> bool:
    return PurePath(place).as_posix().endswith(f"/{end}")


def _seen(
    video: Video, told: Sequence[TruthRow], scenes: Sequence[Scene], tolerance_s: float
) -> Seen:
    truth = [Boundary(*row.boundary, row.kind) for row in told if row.kind and row.kind in KINDS]
    truth.sort(key=lambda one: (one.start_s, one.end_s))
    # "split" parts what is too long: no boundary was seen there.
    given = [
        Boundary(scene.start_s, scene.start_s, scene.kind, scene.id)
        for scene in scenes
        if scene.kind in KINDS
    ]
    spans = [(one.start_s, one.end_s) for one in truth]
    pairs = matched(spans, [one.start_s for one in given], tolerance_s)
    return Seen(video.id, truth, given, pairs)


def _pairs(
    store: Store, run: Run, video: Video, rows: Sequence[TruthRow], scenes: Sequence[Scene]
) -> list[Pair]:
    starts = [scene.start_s for scene in scenes]
    chosen: list[tuple[TruthRow, Scene | None]] = []
    for row, end_s in zip(rows, ends(rows), strict=True):
        if row.tells_labels or row.sentiment or row.answers:
            first = max(0, bisect_right(starts, row.start_s) - 1)
            near = scenes[first : bisect_right(starts, end_s)]
            chosen.append((row, _most_shared(near, row.start_s, end_s)))
    wanted = {scene.id: scene for _, scene in chosen if scene}
    analyses: dict[str, Analysis] = {}
    tags: dict[str, dict[str, float]] = {}
    vocabulary = run.lineage.vocabulary
    for part in results.parts_of(wanted.values()):
        ids = [scene.id for scene in part]
        said = machine.answers_of(store, run, ids)
        tagged = machine.tags_on(store, run, ids)
        for scene in part:
            analyses[scene.id] = Analysis.of(scene.id, said[scene.id])
            merged = apart(named(tagged[scene.id], vocabulary), vocabulary)
            tags[scene.id] = {tag.label: tag.score for tag in merged}
    nothing = Analysis(scene_id="")
    scores = {id_: one.labels | vocabulary.scored(one.labels) for id_, one in analyses.items()}
    return [
        Pair(row, video.id, scene, analyses[scene.id], tags[scene.id], scores[scene.id])
        if scene
        else Pair(row, video.id, None, nothing, {}, {})
        for row, scene in chosen
    ]


def _most_shared(scenes: Sequence[Scene], start_s: float, end_s: float) -> Scene | None:
    """The scene that shares most time with the stretch, the first of several."""
    best, most_s = None, 0.0
    for scene in scenes:
        shared_s = min(scene.end_s, end_s) - max(scene.start_s, start_s)
        if shared_s > most_s:
            best, most_s = scene, shared_s
    return best
