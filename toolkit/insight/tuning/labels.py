"""Label by label: what its reviews make of it, or why they change nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.insight import columns
from toolkit.insight.evaluation.figures import Bootstrap, Figure, divided, f1
from toolkit.insight.evaluation.gather import Pair
from toolkit.insight.tuning.calibrating import ISOTONIC_LEAST, Method
from toolkit.insight.tuning.fitting import (
    Sample,
    crossed,
    cut_of,
    fitted,
    probabilities,
    with_cut,
)
from toolkit.records import Label, Vocabulary
from toolkit.records.calibration import Calibration

if TYPE_CHECKING:
    import polars as pl

    from toolkit.insight.evaluation.figures import Array
    from toolkit.insight.tuning.fitting import Flags

__all__ = ["Tuned", "as_frame", "held_out", "samples", "tune_label"]

_FOLDS = 5


@dataclass(frozen=True)
class Tuned:
    """A label before and after.

    Attributes:
        before: As it is in the file.
        after: As it is to be; the same where nothing changes.
        sample: What people said, of scenes that have a score.
        reason: Why it is left alone, or "".
        given: Whether it was given to each scene before, and by what was fitted on other films;
            None where there were too few reviews to fit anything.
        method: What was learned for its calibration: of those that there were enough reviews for
            the one with the least log loss on held-out films.
        brier: The mean squared error of its probabilities before, and on held-out films.
        log_loss: Their log loss before, and on held-out films.
    """

    before: Label
    after: Label
    sample: Sample
    reason: str = ""
    given: tuple[Flags, Flags] | None = None
    method: Method | None = None
    brier: tuple[float, float] | None = None
    log_loss: tuple[float, float] | None = None

    @property
    def changed(self) -> bool:
        """Whether its threshold or calibration is another one."""
        return self.before != self.after


Scores = Callable[[Pair], dict[str, float]]
"""The scores of a scene, by the names of labels."""


def samples(
    pairs: Iterable[Pair], vocabulary: Vocabulary, scores: Scores
) -> dict[str, tuple[Sample, int]]:
    """Every label's sample, and how many reviewed scenes have no score of it.

    A review of a synonym is one of its label. Where both were reviewed and differ, neither counts.
    """
    import numpy as np

    rows: dict[str, list[tuple[str, float, bool]]] = {one.name: [] for one in vocabulary.labels}
    unscored = dict.fromkeys(rows, 0)
    for pair in pairs:
        said: dict[str, set[bool]] = {}
        for holds, words in ((True, pair.row.labels), (False, pair.row.without)):
            for word in words or ():
                if label := vocabulary.find(word):
                    said.setdefault(label.name, set()).add(holds)
        scored = scores(pair) if said else {}
        for name, verdicts in said.items():
            if len(verdicts) != 1:
                continue
            if name in scored:
                rows[name].append((pair.video_id, scored[name], verdicts.pop()))
            else:
                unscored[name] += 1
    return {
        name: (
            Sample(
                tuple(video for video, _, _ in found),
                np.array([score for _, score, _ in found], np.float64),
                np.array([holds for _, _, holds in found], np.bool_),
            ),
            unscored[name],
        )
        for name, found in rows.items()
    }


def tune_label(
    label: Label, sample: Sample, unscored: int, *, least: int, score: str = "probability"
) -> Tuned:
    """What the reviews of a label make of it.

    Nothing is changed that does not do better on held-out films, threshold and calibration each by
    itself.

    Args:
        label: The label.
        sample: What people said.
        unscored: How many reviewed scenes have no score.
        least: Fewest reviews; a quarter of them each way.
        score: What people call the scores.
    """
    if not label.phrasing:
        return Tuned(label, label, sample, "a mere category, which has no score")
    if reason := _too_little(sample, unscored, least, score):
        return Tuned(label, label, sample, reason)
    before = probabilities(label, sample.scores)
    given = before >= label.threshold
    ways: tuple[Method, ...] = ("platt",)
    if len(sample.holds) >= ISOTONIC_LEAST:
        ways = ("platt", "isotonic")
    tried = {way: crossed(label, sample, most=_FOLDS, by=way) for way in ways}
    method = min(ways, key=lambda way: _log_loss(tried[way][1], sample))
    crossed_given, sure = tried[method]
    brier = _brier(before, sample), _brier(sure, sample)
    log_loss = _log_loss(before, sample), _log_loss(sure, sample)
    better_cut = _f1(crossed_given, sample) > _f1(given, sample)
    calibrate = brier[1] < brier[0]
    found, cut = fitted(label, sample, by=method if calibrate else None)
    after = with_cut(found, cut if better_cut else cut_of(label), sample.scores)
    if not better_cut and not calibrate:
        after = label
    reason = "" if after != label else "nothing else does better on held-out films"
    return Tuned(label, after, sample, reason, (given, crossed_given), method, brier, log_loss)


def _too_little(sample: Sample, unscored: int, least: int, score: str) -> str:
    n, right = len(sample.holds), int(sample.holds.sum())
    each = max(1, least // 4)
    if not n and unscored:
        return f"{unscored} reviews, but the run has no {score} of it"
    if n < least:
        return f"{n} of {least} reviews"
    if right < each or n - right < each:
        return f"it holds in {right} of {n} reviews: {each} each way are needed"
    if len(set(sample.videos)) < 2:
        return "reviews of one film alone: there is none to hold out"
    return ""


def _f1(given: Flags, sample: Sample) -> float:
    right = int((given & sample.holds).sum())
    return 2 * right / max(1, int(given.sum()) + int(sample.holds.sum()))


def _brier(sure: Array, sample: Sample) -> float:
    return float(((sure - sample.holds) ** 2).mean())


def _log_loss(sure: Array, sample: Sample) -> float:
    import numpy as np

    right = np.where(sample.holds, sure, 1 - sure)
    return float(-np.log(np.maximum(right, 1e-6)).mean())


def held_out(tuned: Sequence[Tuned], *, resamples: int, seed: int) -> dict[str, Figure]:
    """Micro and macro F1 before and on held-out films, over all labels that had enough reviews.

    Labels that are left alone because nothing did better are among them: else the choice of those
    that did would look like skill.
    """
    import numpy as np

    tried = [one for one in tuned if one.given is not None]
    size, n = len(tried), sum(len(one.sample.holds) for one in tried)
    counts = np.zeros((n, 2, 3, size))
    videos: list[str] = []
    start = 0
    for place, one in enumerate(tried):
        assert one.given is not None
        rows = slice(start, start + len(one.sample.holds))
        start = rows.stop
        videos += one.sample.videos
        for when, given in enumerate(one.given):
            parts = (given & one.sample.holds, given & ~one.sample.holds, ~given & one.sample.holds)
            for what, flags in enumerate(parts):
                counts[rows, when, what, place] = flags

    def statistic(sums: Array) -> Array:
        parts = sums.reshape(len(sums), 2, 3, size)
        micro = f1(*(parts[:, :, what].sum(axis=2) for what in range(3)))
        each = f1(parts[:, :, 0], parts[:, :, 1], parts[:, :, 2])
        known = ~np.isnan(each)
        macro = divided(np.where(known, each, 0).sum(axis=2), known.sum(axis=2).astype(np.float64))
        found = [micro, micro[:, 1:] - micro[:, :1], macro, macro[:, 1:] - macro[:, :1]]
        return np.concatenate(found, axis=1)

    names = [
        f"{mean}_f1_{what}" for mean in ("micro", "macro") for what in ("before", "after", "gain")
    ]
    if not tried:
        return dict.fromkeys(names, Figure())
    bootstrap = Bootstrap(videos, resamples=resamples, seed=seed)
    found = bootstrap.figures(counts.reshape(n, -1), statistic)
    return dict(zip(names, found, strict=True))


def as_frame(tuned: Iterable[Tuned]) -> pl.DataFrame:
    """One row a label."""
    import polars as pl

    rows = []
    for one in tuned:
        before, after = one.given or (None, None)
        rows.append(
            [
                one.before.name,
                len(one.sample.holds),
                int(one.sample.holds.sum()),
                len(set(one.sample.videos)),
                one.before.threshold,
                one.after.threshold,
                _pair(one.before.calibration),
                _pair(one.after.calibration),
                _points(one.after.calibration),
                one.method,
                None if before is None else _f1(before, one.sample),
                None if after is None else _f1(after, one.sample),
                *(one.brier or (None, None)),
                *(one.log_loss or (None, None)),
                one.changed,
                one.reason,
            ]
        )
    number = pl.Float64()
    schema: dict[str, pl.DataType] = {
        "label": pl.String(),
        "reviews": pl.Int64(),
        "holds": pl.Int64(),
        "videos": pl.Int64(),
        "threshold_before": number,
        "threshold": number,
        "calibration_before": pl.List(number),
        "calibration": pl.List(number),
        "points": pl.List(pl.List(number)),
        "method": pl.String(),
        "f1_before": number,
        "f1": number,
        "brier_before": number,
        "brier": number,
        "log_loss_before": number,
        "log_loss": number,
        "changed": pl.Boolean(),
        "reason": pl.String(),
    }
    return columns.frame(rows, schema)


def _pair(calibration: Calibration | None) -> Calibration | None:
    return None if _points(calibration) else calibration


def _points(calibration: Calibration | None) -> Calibration | None:
    return calibration if calibration and isinstance(calibration[0], tuple) else None
