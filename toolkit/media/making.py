"""Files made of others, in the processes that read those: whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from toolkit.isolation.readers import Readers
from toolkit.isolation.reading import Pair
from toolkit.media.clip import Clip
from toolkit.media.files import Told, written
from toolkit.stages.component import Cancel
from toolkit.watchdog import Beat, watched

__all__ = ["Work", "make"]

Work = Callable[[Path, Path], Iterator[float | Clip]]
"""Reads a file and writes another; yields how far it is, as a share from 0 to 1, at every step, and
at last what it made. It can be pickled: a function of a module, or a ``partial`` of one."""
_NEWS = 0.01  # shares closer than this are not worth telling
_SLOWEST_BYTES_PER_S = 20_000_000  # at its end an mp4 is put in order: all of it is moved


def make(
    readers: Readers,
    work: Work,
    path: Path,
    to: Path,
    *,
    force: bool = False,
    told: Told = lambda _: None,
    cancel: Cancel | None = None,
) -> Clip:
    """Have work done that reads a file and writes another.

    Args:
        readers: Who reads files, and with which limits.
        work: What is done, such as :func:`toolkit.media.clip.clip`.
        path: The file that is read.
        to: The file to write; what the work fails at leaves nothing.
        force: Replace a file that is there.
        told: Told how far it is.
        cancel: A request to stop.

    Raises:
        MediaError: There is such a file, or it cannot be written.
        CrashedError: The process that read the file came to a bad end.
        LimitError: The file takes more than it may.
        StalledError: There was no progress.
        ToolkitError: What the work raises.
        CancelledError: ``cancel`` was set.
    """
    cancel = cancel or Cancel()
    with written(to, force=force, source=path) as part:
        patience_s = path.stat().st_size // _SLOWEST_BYTES_PER_S if path.exists() else 0
        arguments = work, part.absolute(), readers.settings.decode.stall_s + patience_s
        for one in readers.do(_made, path, *arguments, cancel=cancel, patience_s=patience_s):
            if isinstance(one, Clip):
                clip = replace(one, path=to)
            else:
                told(one)
                cancel.check()
    return clip


def _made(
    _: Pair | None, path: Path, work: Work, part: Path, stall_s: float, cancel: Cancel
) -> Iterator[float | Clip]:
    """A job: how far the work is, and at last what it made."""

    def steps(beat: Beat) -> Iterator[float | Clip]:
        said = -1.0
        for one in work(path, part):
            beat()
            if isinstance(one, Clip):
                yield one
            elif one >= said + _NEWS:
                yield (said := one)

    return watched(steps, f"Making '{part.name}'", stall_s, cancel)
