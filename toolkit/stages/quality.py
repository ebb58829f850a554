"""What a small copy of a frame tells about it: black, sharp, or the same as another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.stages.decode import ImageFormat

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Luma = npt.NDArray[np.uint8]

__all__ = ["is_black", "luma", "same", "sharpness"]

_DARK, _MOST_OF_IT = 32, 0.98
_BLOCK, _LEVELS = 16, 4.0


def luma(image: npt.NDArray[np.uint8], image_format: ImageFormat) -> Luma:
    """The brightness of a detector's small frame, as (height, width) uint8."""
    import numpy as np

    if image_format == "gray":
        return image
    if image_format == "yuv420p":
        return image[: len(image) * 2 // 3]
    weights = np.array([29, 150, 77], np.uint16)  # of blue, green, red (BT.601), in 256ths
    grey: Luma = ((image * weights).sum(axis=2, dtype=np.uint32) >> 8).astype(np.uint8)
    return grey


def is_black(image: Luma) -> bool:
    """Whether 98% of it are darker than level 32: FFmpeg's `blackframe` filter at its defaults."""
    import numpy as np

    return float(np.count_nonzero(image < _DARK)) >= _MOST_OF_IT * image.size


def sharpness(image: Luma) -> float:
    """Variance of the Laplacian (Pech-Pacheco et al., ICPR 2000). Compare it within a scene only.

    Blur narrower than a pixel of the small copy cannot be seen in it.
    """
    import numpy as np

    if min(image.shape) < 3:
        return 0.0
    grey = image.astype(np.int16)
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float((around - 4 * grey[1:-1, 1:-1]).var())


def same(a: Luma, b: Luma) -> bool:
    """Whether no block of 16 x 16 pixels differs by more than 4 levels on average.

    Averages of blocks: noise cancels out, and a small thing that moves still shows.
    """
    import numpy as np

    height, width = a.shape
    down, across = np.arange(0, height, _BLOCK), np.arange(0, width, _BLOCK)
    change = a.astype(np.int32) - b
    sums = np.add.reduceat(np.add.reduceat(change, down, axis=0), across, axis=1)
    sizes = np.outer(np.diff(down, append=height), np.diff(across, append=width))
    return bool((np.abs(sums) <= _LEVELS * sizes).all())
