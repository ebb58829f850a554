"""Still pictures of a video: thumbnails at given times, files of pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.errors import MediaError
from toolkit.isolation.readers import Readers
from toolkit.isolation.reading import Pair
from toolkit.media.files import check_free, written
from toolkit.revisit import patience_s
from toolkit.stages.component import Cancel
from toolkit.thumbnails import size_of
from toolkit.watchdog import Beat, watched

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL.Image import Image

__all__ = ["PICTURE_SUFFIXES", "check_picture", "save_picture", "thumbnails"]

PICTURE_SUFFIXES = frozenset({".jpeg", ".jpg", ".png", ".webp"})
_QUALITY = 85


def thumbnails(
    readers: Readers,
    path: Path,
    times_s: Iterable[float],
    width: int = 320,
    cancel: Cancel | None = None,
) -> Iterator[tuple[float, Image]]:
    """The pictures that are shown at these times.

    Args:
        readers: Their decoder reads the file.
        path: The video.
        times_s: Times in seconds since the first frame, in any order.
        width: Largest width of a picture in pixels; nothing is enlarged.
        cancel: A request to stop.

    Yields:
        By ascending time: when the frame that is shown then starts, and the picture, upright and
        with square pixels.

    Raises:
        DecodeError: The video cannot be read.
    """
    from PIL import Image

    arguments = sorted(times_s), width, readers.settings.decode.stall_s
    for time_s, rgb in readers.do(_shown, path, *arguments, cancel=cancel or Cancel()):
        yield time_s, Image.fromarray(rgb)


def _shown(
    pair: Pair, path: Path, times_s: Sequence[float], width: int, stall_s: float, cancel: Cancel
) -> Iterator[tuple[float, npt.NDArray[np.uint8]]]:
    """A job: the frames shown at these times, which ascend, no wider than that."""

    def read(beat: Beat) -> Iterator[tuple[float, npt.NDArray[np.uint8]]]:
        with pair.decoder.frames_at(path, times_s) as series:
            size = size_of((series.width, series.height), width)
            for frame in series:
                beat()
                yield frame.pts_s, frame.rgb(*size)

    return watched(read, f"Reading '{path}'", stall_s + patience_s(times_s), cancel)


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
