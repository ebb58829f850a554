"""Opens files, and says in plain words why one cannot be opened."""

from __future__ import annotations

import logging
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.errors import DecodeError, NotAVideoError

if TYPE_CHECKING:
    from av.codec.hwaccel import HWAccel
    from av.container import InputContainer
    from av.video.stream import VideoStream

__all__ = ["opened", "unreadable"]

log = logging.getLogger(__name__)

_TEXT = frozenset({"tty", "bin", "xbin", "adf", "idf"})
"""FFmpeg shows text files and arbitrary bytes as films of typed characters."""
_PLAYLISTS = frozenset({"concat", "dash", "hls", "imf", "sdp"})
"""Text files that name other files; what they name is analysed by its own name."""
_SIGNATURES = ((4, b"ftyp"), (0, b"\x1aE\xdf\xa3"), (0, b"RIFF"), (0, b"OggS"), (0, b"FLV"))
"""Offset and bytes that video files start with: mp4 and mov, mkv and webm, avi, ogv, flv."""


@contextmanager
def opened(path: Path, hardware: str = "none") -> Iterator[tuple[InputContainer, VideoStream]]:
    """The open file and its main video stream.

    Args:
        path: The file.
        hardware: The device that is to decode, see ``PyAVOptions``.

    Raises:
        NotAVideoError: The file is empty, text, a picture, or has no video stream.
        DecodeError: The file cannot be read.
    """
    import av

    try:
        status = path.stat()
    except OSError as error:
        raise unreadable(path, error) from error
    if stat.S_ISDIR(status.st_mode):
        raise DecodeError(
            f"'{path}' is a folder.", hint=f"Name the files in it: '{path}/*.mp4'", path=str(path)
        )
    if not stat.S_ISREG(status.st_mode):  # a named pipe would wait for its writer without end
        raise DecodeError(f"'{path}' is no regular file.", path=str(path))
    if not status.st_size:
        raise NotAVideoError(
            f"'{path}' is empty.", hint="Copy or download it again.", path=str(path)
        )
    try:
        container, stream = _accelerated(path, hardware) or _open(path, None)
    except (av.error.FFmpegError, UnicodeError) as error:
        raise unreadable(path, error) from error
    with container:
        yield container, stream


def _open(path: Path, device: HWAccel | None) -> tuple[InputContainer, VideoStream]:
    import av

    # The prefix keeps FFmpeg from reading a name such as "talk: part 1.mp4" as a protocol, and the
    # whitelist keeps a playlist from reaching into the network. Tags in old encodings must not make
    # a file unreadable.
    container = av.open(
        f"file:{path}",
        "r",
        container_options={"protocol_whitelist": "file"},
        metadata_errors="replace",
        hwaccel=device,
    )
    try:
        return container, _video_stream(container, path)
    except DecodeError:
        container.close()
        raise


def _accelerated(path: Path, hardware: str) -> tuple[InputContainer, VideoStream] | None:
    """The file, opened for a device that decodes it; None where there is none."""
    import av
    from av.codec.hwaccel import HWAccel, hwdevices_available

    if hardware == "none":
        return None
    reason = "this build of FFmpeg does not know it"
    known = hwdevices_available()
    for kind in known if hardware == "auto" else sorted({hardware} & set(known)):
        try:
            container, stream = _open(path, HWAccel(kind, allow_software_fallback=True))
        except (av.error.FFmpegError, NotImplementedError) as error:
            reason = str(error)
            continue
        if stream.codec_context.is_hwaccel:
            log.debug("'%s' is decoded by %s", path, kind)
            return container, stream
        reason = f"not for {stream.codec_context.name}"
        container.close()
    level = logging.INFO if hardware == "auto" else logging.WARNING
    log.log(level, "'%s' is decoded in software: no %s device (%s)", path, hardware, reason)
    return None


def unreadable(path: Path, error: Exception) -> DecodeError:
    """The error of ours that says what went wrong with this file, and what to do."""
    import av

    where = str(path)
    if isinstance(error, FileNotFoundError):
        return DecodeError(f"There is no file '{path}'.", hint="Check the path.", path=where)
    if isinstance(error, PermissionError):
        return DecodeError(
            f"'{path}' may not be read.", hint="Check its permissions: ls -l", path=where
        )
    if isinstance(error, UnicodeError):
        return DecodeError(
            f"The name of {where!r} is not valid text.", hint="Rename the file.", path=where
        )
    if isinstance(error, av.error.InvalidDataError):
        if not _looks_like_video(path):
            return NotAVideoError(
                f"'{path}' is not a video.", hint="Check what is in it: file NAME", path=where
            )
        return DecodeError(
            f"'{path}' is incomplete or damaged: its index is missing.",
            hint="Copy or download it again.",
            path=where,
        )
    reason = getattr(error, "strerror", None) or str(error)
    # A disk or a network share may be there again later; a file does not mend itself.
    retriable = isinstance(error, OSError)
    return DecodeError(f"'{path}' cannot be read: {reason}.", retriable=retriable, path=where)


def _looks_like_video(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(16)
    return any(start.startswith(mark, offset) for offset, mark in _SIGNATURES)


def _video_stream(container: InputContainer, path: Path) -> VideoStream:
    """The stream that a player would show; cover pictures do not count."""
    from av.stream import Disposition

    name = container.format.name
    where = str(path)
    if name in _TEXT:
        raise NotAVideoError(f"'{path}' is text, not a video.", path=where)
    if name in _PLAYLISTS:
        raise NotAVideoError(
            f"'{path}' is a playlist, not a video.", hint="Name the files in it.", path=where
        )
    if name.endswith("_pipe") or name.startswith("image2"):
        raise NotAVideoError(f"'{path}' is a picture, not a video.", path=where)
    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not streams:
        kind = "sound only" if container.streams.audio else "no video stream"
        raise NotAVideoError(f"'{path}' holds {kind}.", path=where)
    best = container.streams.best("video")
    stream = best if best in streams else streams[0]
    if stream.codec_context is None:
        raise DecodeError(
            f"'{path}' is in a format that this build of FFmpeg does not know.",
            hint="Convert it to H.264.",
            path=where,
        )
    return stream
