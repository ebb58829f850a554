"""Frames of a clip drawn over, such as with blurred faces, the rest as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from av.video.frame import VideoFrame

__all__ = ["Redraw", "redrawn"]

Redraw = Callable[["npt.NDArray[np.uint8]"], "npt.NDArray[np.uint8]"]
"""Draws over an upright picture, (height, width, 3) RGB, and gives another."""
_MATRIX = "ITU601"  # the same there and back, so that it does not matter which


def redrawn(frame: VideoFrame, redraw: Redraw) -> VideoFrame:
    """The frame as it was, drawn over; what draws sees it upright."""
    import av
    import numpy as np

    turns = frame.rotation // 90 % 4  # counterclockwise, as numpy turns
    rgb = frame.reformat(format="rgb24", src_colorspace=_MATRIX, dst_colorspace=_MATRIX)
    upright = np.rot90(rgb.to_ndarray(), turns)
    drawn = np.ascontiguousarray(np.rot90(redraw(np.ascontiguousarray(upright)), -turns))
    if frame.format.is_rgb:
        return av.VideoFrame.from_ndarray(drawn, format="rgb24")
    return av.VideoFrame.from_ndarray(drawn, format="rgb24").reformat(
        format="yuv420p",
        src_colorspace=_MATRIX,
        dst_colorspace=_MATRIX,
        src_color_range=rgb.color_range,
        dst_color_range=frame.color_range,
    )
