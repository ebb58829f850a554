"""How far pictures are apart: as they stand, light aside, in colours, or after motion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit_scenes_planes.picture import BLACK, LEVELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolkit_scenes_planes.picture import Floats, Picture

__all__ = ["changes", "distance", "mixture", "nearest", "tinted", "unlike"]

_BLOCK = 3, 4
"""What moves as one, in coarse cells."""


def changes(before: Picture | None, taken: Sequence[Picture]) -> list[float]:
    """How much each picture differs from the one before it as it stands, in levels of 256."""
    import numpy as np

    row = [before or taken[0], *taken]
    fine = np.stack([picture.fine for picture in row])
    tint = np.stack([picture.coarse[1:] for picture in row])
    steps = np.abs(fine[1:] - fine[:-1]).mean(axis=(1, 2))
    tints = np.abs(tint[1:] - tint[:-1]).mean(axis=(1, 2, 3))
    result: list[float] = (steps + tints).tolist()
    return result


def distance(a: Picture, b: Picture) -> float:
    """How far apart two pictures are as they stand, light aside: 0, or about 1.1 if unrelated."""
    import numpy as np

    away = np.abs(a.normal - b.normal)
    return float(away.sum() / away.size)


def nearest(before: Sequence[Picture], after: Sequence[Picture], *, lit: bool = False) -> float:
    """The least distance of any picture before from any after.

    Args:
        before: Pictures.
        after: Others.
        lit: Light counts, and colours: in levels of 256.
    """
    import numpy as np

    def rows(pictures: Sequence[Picture]) -> Floats:
        return np.stack([(one.coarse if lit else one.normal).ravel() for one in pictures])

    away = np.abs(rows(before)[:, None] - rows(after))
    return float(away.sum(axis=2).min() / away.shape[2])


def mixture(a: Picture, b: Picture) -> float:
    """How far apart the colours are that two pictures consist of: 0 to 1."""
    import numpy as np

    return float(np.abs(a.histogram - b.histogram).sum() / 6)


def tinted(a: Picture, b: Picture) -> float:
    """How much colours differ beyond what brighter or dimmer light does to them, in levels."""
    import numpy as np

    black = np.float32(BLACK)
    gain = max(1.0, b.coarse[0].mean() - black) / max(1.0, a.coarse[0].mean() - black)
    before, after = (a.coarse[1:] - 128) * np.float32(gain), b.coarse[1:] - 128
    away = np.abs(before - after)
    return float(away.sum() / away.size) / max(1.0, float(gain))


def unlike(a: Picture, b: Picture) -> Floats:
    """For each block of `b`, how far it is from anything near that place in `a`.

    Motion by block matching: full search on normalised brightness, mean absolute difference.
    """
    import numpy as np

    views, shown = a.shifted, b.shown
    high, wide = min(_BLOCK[0], shown.shape[0]), min(_BLOCK[1], shown.shape[1])
    rows, columns = shown.shape[0] // high, shown.shape[1] // wide
    shown = shown[: rows * high, : columns * wide]
    views = views[..., : rows * high, : columns * wide]
    away = np.maximum(views, shown)
    away -= np.minimum(views, shown)
    # Adding slices is many times as fast as summing along short axes; whole lines first.
    lines = away[..., ::high, :].astype(np.uint16)
    for row in range(1, high):
        lines += away[..., row::high, :]
    blocks = lines[..., ::wide].copy()
    for column in range(1, wide):
        blocks += lines[..., column::wide]
    best: Floats = blocks.min(axis=(0, 1)) * np.float32(1 / (high * wide * LEVELS))
    return best
