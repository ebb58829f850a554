"""Start a run in a process of its own, which goes on when the process that asked for it ends."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from toolkit.config import Settings, redact
from toolkit.errors import ToolkitError
from toolkit.execution.progress import Event
from toolkit.execution.ray.parcel import Parcel
from toolkit.sealing.lines import opened_lines
from toolkit.stages.private import made

__all__ = ["Order", "begin", "log_file", "log_lines"]

_MODULE = "toolkit.execution.detached"
_QUIET = {"scene", "transfer"}


@dataclass(frozen=True, repr=False)
class Order:
    """What the process is told, by its standard input: there nobody else can read it.

    Attributes:
        parcel: The settings, secrets included, and the plugins of the sender's process.
        words: The sources, as they were given.
        file: The config file.
    """

    parcel: Parcel
    words: tuple[str, ...]
    file: Path | None


def log_file(workspace: Path, run_id: str) -> Path:
    """Where a detached run writes what happens."""
    return workspace / "logs" / f"{run_id}.log"


def log_lines(events: Iterable[Event]) -> Iterator[str]:
    """What happens, a line each, without that of which a run has too many."""
    return (_line(event) for event in events if event.kind not in _QUIET)


def _line(event: Event) -> str:
    source = "" if event.source in event.message else f"{event.source}: "
    words = f"{event.at_s:.1f} s {event.kind}: {source}{event.message}"
    return " ".join(redact(words).split())


def begin(words: Sequence[str], settings: Settings, file: Path | None) -> str:
    """Start the process and wait until the run's row is there.

    Returns:
        The run's id.

    Raises:
        ToolkitError: What the run could not begin of, of the type that it had there.
    """
    order = pickle.dumps(Order(Parcel.of(settings), tuple(words), file))
    logs = log_file(settings.workspace, "").parent
    made(logs)
    # Readable to its owner alone; it gets the run's name when the run has one.
    descriptor, log = tempfile.mkstemp(prefix="starting-", suffix=".log", dir=logs)
    try:
        # A session of its own: what ends the kernel or the terminal does not reach it.
        child = subprocess.Popen(  # noqa: S603 - this Python, and a module of ours
            [sys.executable, "-m", _MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=descriptor,
            start_new_session=True,
        )
    finally:
        os.close(descriptor)
    # Somebody has to hear of its end, or it stays in the process table.
    threading.Thread(target=child.wait, name="detached-run", daemon=True).start()
    answer = _talk(child, order)
    if isinstance(answer, str):
        Path(log).rename(log_file(settings.workspace, answer))
        return answer
    lines = Path(log).read_text(encoding="utf-8", errors="replace").splitlines()
    said = "\n".join(opened_lines(lines))
    Path(log).unlink()
    if isinstance(answer, Exception):
        raise answer
    raise ToolkitError(
        f"The process of the run ended before it began: {redact(said[-2000:]) or 'no word'}"
    )


def _talk(child: subprocess.Popen[bytes], order: bytes) -> object:
    """Tell a process what to do; hear the run's id or an error, or None if it died."""
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        with child.stdin as ear, child.stdout as mouth:
            ear.write(order)
            ear.close()
            said = mouth.read()
    except BrokenPipeError:
        return None
    except BaseException:
        child.kill()  # Ctrl-C: nobody would know of the run
        raise
    return pickle.loads(said) if said else None  # noqa: S301 - our own process said it
