"""Faces, where the user has a model for OpenCV's detector.

OpenCV 5 ships no detector that works by itself: the Haar cascades are gone, and the YuNet detector
comes without its weights. So faces are looked for where the options name a YuNet model.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, cast

from toolkit.errors import ModelError
from toolkit_analyze_signals.measures import shrink

if TYPE_CHECKING:
    import cv2
    import numpy as np
    import numpy.typing as npt

__all__ = ["FaceFinder", "shot_scale"]

SIDE = 640
"""Longer side in pixels of the pictures searched: YuNet finds faces of about 10 pixels and up."""


class FaceFinder:
    """Finds faces with YuNet. Belongs to one thread.

    Wu, Peng & Yu, "YuNet: A tiny millisecond-level face detector", Machine Intelligence Research
    20, 2023.

    Args:
        model: Path of the ``.onnx`` file; it is read now and loaded at the first picture.
        min_score: The detector's score (0 to 1) from which a face counts.

    Raises:
        ModelError: The file cannot be read.
    """

    def __init__(self, model: Path, min_score: float) -> None:
        self.model = model
        self._min_score = min_score
        self._net: cv2.FaceDetectorYN | None = None
        try:
            self._weights = model.read_bytes()
        except OSError as error:
            raise ModelError(
                f"The face model '{model}' cannot be read: {error.strerror}.",
                hint="face_model takes the path of a YuNet .onnx file; empty means no faces.",
                path=str(model),
            ) from error

    @property
    def digest(self) -> str:
        """A hash of the model's content."""
        return hashlib.blake2b(self._weights, digest_size=16).hexdigest()

    def heights(self, rgb: npt.NDArray[np.uint8]) -> list[float]:
        """Height of each face in the picture, as a share of the picture's height.

        Raises:
            ModelError: The model does not fit.
        """
        import cv2

        picture = cv2.cvtColor(shrink(rgb, SIDE), cv2.COLOR_RGB2BGR)
        height, width = picture.shape[:2]
        try:
            if self._net is None:
                self._net = self._load()
            self._net.setInputSize((width, height))
            # None where there is no face: OpenCV's annotations do not say so.
            found = cast("npt.NDArray[np.float32] | None", self._net.detect(picture)[1])
        except cv2.error as error:
            raise ModelError(
                f"OpenCV cannot use '{self.model.name}' as a face model.",
                hint="face_model takes a YuNet model, such as face_detection_yunet_2023mar.onnx.",
                path=str(self.model),
            ) from error
        if found is None:
            return []
        # A row is x, y, width, height, ten coordinates of landmarks, score.
        return [min(1.0, float(row[3]) / height) for row in found]

    def _load(self) -> cv2.FaceDetectorYN:
        import cv2
        import numpy as np

        weights, config = np.frombuffer(self._weights, dtype=np.uint8), np.empty(0, dtype=np.uint8)
        # OpenCV 5.0 warns about a target that nobody chose, in the middle of a progress bar.
        log = cv2.utils.logging
        before = log.setLogLevel(log.LOG_LEVEL_ERROR)
        try:
            return cv2.FaceDetectorYN.create("onnx", weights, config, (SIDE, SIDE), self._min_score)
        finally:
            log.setLogLevel(before)


def shot_scale(face_heights: list[float]) -> str:
    """The shot's scale from the heights of its largest faces, a share of the frame each.

    A face, brow to chin, is about three quarters of a head, and a standing person seven and a half
    heads: where the whole body fills the frame the face takes a tenth of it, from the waist up a
    fifth, head and shoulders a third. Between those lie the bounds: "close-up" from 0.3, "medium"
    from 0.13, else "long"; "unknown" where there is no face.
    """
    from statistics import median

    if not face_heights:
        return "unknown"
    size = median(face_heights)
    if size >= 0.3:
        return "close-up"
    return "medium" if size >= 0.13 else "long"
