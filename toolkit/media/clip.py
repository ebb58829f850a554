"""Parts of videos as files of their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from toolkit.errors import MediaError
from toolkit.media.copy import copy
from toolkit.media.encode import encode
from toolkit.media.files import container_of
from toolkit.media.redrawing import Redraw
from toolkit.media.reel import Reel

__all__ = ["QUALITY", "Clip", "clip", "stretch"]

QUALITY = 20
"""Usual quality of an exact clip: x264's constant rate factor, from 0 (lossless) to 51."""


@dataclass(frozen=True)
class Clip:
    """A part of a video, in a file of its own.

    Attributes:
        path: The file.
        start_s: Where it truly starts, in seconds since the video's first frame.
        end_s: Where it truly ends.
        left_out: What is not in it: streams that its container cannot hold, ``rotation``.
    """

    path: Path
    start_s: float
    end_s: float
    left_out: tuple[str, ...] = ()

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.end_s - self.start_s


def clip(
    path: Path,
    part: Path,
    start_s: float = 0.0,
    end_s: float | None = None,
    *,
    exact: bool = False,
    quality: int = QUALITY,
    fragmented: bool = False,
    redraw: Redraw | None = None,
) -> Iterator[float | Clip]:
    """Write a part of a video to a file of its own; its suffix names the container.

    It is work for :func:`toolkit.media.making.make`.

    A copy is made in no time and loses nothing, but starts with the keyframe at or before
    ``start_s``, and may end some frames late. An exact clip holds the frames with
    ``start_s <= pts < end_s`` and no other; it is encoded anew, as H.264 and AAC (VP9 and Opus in
    webm).

    Args:
        path: The video.
        part: The file to write. The whole video in another container is a remux.
        start_s: Where to start, in seconds since the video's first frame.
        end_s: Where to end; None for the video's end.
        exact: Whether to encode anew rather than to copy.
        quality: Of an exact clip, as a constant rate factor: 0 is lossless, 51 the worst.
        fragmented: Write an mp4 that a browser can play while it comes.
        redraw: Draws over every frame; such a clip is exact, for it has to be encoded anew.

    Yields:
        How far it is, as a share from 0 to 1, at every step, and at last what it made.

    Raises:
        MissingExtraError: PyAV is not installed.
        SourceError: There is no such video.
        DecodeError: The video cannot be read.
        MediaError: There is nothing to write, or it cannot be written.
    """
    if start_s < 0 or (end_s is not None and end_s <= start_s):
        raise MediaError(f"A clip cannot go from {stretch(start_s, end_s)}.")
    if not 0 <= quality <= 51:
        raise MediaError(f"The quality {quality} is not between 0 (lossless) and 51 (worst).")
    container = container_of(part)
    with Reel(path) as reel:
        stretch_s = reel, start_s, end_s, part, container
        if exact or redraw:
            found = yield from encode(
                *stretch_s, quality=quality, fragmented=fragmented, redraw=redraw
            )
        else:
            found = yield from copy(*stretch_s, fragmented=fragmented)
    yield Clip(part, *found)


def stretch(start_s: float, end_s: float | None) -> str:
    """A part of a video in words."""
    return f"{start_s:g} s to " + ("the end" if end_s is None else f"{end_s:g} s")
