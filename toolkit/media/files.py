"""Files read and written: opened safely, written whole or not at all, errors in our words."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.errors import (
    DecodeError,
    MediaError,
    MissingExtraError,
    NotAVideoError,
    SourceError,
    ToolkitError,
)
from toolkit.stages.private import scratch
from toolkit.vault.files import opened as unsealed

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer

__all__ = ["CONTAINERS", "Told", "check_free", "container_of", "opened", "writing", "written"]

Told = Callable[[float], None]
"""Told how far the work is, as a share from 0 to 1."""

CONTAINERS = {
    ".m4v": "mp4",
    ".mkv": "matroska",
    ".mov": "mov",
    ".mp4": "mp4",
    ".ts": "mpegts",
    ".webm": "webm",
}
"""Suffixes of videos that can be written, and FFmpeg's names of their containers."""

_NO_MEDIA = frozenset({"adf", "bin", "concat", "dash", "hls", "idf", "imf", "sdp", "tty", "xbin"})
"""Text that FFmpeg would show as a film, and playlists, which name other files."""


def container_of(to: Path) -> str:
    """FFmpeg's name of the container that a file's suffix stands for.

    Raises:
        MediaError: No container that can be written has this suffix.
    """
    try:
        return CONTAINERS[to.suffix.lower()]
    except KeyError:
        raise MediaError(
            f"A clip cannot be written as '{to.suffix or to.name}'.",
            hint=f"Use one of: {', '.join(sorted(CONTAINERS))}.",
            path=str(to),
        ) from None


@contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """A media file, open for reading.

    Raises:
        MissingExtraError: PyAV is not installed.
        SourceError: There is no such file, or it may not be read.
        NotAVideoError: It holds neither pictures nor sound.
        DecodeError: It cannot be read as media.
    """
    try:
        import av
    except ImportError as error:
        raise MissingExtraError("clip", "pyav", cause=error) from error
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # a named pipe would wait for its writer
            raise SourceError(f"'{path}' is no regular file.", path=str(path))
        if not status.st_size:
            raise NotAVideoError(f"'{path}' is empty.", path=str(path))
    except OSError as error:
        raise _unreadable(path, error) from error
    with unsealed(path) as plain:
        try:
            container = _container(plain)
        except OSError as error:
            raise _unreadable(path, error) from error
        except (av.error.FFmpegError, ValueError) as error:
            raise DecodeError(
                f"'{path}' cannot be read as a video: {getattr(error, 'strerror', error)}.",
                hint="Copy or download it again, if it should be one.",
                path=str(path),
            ) from error
        with container:
            name = container.format.name
            if name in _NO_MEDIA or name.endswith("_pipe") or name.startswith("image2"):
                raise NotAVideoError(f"'{path}' is not a video.", path=str(path))
            yield container


def _container(path: Path) -> InputContainer:
    import av

    # The prefix keeps a name such as "talk: 1.mp4" from being read as a protocol, and the whitelist
    # a playlist from reaching into the network. AVI gives its frames no times: genpts has FFmpeg
    # work them out.
    return av.open(
        f"file:{path}",
        "r",
        container_options={"protocol_whitelist": "file", "fflags": "+genpts"},
        metadata_errors="replace",
    )


def _unreadable(path: Path, error: OSError) -> SourceError:
    reason = error.strerror or error
    return SourceError(f"'{path}' cannot be read: {reason}.", path=str(path))


def check_free(to: Path, *, force: bool, source: Path | None = None) -> None:
    """See that nothing is lost when this file is written.

    Raises:
        MediaError: There is such a file and it is not to be replaced, or it is the source.
    """
    if source and to.exists() and to.samefile(source):
        raise MediaError(
            f"'{to}' would be written over itself.", hint="Choose another name.", path=str(to)
        )
    if to.exists() and not force:
        raise MediaError(
            f"There is a file '{to}'.",
            hint="Choose another name, or replace it with force=True (--force).",
            path=str(to),
        )


@contextmanager
def written(to: Path, *, force: bool, source: Path | None = None) -> Iterator[Path]:
    """A file to be written, that appears under its name when it is whole.

    The block writes to the path it is given, in a folder beside the final file that nobody else
    may look into; when the block fails, nothing is left of it.

    Args:
        to: The final file.
        force: Whether to replace a file that is there.
        source: The file that is read from, which is never replaced.

    Raises:
        MediaError: There is such a file, or it cannot be written.
    """
    check_free(to, force=force, source=source)
    try:
        with scratch(to.parent) as folder:
            part = folder / to.name
            yield part
            _place(part, to, force=force)
    except OSError as error:
        raise MediaError(
            f"'{to}' cannot be written: {error.strerror or error}.", path=str(to)
        ) from error


def _place(part: Path, to: Path, *, force: bool) -> None:
    # For its owner alone, unless it takes the place of one that others may read.
    part.chmod(stat.S_IMODE(to.stat().st_mode) if to.exists() else 0o600)
    if not force:
        try:
            os.link(part, to)  # unlike a rename it never replaces a file that came meanwhile
        except FileExistsError:
            raise
        except OSError:  # a file system without links
            if to.exists():
                raise
        else:
            return
    part.replace(to)


@contextmanager
def writing(part: Path, container: str, *, fragmented: bool = False) -> Iterator[OutputContainer]:
    """A container to be written, whose troubles become errors of ours.

    Args:
        part: Where it is written.
        container: FFmpeg's name of the container.
        fragmented: An mp4 that a browser can play before it is whole.

    Raises:
        MediaError: It cannot be written.
    """
    import av

    options: dict[str, str] = {}
    if container in {"mp4", "mov", "ipod"}:
        flags = "frag_keyframe+delay_moov+default_base_moof"
        options["movflags"] = flags if fragmented else "faststart"
    elif fragmented:
        raise MediaError("Only .mp4, .m4v and .mov can be fragmented.", path=str(part))
    try:
        target = av.open(f"file:{part}", "w", container, container_options=options)
        try:
            yield target
        except BaseException:
            part.unlink(missing_ok=True)  # or an mp4 would still be put in order, which takes long
            with suppress(av.error.FFmpegError):
                target.close()
            raise
        target.close()
    except ToolkitError:
        raise
    except (av.error.FFmpegError, ValueError) as error:
        raise MediaError(
            f"'{part.name}' cannot be written: {getattr(error, 'strerror', None) or error}.",
            hint="Another container may hold it: .mkv takes almost all. Or encode it anew: exact.",
            path=str(part),
        ) from error
