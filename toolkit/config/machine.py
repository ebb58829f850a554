"""What this process may use of the machine."""

from __future__ import annotations

import math
import os
from contextlib import suppress
from pathlib import Path

__all__ = ["cores", "keep_to"]

_CGROUPS = Path("/sys/fs/cgroup")
_OWN_GROUP = Path("/proc/self/cgroup")
_most = math.inf


def keep_to(share: float) -> None:
    """From now on this process has no more cores than these: others work beside it."""
    global _most  # noqa: PLW0603 - there is one process
    _most = share


def cores() -> int:
    """Cores that this process may use, which in a container are often fewer than there are.

    The least of its share where it has one, of the cores it may run on (its affinity, which is also
    how `numactl` and container runtimes bind it to NUMA nodes) and the CPU time it is allowed (the
    quota of its cgroup and of those around it), rounded up. On which of its nodes threads run is
    left to the operating system: it keeps a thread near its memory by itself.
    """
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    return max(1, math.ceil(min(_most, count, allowed(_CGROUPS, _OWN_GROUP))))


def allowed(root: Path, own: Path) -> float:
    """Cores' worth of CPU time that cgroups (v2 or v1) allow; infinite where there is no limit.

    Args:
        root: Where cgroups are mounted.
        own: The file that names the process's cgroups.
    """
    try:
        lines = own.read_text(encoding="utf-8").splitlines()
    except OSError:
        return math.inf
    least = math.inf
    for line in lines:
        _, controllers, name = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        top = root / controllers  # of version 2 the name is empty
        group = top / name.lstrip("/")
        for place in (group, *group.parents):
            if not place.is_relative_to(top):
                break
            least = min(least, _share(place))
    return least


def _share(group: Path) -> float:
    """The quota of one cgroup, in cores."""
    quota, period = "max", "1"
    with suppress(OSError, ValueError):  # the outermost group has no such file
        quota, period = (group / "cpu.max").read_text(encoding="utf-8").split()
    with suppress(OSError):
        quota = (group / "cpu.cfs_quota_us").read_text(encoding="utf-8")
        period = (group / "cpu.cfs_period_us").read_text(encoding="utf-8")
    return math.inf if quota == "max" or int(quota) < 0 else int(quota) / int(period)
