"""One frame in FFmpeg's memory, and its pixels in the size and colours that are asked for."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, cast

from toolkit.errors import DecodeError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from av.video.frame import VideoFrame
    from av.video.reformatter import VideoReformatter

    from toolkit.stages.decode import ImageFormat

__all__ = ["BT709", "PyAVFrame"]

BT709 = 1
"""FFmpeg's number for it."""
_UNSPECIFIED, _HD_LINES = 2, 576


class PyAVFrame:
    """A frame in FFmpeg's memory, see :class:`~toolkit.stages.decode.DecodedFrame`."""

    __slots__ = ("_mirrored", "_picture", "_rotation", "_scalers", "pts_s")

    def __init__(
        self,
        picture: VideoFrame,
        pts_s: float,
        rotation: int,
        mirrored: bool,
        scalers: tuple[VideoReformatter, VideoReformatter],
    ) -> None:
        self._picture = picture
        self._rotation = rotation
        self._mirrored = mirrored
        self._scalers = scalers
        self.pts_s = pts_s

    @property
    def key_frame(self) -> bool:
        return self._picture.key_frame

    def small(self, width: int, height: int, image_format: ImageFormat) -> npt.NDArray[np.uint8]:
        # FAST_BILINEAR to planes is the cheapest way down, and colour costs little when there are
        # few pixels left: together less than half of going to bgr24 at once by AREA. The scalers
        # are the stream's, because setting one up costs as much as using it.
        shrink, colour = self._scalers
        planes = "gray" if image_format == "gray" else "yuv420p"
        image = _scaled(shrink, self._picture, width, height, planes, "FAST_BILINEAR")
        if image_format == "bgr24":
            image = _scaled(colour, image, width, height, "bgr24", "POINT")
        return _pixels(image)

    def rgb(self, width: int, height: int) -> npt.NDArray[np.uint8]:
        import numpy as np

        quarter_turns = self._rotation // 90
        if quarter_turns % 2:
            width, height = height, width
        # Players take unmarked pictures above standard definition for BT.709; so do we, or reds
        # turn orange.
        unmarked_hd = self._picture.colorspace == _UNSPECIFIED and self._picture.height > _HD_LINES
        space = BT709 if unmarked_hd else None
        picture = self._picture
        shrink, colour = _converters()
        if not picture.format.is_rgb:
            # Size first, then colour: in one step FFmpeg takes longer and loses two levels of
            # brightness.
            picture = _scaled(shrink, picture, width, height, "yuv444p", "AREA", space)
        image = _pixels(_scaled(colour, picture, width, height, "rgb24", "AREA", space))
        if self._mirrored:
            image = image[:, ::-1]
        return np.ascontiguousarray(np.rot90(image, -quarter_turns))


def _scaled(
    scaler: VideoReformatter,
    picture: VideoFrame,
    width: int,
    height: int,
    pixel_format: str,
    interpolation: str,
    space: int | None = None,
) -> VideoFrame:
    """The picture in another size and format; on one thread, for small work gains from no more."""
    import av

    try:
        return scaler.reformat(
            picture,
            width,
            height,
            pixel_format,
            src_colorspace=space,
            dst_colorspace=space,
            interpolation=interpolation,
            threads=1,
        )
    except av.error.FFmpegError as error:
        raise DecodeError(
            f"A frame of {picture.width}x{picture.height} pixels ({picture.format.name}) cannot be"
            f" brought to {width}x{height}: {error.strerror}."
        ) from error


_own = threading.local()


def _converters() -> tuple[VideoReformatter, VideoReformatter]:
    """This thread's own: kept frames are converted in other threads than the stream's."""
    from av.video.reformatter import VideoReformatter

    if not hasattr(_own, "pair"):
        _own.pair = VideoReformatter(), VideoReformatter()
    pair: tuple[VideoReformatter, VideoReformatter] = _own.pair
    return pair


def _pixels(image: VideoFrame) -> npt.NDArray[np.uint8]:
    """The same as its own ``to_ndarray`` gives; in planes, several times as fast."""
    import numpy as np

    if image.format.name != "yuv420p":
        return cast("npt.NDArray[np.uint8]", image.to_ndarray())
    parts = []
    for plane in image.planes:
        lines = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        parts.append(lines[: plane.height, : plane.width].ravel())
    return np.concatenate(parts).reshape(-1, image.width)
