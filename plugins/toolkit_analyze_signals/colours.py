"""Names of colours: each pixel gets the name of the nearest reference colour."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit_analyze_signals.measures import shrink

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Image = npt.NDArray[np.uint8]

__all__ = ["REFERENCES", "ColourNames"]

REFERENCES = {
    "black": ("#000000", "#232323"),
    "grey": ("#555555", "#808080", "#b4b4b4"),
    "white": ("#ffffff", "#ebebeb"),
    "red": ("#ff0000", "#c81e1e", "#8b0000"),
    "orange": ("#ff8c00", "#ffa500", "#e06a20"),
    "yellow": ("#ffff00", "#f0dc14", "#fff082"),
    "green": ("#00ff00", "#008000", "#006400", "#32cd32", "#6b8e23", "#90ee90"),
    "cyan": ("#00ffff", "#40e0d0", "#008b8b", "#78dce6"),
    "blue": ("#0000ff", "#1e32dc", "#4169e1", "#000080", "#6495ed", "#87ceeb", "#1f3b5c"),
    "purple": ("#800080", "#9400d3", "#4b0082", "#552a5c", "#c8a0e6"),
    "pink": ("#ffc0cb", "#ff69b4", "#faaac8"),
    "brown": ("#8b4513", "#a07850", "#654321", "#d2b48c"),
}
"""The eleven basic colour terms of Berlin & Kay, "Basic Color Terms", 1969, and cyan.

Each has a few reference colours (sRGB), because a name covers more than one point: navy and sky
are both blue. They are ours.
"""


class ColourNames:
    """Counts the named colours of pictures. Safe to share between threads."""

    def __init__(self) -> None:
        import numpy as np

        pairs = [(name, text) for name, texts in REFERENCES.items() for text in texts]
        rgb = np.array([list(bytes.fromhex(text[1:])) for _, text in pairs], dtype=np.uint8)
        self._names = list(REFERENCES)
        self._name_of = np.array([self._names.index(name) for name, _ in pairs])
        self._lab = _lab(rgb[None])[0]

    def shares(self, frames: list[Image]) -> dict[str, float]:
        """Share of each colour name in all pixels of the frames, the largest first.

        The nearest reference colour by Euclidean distance in CIELAB (CIE76), on copies of 64
        pixels: shares of areas need no more.
        """
        import numpy as np

        small = [shrink(frame, 64).reshape(1, -1, 3) for frame in frames]
        lab = _lab(np.concatenate(small, axis=1))[0]
        # |a - b|² without the |a|² that is the same for every reference colour.
        # Not by matmul: OpenBLAS's threads spin for three times as long as the whole takes.
        product = np.einsum("ij,kj->ik", lab, self._lab)
        distance = (self._lab**2).sum(axis=1) - 2 * product
        counts = np.bincount(self._name_of[distance.argmin(axis=1)], minlength=len(self._names))
        shares = {n: float(c) for n, c in zip(self._names, counts / counts.sum(), strict=True)}
        return dict(sorted(shares.items(), key=lambda item: -item[1]))


def _lab(rgb: Image) -> npt.NDArray[np.float32]:
    """CIELAB (L 0 to 100) of sRGB pixels, (rows, n, 3) uint8."""
    import cv2
    import numpy as np

    lab = cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
    return np.asarray(lab, dtype=np.float32)
