"""What this process may use of the machine."""

from __future__ import annotations

import math
import os
from pathlib import Path

__all__ = ["cores"]

_CGROUPS = Path("/sys/fs/cgroup")
_OWN_GROUP = Path("/proc/self/cgroup")


def cores() -> int:
    """Cores that this process may use, which in a container are often fewer than there are.

    The least of the cores it may run on (its affinity) and the CPU time it is allowed (`cpu.max`
    of its cgroup and of those around it, cgroup v2), rounded up. On which of several NUMA nodes
    threads run is left to the operating system: it keeps a thread near its memory by itself.
    """
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    return max(1, math.ceil(min(count, allowed(_CGROUPS, _OWN_GROUP))))


def allowed(root: Path, own: Path) -> float:
    """Cores' worth of CPU time that cgroup v2 allows; infinite where there is no limit.

    Args:
        root: Where cgroups are mounted.
        own: The file that names the process's cgroup.
    """
    try:
        lines = own.read_text(encoding="utf-8").splitlines()
    except OSError:
        return math.inf
    name = next((line[3:] for line in lines if line.startswith("0::")), "/")
    group = root / name.lstrip("/")
    least = math.inf
    for place in (group, *group.parents):
        if not place.is_relative_to(root):
            break
        try:
            quota, period = (place / "cpu.max").read_text(encoding="utf-8").split()
        except (OSError, ValueError):  # the outermost group has no such file
            continue
        if quota != "max":
            least = min(least, int(quota) / int(period))
    return least
