"""Parts of videos as files of their own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from toolkit.errors import MediaError
from toolkit.media.copy import copy
from toolkit.media.encode import encode
from toolkit.media.files import Told, container_of, written
from toolkit.media.redrawing import Redraw
from toolkit.media.reel import Reel
from toolkit.stages.component import Cancel
from toolkit.vault.files import opened

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
    to: Path,
    start_s: float = 0.0,
    end_s: float | None = None,
    *,
    exact: bool = False,
    quality: int = QUALITY,
    fragmented: bool = False,
    force: bool = False,
    told: Told = lambda _: None,
    cancel: Cancel | None = None,
    redraw: Redraw | None = None,
) -> Clip:
    """Write a part of a video to a file of its own; its suffix names the container.

    A copy is made in no time and loses nothing, but starts with the keyframe at or before
    ``start_s``, and may end some frames late. An exact clip holds the frames with
    ``start_s <= pts < end_s`` and no other; it is encoded anew, as H.264 and AAC (VP9 and Opus in
    webm).

    Args:
        path: The video.
        to: The file to write. The whole video in another container is a remux.
        start_s: Where to start, in seconds since the video's first frame.
        end_s: Where to end; None for the video's end.
        exact: Whether to encode anew rather than to copy.
        quality: Of an exact clip, as a constant rate factor: 0 is lossless, 51 the worst.
        fragmented: Write an mp4 that a browser can play while it comes.
        force: Replace a file that is there.
        told: Told how far it is.
        cancel: A request to stop; nothing is left of the clip then.
        redraw: Draws over every frame; such a clip is exact, for it has to be encoded anew.

    Raises:
        MissingExtraError: PyAV is not installed.
        SourceError: There is no such video.
        DecodeError: The video cannot be read.
        MediaError: There is nothing to write, or it cannot be written.
        CancelledError: ``cancel`` was set.
    """
    if start_s < 0 or (end_s is not None and end_s <= start_s):
        raise MediaError(f"A clip cannot go from {stretch(start_s, end_s)}.")
    if not 0 <= quality <= 51:
        raise MediaError(f"The quality {quality} is not between 0 (lossless) and 51 (worst).")
    container = container_of(to)
    cancel = cancel or Cancel()
    # A reel opens its file several times.
    with (
        opened(path, cancel.check),
        Reel(path) as reel,
        written(to, force=force, source=path) as part,
    ):
        if exact or redraw:
            found = encode(
                reel,
                start_s,
                end_s,
                part,
                container,
                quality=quality,
                fragmented=fragmented,
                told=told,
                cancel=cancel,
                redraw=redraw,
            )
        else:
            found = copy(
                reel,
                start_s,
                end_s,
                part,
                container,
                fragmented=fragmented,
                told=told,
                cancel=cancel,
            )
    start, end, left_out = found
    return Clip(to, start, end, left_out)


def stretch(start_s: float, end_s: float | None) -> str:
    """A part of a video in words."""
    return f"{start_s:g} s to " + ("the end" if end_s is None else f"{end_s:g} s")
