"""The frames of a file, as decord gives them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.errors import DecodeError, NotAVideoError
from toolkit.stages.decode import Colours, ImageFormat
from toolkit_decode_decord.opening import mapped

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL.Image import Image

__all__ = ["DecordFrame", "DecordStream"]

_LONGEST_S = 1e7
"""Times beyond four months are what becomes of a missing timestamp."""


class DecordFrame:
    """A frame as RGB, see :class:`~toolkit.stages.decode.DecodedFrame`."""

    __slots__ = ("_pixels", "key_frame", "pts_s")

    def __init__(self, pixels: npt.NDArray[np.uint8], pts_s: float, key_frame: bool) -> None:
        self._pixels = pixels
        self.pts_s = pts_s
        self.key_frame = key_frame

    def small(self, width: int, height: int, image_format: ImageFormat) -> npt.NDArray[np.uint8]:
        import numpy as np

        image = self._scaled(width, height)
        if image_format == "bgr24":
            return np.ascontiguousarray(np.asarray(image)[:, :, ::-1])
        luma, *chroma = image.convert("YCbCr").split()
        if image_format == "gray":
            return np.asarray(luma)
        planes = [np.asarray(luma)]
        for plane in chroma:
            half = np.asarray(plane.resize((width // 2, height // 2), _box()))
            planes.append(half.reshape(-1, width))
        # JPEG's full range, which Pillow knows, to the limited one of films.
        span = [219, 224, 224]
        offset = [16, 128 - 112, 128 - 112]
        scaled = [p * (s / 255) + o for p, s, o in zip(planes, span, offset, strict=True)]
        return np.concatenate(scaled).round().astype(np.uint8)

    def rgb(self, width: int, height: int) -> npt.NDArray[np.uint8]:
        import numpy as np

        return np.array(self._scaled(width, height))

    def _scaled(self, width: int, height: int) -> Image:
        from PIL import Image

        image = Image.fromarray(self._pixels)
        # A box is the mean of the pixels it covers, and leaves a picture of the same size alone.
        return image if image.size == (width, height) else image.resize((width, height), _box())


class DecordStream(Iterator[DecordFrame]):
    """The frames of an open file, see :class:`~toolkit.stages.decode.FrameStream`.

    decord decodes whatever it was given in the background, without bound. So the frames are read
    in steps, and after each step it is sent to the start of the file, where it drops what it had
    ahead; the next step decodes from the last keyframe on. It does not always find its place
    again: each step begins with the last frame of the one before, which has to be the same.

    Args:
        reader: decord's reader.
        path: The file, for errors.
        memory_bytes: Most memory for the frames of one step.

    Raises:
        NotAVideoError: There is no frame to decode.
        DecodeError: decord cannot decode the file, or lost its place in it.
    """

    def __init__(self, reader: Any, path: Path, memory_bytes: int) -> None:
        self._reader = reader
        self._path = path
        self.damaged = 0
        self.share_read: float | None = None
        with mapped(path):
            shape = reader[0].shape
            times = reader.get_frame_timestamp(range(len(reader))).astype(float)
            self._keys = frozenset(reader.get_key_indices())
            rate = reader.get_avg_fps()
        if len(shape) != 3:
            raise NotAVideoError(f"'{path}' has no frame that can be decoded.", path=str(path))
        self.height, self.width = shape[:2]
        times -= times[0, 0]
        if (times[1:, 0] <= times[:-1, 0]).any() or times[-1, 1] > _LONGEST_S:
            raise DecodeError(
                f"decord finds no times in '{path}'.",
                hint="Use [decode] plugin = pyav.",
                path=str(path),
            )
        self.times_s: npt.NDArray[np.float64] = times[:, 0]
        self.end_s = float(times[-1, 1])
        self.frame_s = 1 / rate if rate else 0.04
        self.colours = Colours()  # of the planes that are made by Pillow, out of RGB
        self._step = max(2, memory_bytes // (3 * self.width * self.height))
        self._frames = self._read()

    def __next__(self) -> DecordFrame:
        return next(self._frames)

    def _read(self) -> Iterator[DecordFrame]:
        count = len(self.times_s)
        last: npt.NDArray[np.uint8] | None = None
        for first in range(0, count, self._step - 1):
            places = range(max(0, first - 1), min(count, first + self._step - 1))
            with mapped(self._path):
                pixels = self._reader.get_batch(places).asnumpy()
                self._reader.seek(0)
            if last is not None and (pixels[0] != last).any():
                raise DecodeError(
                    f"decord lost its place in '{self._path}' at {self.times_s[first]:.3f} s.",
                    hint="Use [decode] plugin = pyav, or more memory_mb.",
                    path=str(self._path),
                )
            for place in places[first - places.start :]:
                # A copy, or a frame that is kept would keep its whole step.
                last = pixels[place - places.start].copy()
                yield DecordFrame(last, float(self.times_s[place]), place in self._keys)


def _box() -> Any:
    from PIL import Image

    return Image.Resampling.BOX
