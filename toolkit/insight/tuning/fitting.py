"""A label's threshold and calibration, from scores of scenes of which people said whether it holds.

What is fitted is judged on films that it was not fitted on: scenes of one film resemble each other,
and a threshold that was found on one of them has seen the others already.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.insight.tuning import calibrating
from toolkit.insight.tuning.calibrating import Method, logits
from toolkit.records import Label
from toolkit.records.calibration import uncalibrated

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from toolkit.insight.evaluation.figures import Array

    Flags = NDArray[np.bool_]

__all__ = ["Sample", "crossed", "cut_of", "fitted", "folds", "probabilities", "with_cut"]


@dataclass(frozen=True)
class Sample:
    """What is known of a label: scores between 0 and 1, whether it holds, and in which film."""

    videos: tuple[str, ...]
    scores: Array
    holds: Flags

    def part(self, chosen: Flags) -> Sample:
        """The chosen scenes."""
        videos = tuple(name for name, is_in in zip(self.videos, chosen, strict=True) if is_in)
        return Sample(videos, self.scores[chosen], self.holds[chosen])

    @property
    def is_mixed(self) -> bool:
        """Whether there are scenes where it holds, and others where it does not."""
        return bool(self.holds.any() and not self.holds.all())


def probabilities(label: Label, scores: Array) -> Array:
    """The label's calibrated probabilities."""
    import numpy as np

    return np.array([label.probability(float(score)) for score in scores], np.float64)


def folds(sample: Sample, most: int) -> Iterator[Flags]:
    """The scenes that are held out, once each, film by film: as many parts, or one a film.

    Films where the label holds most often are dealt out first, so that all parts have some.
    """
    import numpy as np

    names = np.array(sample.videos)
    films = sorted(
        dict.fromkeys(sample.videos),
        key=lambda name: (-int(sample.holds[names == name].sum()), -int((names == name).sum())),
    )
    parts = min(most, len(films))
    for part in range(parts):
        yield np.isin(names, films[part::parts])


def cut_of(label: Label) -> float:
    """The score from which on the label holds, whatever its calibration."""
    return uncalibrated(label.threshold, label.calibration)


def with_cut(label: Label, cut: float, scores: Array) -> Label:
    """The label with the shortest threshold that parts these scores where the cut does."""
    exact = label.probability(cut)
    given = probabilities(label, scores)
    for digits in range(2, 12):
        short = round(exact, digits)
        if 0 <= short <= 1 and ((given >= short) == (scores >= cut)).all():
            return label.model_copy(update={"threshold": short})
    return label.model_copy(update={"threshold": exact})


def fitted(label: Label, sample: Sample, *, by: Method | None) -> tuple[Label, float]:
    """The label, calibrated if wanted, with the best cut for these scenes, and that cut.

    The best is that with the highest F1; of several, and if none is better than that of now, the
    nearest to that of now.
    """
    found = None if by is None else calibrating.METHODS[by](sample.scores, sample.holds)
    cut = _best_cut(sample, cut_of(label))
    if found is not None:
        label = label.model_copy(update={"calibration": found})
    return with_cut(label, cut, sample.scores), cut


def _best_cut(sample: Sample, now: float) -> float:
    import numpy as np

    distinct = np.unique(sample.scores)
    steps = logits(distinct)
    between = 1 / (1 + np.exp(-(steps[1:] + steps[:-1]) / 2))
    cuts = np.array([now, *between])
    given = sample.scores[None, :] >= cuts[:, None]
    right = (given & sample.holds).sum(axis=1)
    f1 = 2 * right / np.maximum(given.sum(axis=1) + sample.holds.sum(), 1)
    best = np.flatnonzero(f1 >= f1.max() - 1e-12)
    away = np.abs(logits(cuts[best]) - logits(np.array([now])))
    return float(cuts[best[np.argmin(away)]])


def crossed(label: Label, sample: Sample, *, most: int, by: Method) -> tuple[Flags, Array]:
    """Whether the label is given to each scene, and its probability, fitted on the other films."""
    import numpy as np

    given, sure = np.zeros(len(sample.scores), np.bool_), np.zeros(len(sample.scores))
    for held_out in folds(sample, most):
        rest = sample.part(~held_out)
        one = fitted(label, rest, by=by)[0] if rest.is_mixed else label
        sure[held_out] = probabilities(one, sample.scores[held_out])
        given[held_out] = sure[held_out] >= one.threshold
    return given, sure
