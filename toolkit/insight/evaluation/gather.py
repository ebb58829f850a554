"""The truth's rows, each with what a run says about the same stretch.

What machines say, that is: a person's reviews would be graded as the machine's own otherwise.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from toolkit.errors import TruthError
from toolkit.insight import machine, results
from toolkit.insight.evaluation.answers import Asked, same
from toolkit.insight.evaluation.boundaries import Boundary, Seen, matched
from toolkit.insight.evaluation.sentiment import ANOTHER
from toolkit.insight.evaluation.truth import ANY, KINDS, Moment, Truth, TruthRow, ends
from toolkit.insight.reviews import TOLERANCE_S, overlap
from toolkit.records import Analysis, Run, Scene, Source, Video, Vocabulary
from toolkit.records.vocabulary import folded
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

    @property
    def feeling(self) -> tuple[str, str | None] | None:
        """The true sentiment and the given one; None where there is nothing to judge."""
        said = self.analysis.sentiment
        given = said.label if said else None
        if self.row.sentiment:
            return self.row.sentiment, given
        return (ANOTHER, given) if given and given == self.row.wrong_sentiment else None

    def asked(self) -> Iterator[Asked]:
        """The questions that can be judged; in which case they are written does not matter."""
        values = {name.casefold(): value for name, value in self.analysis.values.items()}
        for question, right in self.row.answers.items():
            yield Asked(question, right, values.get(question.casefold()))
        for question, wrong in self.row.wrong_answers.items():
            given = values.get(question.casefold())
            if given is not None and same(wrong, given):
                yield Asked(question, wrong, given, known=False)


@dataclass(frozen=True)
class Gathered:
    """All that figures are made of.

    ``missing`` are names of videos that the run does not have, ``unmatched`` is how many rows have
    no scene that has enough in common with them.
    """

    titles: dict[str, str]
    pairs: tuple[Pair, ...]
    films: tuple[Seen, ...]
    missing: tuple[str, ...]
    unmatched: int = 0


def gather(store: Store, run: Run, truth: Truth, *, tolerance_s: float) -> Gathered:
    """Put the truth beside the run.

    Raises:
        TruthError: The run has none of the truth's videos, or a name stands for two of them.
    """
    videos = results.videos_of(store, run)
    sources = results.sources_of(store, run)
    titles = results.titles_of(videos, sources)
    named, missing = _named(truth, videos, sources, titles)
    rows: dict[str, list[TruthRow]] = {}
    moments: dict[str, list[Moment]] = {}
    for row in truth.rows:
        rows.setdefault(named[row.video] or "", []).append(row)
    for moment in truth.moments:
        moments.setdefault(named[moment.video] or "", []).append(moment)
    pairs: list[Pair] = []
    films: list[Seen] = []
    unmatched = 0
    for video in videos:
        if video.id not in {*rows, *moments}:
            continue
        scenes = list(machine.scenes_of(store, run, [video]))
        told = rows.get(video.id, [])
        if any(row.kind is not None for row in told):
            films.append(_seen(video, told, scenes, tolerance_s))
        elif video.id in moments:
            films.append(_seen_at(video, moments[video.id], scenes, tolerance_s))
        chosen = _chosen(told, scenes)
        if truth.overlap:
            near = [(row, scene) for row, scene in chosen if _is_near(row, scene, truth.overlap)]
            unmatched += len(chosen) - len(near)
            chosen = near
        pairs += _pairs(store, run, video, chosen, truth)
    seen = {id_: title for id_, title in titles.items() if id_ in {*rows, *moments}}
    return Gathered(seen, tuple(pairs), tuple(films), tuple(missing), unmatched)


def _is_near(row: TruthRow, scene: Scene | None, least: float) -> bool:
    end_s = scene.end_s if scene and row.end_s is None else row.end_s
    return scene is not None and overlap(row.start_s, end_s or 0.0, scene) >= least


def _named(
    truth: Truth, videos: Sequence[Video], sources: Iterable[Source], titles: dict[str, str]
) -> tuple[dict[str, str | None], list[str]]:
    """The truth's names of videos -> their ids, and the names that no video has."""
    places = {(video.path, video.id) for video in videos}
    places |= {(source.uri, source.video_id) for source in sources if source.video_id}
    known = {video.id for video in videos}
    named: dict[str, str | None] = {}
    names = [*(row.video for row in truth.rows), *(moment.video for moment in truth.moments)]
    for name in dict.fromkeys(names):
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
    missing = [name for name, video_id in named.items() if video_id is None]
    if len(missing) == len(named):
        theirs, ours = ", ".join(missing[:3]) or "none", ", ".join([*titles.values()][:3]) or "none"
        raise TruthError(
            f"{truth.name} is about none of the run's videos.",
            hint=f"It names {theirs}; the run has {ours}.",
        )
    return named, missing


def _ends_with(place: str, end: str) -> bool:
    return PurePath(place).as_posix().endswith(f"/{end}")


def _seen(
    video: Video, told: Sequence[TruthRow], scenes: Sequence[Scene], tolerance_s: float
) -> Seen:
    truth = [Boundary(*row.boundary, row.kind) for row in told if row.kind and row.kind in KINDS]
    truth.sort(key=lambda one: (one.start_s, one.end_s))
    given = _given(scenes)
    spans = [(one.start_s, one.end_s) for one in truth]
    pairs = matched(spans, [one.start_s for one in given], tolerance_s)
    return Seen(video.id, truth, given, pairs)


def _given(scenes: Sequence[Scene]) -> list[Boundary]:
    # "split" parts what is too long: no boundary was seen there.
    return [
        Boundary(scene.start_s, scene.start_s, scene.kind, scene.id)
        for scene in scenes
        if scene.kind in KINDS
    ]


def _seen_at(
    video: Video, moments: Sequence[Moment], scenes: Sequence[Scene], tolerance_s: float
) -> Seen:
    """The boundaries at single moments, and those given near one of them."""
    times = sorted(moment.at_s for moment in moments)
    reach = max(tolerance_s, TOLERANCE_S)
    truth = [Boundary(one.at_s, one.at_s, ANY) for one in moments if one.holds]
    truth.sort(key=lambda one: one.start_s)
    given = [
        one
        for one in _given(scenes)
        if bisect_left(times, one.start_s - reach) < bisect_right(times, one.start_s + reach)
    ]
    spans = [(one.start_s, one.end_s) for one in truth]
    pairs = matched(spans, [one.start_s for one in given], tolerance_s)
    return Seen(video.id, truth, given, pairs)


def _chosen(
    rows: Sequence[TruthRow], scenes: Sequence[Scene]
) -> list[tuple[TruthRow, Scene | None]]:
    """The rows that tell of scenes' content, each with the scene that shares most of its time."""
    starts = [scene.start_s for scene in scenes]
    chosen: list[tuple[TruthRow, Scene | None]] = []
    for row, end_s in zip(rows, ends(rows), strict=True):
        if row.tells_content:
            first = max(0, bisect_right(starts, row.start_s) - 1)
            near = scenes[first : bisect_right(starts, end_s)]
            chosen.append((row, _most_shared(near, row.start_s, end_s)))
    return chosen


def _pairs(
    store: Store,
    run: Run,
    video: Video,
    chosen: Sequence[tuple[TruthRow, Scene | None]],
    truth: Truth,
) -> list[Pair]:
    spelled = _spelled(truth, run.lineage.vocabulary)
    wanted = {scene.id: scene for _, scene in chosen if scene}
    analyses: dict[str, Analysis] = {}
    tags: dict[str, dict[str, float]] = {}
    scores: dict[str, dict[str, float]] = {}
    vocabulary = run.lineage.vocabulary
    for part in results.parts_of(wanted.values()):
        ids = [scene.id for scene in part]
        said = machine.answers_of(store, run, ids)
        tagged = machine.tags_on(store, run, ids)
        for scene in part:
            analyses[scene.id] = Analysis.of(scene.id, said[scene.id])
            merged = apart(named(tagged[scene.id], vocabulary), vocabulary)
            tags[scene.id] = spelled({tag.label: tag.score for tag in merged})
            sure = analyses[scene.id].labels
            scores[scene.id] = spelled(sure | vocabulary.scored(sure))
    nothing = Analysis(scene_id="")
    return [
        Pair(row, video.id, scene, analyses[scene.id], tags[scene.id], scores[scene.id])
        if scene
        else Pair(row, video.id, None, nothing, {}, {})
        for row, scene in chosen
    ]


def _spelled(
    truth: Truth, vocabulary: Vocabulary
) -> Callable[[dict[str, float]], dict[str, float]]:
    """What names labels as the truth does, which may write them in another case or by a synonym."""
    known = frozenset(truth.labels)
    words: dict[str, str] = {}
    for label in truth.labels:
        found = vocabulary.find(label)
        words.setdefault(folded(found.name if found else label), label)

    def spelled(values: dict[str, float]) -> dict[str, float]:
        best: dict[str, float] = {}
        for name, value in values.items():
            label = name if name in known else words.get(folded(name), name)
            best[label] = max(value, best.get(label, 0.0))
        return best

    return spelled


def _most_shared(scenes: Sequence[Scene], start_s: float, end_s: float) -> Scene | None:
    """The scene that shares most time with the stretch, the first of several."""
    best, most_s = None, 0.0
    for scene in scenes:
        shared_s = min(scene.end_s, end_s) - max(scene.start_s, start_s)
        if shared_s > most_s:
            best, most_s = scene, shared_s
    return best
