"""Large libraries, imported beside other threads without stopping them.

Python's one lock is held while a library of hundreds of megabytes is linked, and while the garbage
collector looks at all that an import has made: measured, 0.4 s for torch, and 0.2 s each of several
times for transformers. A notebook's cell waits for that long.
"""

from __future__ import annotations

import ctypes
import gc
import importlib.util
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["loading", "unloaded"]

_TORCH = (("libtorch_global_deps.so", ctypes.RTLD_GLOBAL), ("libtorch.so", ctypes.RTLD_LOCAL))
"""What ``import torch`` links as well, in this order; what needs Python's lock is left to it."""


class _Held:
    """How much is loaded, and whether its objects are passed over because of that."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._loads = 0
        self._frozen = False

    def take(self) -> None:
        self._loads += 1
        if not gc.get_freeze_count():  # or somebody else has their own plan
            gc.freeze()
            self._frozen = True

    def drop(self) -> None:
        self._loads -= 1
        if self._frozen and not self._loads:
            gc.unfreeze()
            self._frozen = False


_held = _Held()


@contextmanager
def loading() -> Iterator[None]:
    """Import torch and what stands on it, and load a model, inside of this block.

    What is there at its end is left out of garbage collections, which would stop all threads for as
    long as before, until :func:`unloaded` is called once for each block that came to its end.
    """
    with _held.lock:
        # Threads of torch that wait would spin, on cores that the decoder needs: with other work on
        # the machine answers then took up to ten times as long. Read when torch is first linked.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        _link()
        collects = gc.isenabled()
        gc.disable()
        try:
            yield
            _held.take()
        finally:
            if collects:
                gc.enable()


def unloaded() -> None:
    """What a block has loaded is not wanted any more."""
    with _held.lock:
        _held.drop()


def _link() -> None:
    """Link torch's libraries before it does so itself, which would hold the lock."""
    if sys.platform != "linux" or "torch" in sys.modules:
        return
    found = importlib.util.find_spec("torch")
    if found is None or found.origin is None:
        return
    call = ctypes.CDLL(None).dlopen  # called like this it lets the lock go
    call.restype = ctypes.c_void_p
    for name, scope in _TORCH:
        path = Path(found.origin).with_name("lib") / name
        if not path.is_file() or not call(os.fsencode(path), ctypes.c_int(os.RTLD_NOW | scope)):
            return  # torch knows other places to look, and says why it cannot
