"""A few seconds of a video as a moving picture for a web page or a message."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.acquire import probed
from toolkit.errors import MediaError
from toolkit.isolation.readers import Readers
from toolkit.media.clip import Clip
from toolkit.media.files import Told, written
from toolkit.media.pictures import thumbnails
from toolkit.redaction.pictures import Blur
from toolkit.stages.component import Cancel

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["PREVIEW_SUFFIXES", "preview"]

_FORMATS = {".gif": "GIF", ".webp": "WEBP"}
PREVIEW_SUFFIXES = frozenset(_FORMATS)
"""Suffixes of the moving pictures that can be written."""
_LONGEST_S, _USUAL_S = 20.0, 3.0
_QUALITY = 70
_SMALLER = 0.75
_LEAST_WIDTH = 48


def preview(
    readers: Readers,
    path: Path,
    to: Path,
    start_s: float = 0.0,
    end_s: float | None = None,
    *,
    width: int = 320,
    frames_per_s: float = 10.0,
    max_bytes: int = 3_000_000,
    force: bool = False,
    told: Told = lambda _: None,
    cancel: Cancel | None = None,
    blur: Blur | None = None,
) -> Clip:
    """Write a moving picture, ``.webp`` or ``.gif``, that repeats and has no sound.

    Args:
        readers: Their decoder reads the video.
        path: The video.
        to: The file to write.
        start_s: Where to start, in seconds since the first frame.
        end_s: Where to end, at most 20 seconds later; None for 3 seconds.
        width: Largest width in pixels.
        frames_per_s: Pictures a second.
        max_bytes: Largest size of the file: the pictures get smaller until it fits.
        force: Replace a file that is there.
        told: Told how far it is.
        cancel: A request to stop; nothing is left of the file then.
        blur: Blurs what is to be blurred in every picture.

    Raises:
        DecodeError: The video cannot be read.
        MediaError: There is nothing to show, or it does not fit or cannot be written.
        CancelledError: ``cancel`` was set.
    """
    if to.suffix.lower() not in _FORMATS:
        raise MediaError(
            f"A preview cannot be written as '{to.suffix or to.name}'.",
            hint=f"Use one of: {', '.join(sorted(_FORMATS))}.",
            path=str(to),
        )
    end_s = start_s + _USUAL_S if end_s is None else end_s
    cancel = cancel or Cancel()
    [video] = readers.do(probed, path, readers.settings.decode.stall_s, cancel=cancel)
    if video.duration_s is not None:
        end_s = min(end_s, video.duration_s)  # after it the last frame would be shown
    if not (0 <= start_s < end_s <= start_s + _LONGEST_S and frames_per_s > 0 and width > 0):
        raise MediaError(
            f"A preview cannot go from {start_s:g} s to {end_s:g} s.",
            hint=f"It may last up to {_LONGEST_S:g} s.",
        )
    count = max(1, round((end_s - start_s) * frames_per_s))
    times_s = [start_s + place / frames_per_s for place in range(count)]
    pictures: list[Image] = []
    with written(to, force=force, source=path) as part:
        for _, picture in thumbnails(readers, path, times_s, width, cancel):
            pictures.append(blur.picture(picture) if blur else picture)
            told(len(pictures) / count)
        part.write_bytes(_encoded(pictures, _FORMATS[to.suffix.lower()], frames_per_s, max_bytes))
    return Clip(to, start_s, start_s + len(pictures) / frames_per_s)


def _encoded(pictures: list[Image], kind: str, frames_per_s: float, max_bytes: int) -> bytes:
    """The moving picture, made smaller until it fits."""
    while pictures[0].width >= _LEAST_WIDTH:
        data = io.BytesIO()
        pictures[0].save(
            data,
            kind,
            save_all=True,
            append_images=pictures[1:],
            duration=round(1000 / frames_per_s),
            loop=0,
            quality=_QUALITY,
        )
        if data.tell() <= max_bytes:
            return data.getvalue()
        width = round(pictures[0].width * _SMALLER)
        height = max(1, round(pictures[0].height * _SMALLER))
        pictures = [picture.resize((width, height)) for picture in pictures]
    raise MediaError(
        f"The preview does not fit into {max_bytes} bytes.",
        hint="Make it shorter, or with fewer frames a second.",
    )
