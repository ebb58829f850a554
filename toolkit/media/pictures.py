"""Still pictures of a video: thumbnails at given times, files of pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.errors import MediaError
from toolkit.media.files import check_free, written
from toolkit.stages.decode import DecodedFrame, Decoder

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["PICTURE_SUFFIXES", "check_picture", "picture_of", "save_picture", "thumbnails"]

PICTURE_SUFFIXES = frozenset({".jpeg", ".jpg", ".png", ".webp"})
_QUALITY = 85


def thumbnails(
    decoder: Decoder, path: Path, times_s: Iterable[float], width: int = 320
) -> Iterator[tuple[float, Image]]:
    """The pictures that are shown at these times.

    Args:
        decoder: Reads the file.
        path: The video.
        times_s: Times in seconds since the first frame, in any order.
        width: Largest width of a picture in pixels; nothing is enlarged.

    Yields:
        By ascending time: when the frame that is shown then starts, and the picture, upright and
        with square pixels.

    Raises:
        DecodeError: The video cannot be read.
    """
    with decoder.frames_at(path, times_s) as series:
        for frame in series:
            yield frame.pts_s, picture_of(frame, (series.width, series.height), width)


def picture_of(frame: DecodedFrame, size: tuple[int, int], width: int) -> Image:
    """A frame as a picture, no wider than ``width`` pixels.

    Args:
        frame: The frame.
        size: Width and height of the video as shown, in pixels.
        width: The largest width.
    """
    from PIL import Image

    width = max(1, min(width, size[0]))
    return Image.fromarray(frame.rgb(width, max(1, round(size[1] * width / size[0]))))


def save_picture(picture: Image, to: Path, *, force: bool = False) -> Path:
    """Write a picture whole or not at all; its suffix names the format.

    Raises:
        MediaError: The suffix is no picture's, the file is there, or it cannot be written.
    """
    check_picture(to, force=force)
    with written(to, force=force) as part:
        picture.save(part, quality=_QUALITY)
    return to


def check_picture(to: Path, *, force: bool) -> None:
    """See, before the work, that a picture can be written under this name.

    Raises:
        MediaError: The suffix is no picture's, or the file is there.
    """
    if to.suffix.lower() not in PICTURE_SUFFIXES:
        raise MediaError(
            f"A picture cannot be written as '{to.suffix or to.name}'.",
            hint=f"Use one of: {', '.join(sorted(PICTURE_SUFFIXES))}.",
            path=str(to),
        )
    check_free(to, force=force)
