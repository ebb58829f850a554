"""What the features of a candidate say: a logistic regression on them and their products.

The weights come from `tools/train_scenes_planes.py`, which says what they were trained on.
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

__all__ = ["Judge", "judges", "terms"]


class Judge:
    """Gives a candidate its odds.

    Args:
        mean: Means of the features.
        scale: Their deviations.
        weights: One a term, see `terms`; the last one stands alone.
    """

    def __init__(
        self, mean: Sequence[float], scale: Sequence[float], weights: Sequence[float]
    ) -> None:
        import numpy as np

        self._mean, self._scale = np.array(mean), np.array(scale)
        self._weights = np.array(weights)

    def __call__(self, features: Sequence[float]) -> float:
        """Logarithm of the odds that the candidate is a boundary: above 0 it rather is."""
        import numpy as np

        values = terms((np.array(features) - self._mean) / self._scale)
        # Not a matrix product: its library would start threads.
        return float((values * self._weights[:-1]).sum() + self._weights[-1])


def terms(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Standardised features (along the last axis), followed by their products, two by two."""
    import numpy as np

    values = values.clip(-4, 4)
    first, second = _pairs(values.shape[-1])
    return np.concatenate([values, values[..., first] * values[..., second]], axis=-1)


@lru_cache(maxsize=8)
def _pairs(count: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    import numpy as np

    return np.triu_indices(count)


@lru_cache(maxsize=1)
def judges() -> dict[str, Judge]:
    """The trained ones, by kind of boundary."""
    text = files("toolkit_scenes_planes").joinpath("weights.json").read_text(encoding="utf-8")
    return {kind: Judge(**weights) for kind, weights in json.loads(text).items()}
