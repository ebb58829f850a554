"""What all measures share: ratios, F1, and how sure a figure is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[np.float64]

__all__ = ["Bootstrap", "Figure", "divided", "f1"]

_CHUNK = 2_000_000
"""Most weights that are drawn at once."""
_MANY_VIDEOS = 20


@dataclass(frozen=True)
class Figure:
    """A measure with its 95% interval; None where nothing was there to measure by."""

    value: float | None = None
    low: float | None = None
    high: float | None = None


def divided(part: Array, whole: Array) -> Array:
    """Quotients; NaN where the whole is 0."""
    import numpy as np

    found = np.full(np.shape(whole), np.nan)
    np.divide(part, whole, out=found, where=whole > 0)
    return found


def f1(right: Array, wrong: Array, missed: Array) -> Array:
    """Harmonic means of precision and recall, from counts; NaN where there is nothing."""
    return divided(2 * right, 2 * right + wrong + missed)


class Bootstrap:
    """How much figures would vary with other scenes: percentiles of resampled sums.

    The percentile interval of Efron, "Bootstrap Methods: Another Look at the Jackknife" (Annals of
    Statistics 7, 1979), 2.5% to 97.5%. Scenes of one video resemble each other, so whole videos
    are drawn where there are 20 or more; with fewer, scenes, and the intervals are rather narrow.

    Args:
        videos: The video of each item.
        resamples: How many times to draw.
        seed: What chance starts from: the same seed, the same intervals.
    """

    def __init__(self, videos: Sequence[str], *, resamples: int, seed: int) -> None:
        self._resamples = resamples
        self._seed = seed
        order = {name: place for place, name in enumerate(dict.fromkeys(videos))}
        self.unit = "videos" if len(order) >= _MANY_VIDEOS else "scenes"
        self._groups = [order[name] for name in videos] if self.unit == "videos" else None

    def figures(self, counts: Array, statistic: Callable[[Array], Array]) -> list[Figure]:
        """The statistics of the sums of counts, with their intervals.

        Args:
            counts: One row an item, as (items, k).
            statistic: From sums (n, k) to statistics (n, m); NaN where there is none.
        """
        import numpy as np

        counts = np.asarray(counts, np.float64)
        values = statistic(counts.sum(axis=0, keepdims=True))[0]
        if self._groups is not None:
            grouped = np.zeros((max(self._groups) + 1, counts.shape[1]))
            np.add.at(grouped, self._groups, counts)
            counts = grouped
        n = len(counts)
        if n < 2 or not self._resamples:
            return [Figure(_known(value)) for value in values]
        rng = np.random.default_rng(self._seed)
        step = max(1, _CHUNK // n)
        drawn = []
        for begun in range(0, self._resamples, step):
            times = min(step, self._resamples - begun)
            weights = rng.multinomial(n, np.full(n, 1 / n), size=times)
            drawn.append(statistic(weights.astype(np.float64) @ counts))
        found = np.concatenate(drawn)
        figures = []
        for place, value in enumerate(values):
            column = found[:, place]
            column = column[~np.isnan(column)]
            if np.isnan(value) or not len(column):
                figures.append(Figure(_known(value)))
            else:
                low, high = np.percentile(column, [2.5, 97.5])
                figures.append(Figure(float(value), float(low), float(high)))
        return figures


def _known(value: float) -> float | None:
    return None if value != value else float(value)  # noqa: PLR0124 - only NaN differs from itself
