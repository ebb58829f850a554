"""The runs of this process, and the one that a notebook is about at the moment."""

from __future__ import annotations

import threading
from weakref import WeakValueDictionary

from toolkit.errors import StoreError
from toolkit.execution.run import RunHandle

__all__ = ["current", "find", "forget", "keep", "known", "seen"]

_lock = threading.Lock()
# Past runs live as long as somebody holds them: each has files of the store open, and a process
# may see thousands of runs.
_runs: WeakValueDictionary[str, RunHandle] = WeakValueDictionary()
_going: list[RunHandle] = []
_seen: list[RunHandle] = []


def keep(run: RunHandle) -> RunHandle:
    """Keep a run that was started here until it is over; it is the current one."""
    with _lock:
        _runs[run.id] = run
        _going[:] = [*(one for one in _going if not one.done), run]
    return seen(run)


def seen(run: RunHandle) -> RunHandle:
    """Make this run the current one."""
    with _lock:
        _seen[:] = [run]
    return run


def find(run_id: str) -> RunHandle | None:
    """The run with this id, if it was started here and somebody holds it; it is the current one."""
    with _lock:
        found = _runs.get(run_id)
    return seen(found) if found else None


def forget(run_id: str) -> None:
    """Keep this run no more; its results stay in the store."""
    with _lock:
        _runs.pop(run_id, None)
        _going[:] = [one for one in _going if one.id != run_id]


def known() -> list[str]:
    """The ids of the runs that were started here and are still held, the latest first."""
    with _lock:
        return [*_runs][::-1]


def current() -> RunHandle:
    """The run that was started or attached last.

    Raises:
        StoreError: There was none.
    """
    with _lock:
        if _seen:
            return _seen[0]
    raise StoreError(
        "No run was made in this notebook yet.",
        hint="Make one with tk.analyze(...), or take up an old one with tk.attach(ID).",
    )
