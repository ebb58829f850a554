"""The measurements: frames in, numbers out. docs/signals.md says what they mean.

Everything is measured on copies whose longer side has :data:`SIDE` pixels at most, so that
the values do not depend on the video's resolution and a scene takes milliseconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Image = npt.NDArray[np.uint8]
    Floats = npt.NDArray[np.float32]

__all__ = [
    "SIDE",
    "brightness",
    "change",
    "colourfulness",
    "contrast",
    "is_black",
    "is_same",
    "is_single_colour",
    "luma",
    "saturation",
    "sharpness",
    "shrink",
    "warmth",
]

SIDE = 256
"""Longer side in pixels of the copies that are measured. Smaller frames are not enlarged."""


def shrink(rgb: Image, side: int = SIDE) -> Image:
    """The frame (height, width, 3) with no side longer than ``side`` pixels."""
    import cv2
    import numpy as np

    height, width = rgb.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return rgb
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def luma(rgb: Image) -> Floats:
    """Luma (ITU-R BT.601) of a frame, as (height, width) from 0 to 1."""
    import cv2
    import numpy as np

    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY) / np.float32(255), dtype=np.float32)


def brightness(grey: Floats) -> float:
    """Mean luma, 0 to 1."""
    return float(grey.mean())


def contrast(grey: Floats) -> float:
    """RMS contrast: the standard deviation of luma, 0 to 0.5.

    Peli, "Contrast in complex images", J. Opt. Soc. Am. A 7(10), 1990.
    """
    return float(grey.std())


def saturation(rgb: Image) -> float:
    """Mean saturation of the HSV model, 0 (grey) to 1."""
    import cv2

    return float(cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV)[..., 1].mean()) / 255


def colourfulness(rgb: Image) -> float:
    """How colourful people find a picture: 0 is grey, 33 moderate, 59 quite, 109 extremely.

    The measure M3 of Hasler & Süsstrunk, "Measuring colourfulness in natural images",
    Proc. SPIE 5007, 2003, and the words of its table 2.
    """
    import numpy as np

    red, green, blue = np.moveaxis(rgb.astype(np.float32), -1, 0)
    red_green, yellow_blue = red - green, (red + green) / 2 - blue
    spread = np.hypot(red_green.std(), yellow_blue.std())
    return float(spread + 0.3 * np.hypot(red_green.mean(), yellow_blue.mean()))


def warmth(rgb: Image) -> float:
    """Mean of red minus blue, -1 (blue) to 1 (red); a tint, not a colour temperature."""
    return float(rgb[..., 0].mean() - rgb[..., 2].mean()) / 255


def sharpness(grey: Floats) -> float:
    """Variance of the Laplacian of luma, in squared 8-bit levels; 0 for a flat picture.

    Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", ICPR 2000. A blurred
    picture has few edges, but so has a blue sky: compare within one kind of material.
    """
    import cv2
    import numpy as np

    edges = np.asarray(cv2.Laplacian(grey, cv2.CV_32F))
    return float(edges.var()) * 255**2


def change(earlier: Image, later: Image) -> float:
    """Mean absolute difference of two frames' red, green and blue, 0 to 1."""
    import cv2

    return float(cv2.absdiff(earlier, later).mean()) / 255


def is_same(earlier: Image, later: Image, share: float) -> bool:
    """Whether no more than this share of the pixels changed.

    A pixel changed when its red, green or blue did by more than 0.06 of its range, which the noise
    of encoders hardly reaches. The mean difference would not do: a moving mouse pointer is a
    thousandth of a picture.
    """
    import cv2

    changed = (cv2.absdiff(earlier, later) > 0.06 * 255).any(axis=-1)
    return float(changed.mean()) <= share


def is_black(grey: Floats, level: float, share: float) -> bool:
    """Whether at least this share of the pixels has luma up to ``level``.

    The rule of FFmpeg's ``blackdetect`` filter, whose defaults are 0.1 and 0.98.
    """
    return float((grey <= level).mean()) >= share


def is_single_colour(rgb: Image, tolerance: float) -> bool:
    """Whether 98% of the pixels are within ``tolerance`` of the median colour, in each channel."""
    import numpy as np

    middle = np.median(rgb.reshape(-1, 3), axis=0)
    near = (np.abs(rgb - middle) <= tolerance * 255).all(axis=-1)
    return float(near.mean()) >= 0.98
