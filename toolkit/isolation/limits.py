"""What a process may take while it reads a file, and what it does when its parent is gone."""

from __future__ import annotations

import errno
import math
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from toolkit.config.decode import Decode

__all__ = ["SUPPORTED", "Allowance", "allowance", "die_with", "free", "hold", "is_short_of_memory"]

SUPPORTED = os.name == "posix"
"""Whether files can be read in processes of their own here."""
_LEAST_S = 2.0
_BYTES_PER_S = 12_500
"""Of a file whose length is not known, or is not to be believed: 100 kbit/s."""


@dataclass(frozen=True)
class Allowance:
    """What a file may take; each is on top of what the process took before it."""

    memory_bytes: int
    cpu_s: float


def allowance(options: Decode, path: Path, duration_s: float | None) -> Allowance:
    """What this file may take. A header can lie about its length; the bytes are there."""
    length_s = max(_LEAST_S, duration_s or 0.0)
    with suppress(OSError):
        length_s = max(length_s, path.stat().st_size / _BYTES_PER_S)
    return Allowance(options.memory_mb << 20, options.cpu_per_s * length_s)


def hold(allowed: Allowance) -> None:
    """Let this process take so much more, and no more.

    Memory is that of RLIMIT_DATA: what the process can write to and shares with nobody. The other
    one, RLIMIT_AS, also counts what is merely reserved, such as 64 MB a thread by malloc, or all of
    a GPU's memory by CUDA, so that it would have to be far higher than what is really meant.
    """
    import resource

    if (taken := _data_bytes()) is not None:
        _limit(resource.RLIMIT_DATA, taken + allowed.memory_bytes)
    _limit(resource.RLIMIT_CPU, math.ceil(time.process_time() + allowed.cpu_s))
    _limit(resource.RLIMIT_CORE, 0)


def free() -> None:
    """Hold nothing any more, to be able to tell what happened."""
    import resource

    for kind in (resource.RLIMIT_DATA, resource.RLIMIT_CPU):
        _limit(kind, resource.RLIM_INFINITY)


def _limit(kind: int, most: int) -> None:
    import resource

    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY and (most == resource.RLIM_INFINITY or most > hard):
        most = hard
    with suppress(ValueError, OSError):  # a system that knows no such limit
        resource.setrlimit(kind, (most, hard))


def _data_bytes() -> int | None:
    """What RLIMIT_DATA counts of this process; None where the system does not tell."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    found = (line.split()[1] for line in lines if line.startswith("VmData:"))
    return next((int(kilobytes) << 10 for kilobytes in found), None)


def is_short_of_memory(error: BaseException | None) -> bool:
    """Whether an error, or what led to it, is that there was no memory."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
            return True
        if "Insufficient memory" in str(error) or "Failed to allocate" in str(error):  # OpenCV
            return True
        error = error.__cause__ or error.__context__
    return False


def die_with(lifeline: int) -> None:
    """Have the system end this process when the other end of a pipe is closed.

    It does so whatever the process is at. The end of a parent closes it, however it comes; the
    signal that Linux has for that (PR_SET_PDEATHSIG) would come with the end of a mere thread.
    On macOS the signal is ignored: there the socket that is gone has to be noticed.
    """
    import fcntl

    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    flags = fcntl.fcntl(lifeline, fcntl.F_GETFL)
    fcntl.fcntl(lifeline, fcntl.F_SETFL, flags | os.O_ASYNC)
