"""Who goes first: a run gives way to the person who works beside it."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress

__all__ = ["give_way", "in_notebook"]


def in_notebook() -> bool:
    """Whether this process is a notebook's kernel."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return shell is not None and "IPKernelApp" in getattr(shell, "config", {})


def give_way(nice: int) -> None:
    """Lower the priority of the calling thread and of all that it and libraries start from it.

    A cell needs the processor for a moment many times over, and waits each time for its turn among
    all threads that decode and compute. Only Linux knows priorities of threads.

    Args:
        nice: By how much, as nice(1) counts; nothing is ever raised.
    """
    if sys.platform == "linux" and nice:
        with suppress(OSError):  # a sandbox may forbid it; the run is as good without
            me = threading.get_native_id()
            before = os.getpriority(os.PRIO_PROCESS, me)
            os.setpriority(os.PRIO_PROCESS, me, min(19, before + nice))
