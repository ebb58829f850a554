"""Opens files with decord, and says in plain words why one cannot be opened."""

from __future__ import annotations

import ctypes
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from toolkit.errors import DecodeError, NotAVideoError

__all__ = ["load", "mapped", "opened"]

_SIGNATURES = (
    (4, b"ftyp"),  # mp4, mov
    (0, b"\x1aE\xdf\xa3"),  # mkv, webm
    (0, b"RIFF"),  # avi
    (0, b"OggS"),
    (0, b"FLV"),
    (0, b"\x00\x00\x01\xba"),  # MPEG program stream
    (0, b"\x47"),  # MPEG transport stream
    (0, b"0&\xb2u\x8ef\xcf\x11"),  # asf, wmv
)
"""Offset and bytes that files start with. Others are refused unseen: decord would follow a playlist
into the network, and shows text as a film of typed characters."""


def load() -> Any:
    """The library."""
    # It would share the symbols of its FFmpeg and libvpx of 2021 with the whole process, where
    # PyAV's encoders then call the wrong libvpx. Nothing of decord's needs that.
    shared = ctypes.RTLD_GLOBAL
    ctypes.RTLD_GLOBAL = ctypes.RTLD_LOCAL  # type: ignore[misc] # decord reads it as it loads
    try:
        import decord
    finally:
        ctypes.RTLD_GLOBAL = shared  # type: ignore[misc]
    decord.logging.set_level(decord.logging.QUIET)
    return decord


def opened(path: Path, threads: int) -> Any:
    """Decord's reader of the file.

    Raises:
        NotAVideoError: The file is empty, no video file, or has no frame.
        DecodeError: The file cannot be read.
    """
    _check(path)
    with mapped(path):
        # The prefix keeps FFmpeg from reading a name such as "talk: part 1.mp4" as a protocol.
        # With its tolerance off, decord repeats other frames in the place of those it cannot give.
        return load().VideoReader(f"file:{path}", num_threads=threads, fault_tol=1)


@contextmanager
def mapped(path: Path) -> Iterator[None]:
    """What decord raises within, as an error of ours."""
    decord = load()
    try:
        yield
    # decord reports with bare exceptions; those of its own library derive from Exception alone.
    except (
        decord.DECORDError,
        decord.DECORDLimitReachedError,
        RuntimeError,
        AssertionError,
        IndexError,
        UnicodeError,
        StopIteration,
    ) as error:
        raise _ours(path, error) from error


def _ours(path: Path, error: Exception) -> DecodeError:
    text = str(error)
    where = str(path)
    if isinstance(error, UnicodeError):
        return DecodeError(
            f"The name of {where!r} is not valid text.", hint="Rename the file.", path=where
        )
    if "cannot find video stream" in text:
        return NotAVideoError(
            f"'{path}' holds no video stream that decord can decode.",
            hint="AV1 needs [decode] plugin = pyav.",
            path=where,
        )
    # Without a picture's size the converter to RGB cannot be made.
    if "Invalid frame count" in text or "avfilter_graph_create_filter" in text:
        return NotAVideoError(f"'{path}' has no frame that can be decoded.", path=where)
    if "Error reading" in text:
        return DecodeError(
            f"'{path}' is incomplete or damaged: decord cannot open it.",
            hint="Copy or download it again, or try [decode] plugin = pyav.",
            path=where,
        )
    if "recovered from nearest frames" in text:
        return DecodeError(
            f"decord cannot decode all frames of '{path}', and would repeat others.",
            hint="Use [decode] plugin = pyav.",
            path=where,
        )
    reason = text.strip().splitlines()[-1] if text.strip() else type(error).__name__
    return DecodeError(
        f"decord cannot decode '{path}': {reason}",
        hint="Try [decode] plugin = pyav.",
        path=where,
    )


def _check(path: Path) -> None:
    where = str(path)
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise DecodeError(
                f"'{path}' is a folder.", hint=f"Name the files in it: '{path}/*.mp4'", path=where
            )
        if not stat.S_ISREG(status.st_mode):  # a named pipe would wait for its writer
            raise DecodeError(f"'{path}' is no regular file.", path=where)
        with path.open("rb") as file:
            start = file.read(16)
    except FileNotFoundError as error:
        raise DecodeError(
            f"There is no file '{path}'.", hint="Check the path.", path=where
        ) from error
    except OSError as error:
        raise DecodeError(
            f"'{path}' cannot be read: {error.strerror}.",
            hint="Check its permissions: ls -l",
            path=where,
        ) from error
    if not any(start.startswith(mark, offset) for offset, mark in _SIGNATURES):
        raise NotAVideoError(
            f"'{path}' is not a video." if start else f"'{path}' is empty.",
            hint="Check what is in it: file NAME",
            path=where,
        )
