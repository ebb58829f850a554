"""Messages over a socket: pickles, with arrays beside them instead of copied into them."""

from __future__ import annotations

import io
import pickle
import socket
import struct
from typing import Any

__all__ = ["receive", "receive_guarded", "send"]

_COUNT = struct.Struct("<I")
_MOST_PARTS = 1 << 16

_KNOWN = {
    "_codecs": {"encode"},
    "array": {"_array_reconstructor", "array"},
    "builtins": {"bytearray", "complex", "frozenset", "range", "set", "slice"},
    "collections": {"Counter", "OrderedDict", "deque"},
    "copyreg": {"_reconstructor"},
    "datetime": {"date", "datetime", "timedelta", "timezone"},
    "fractions": {"Fraction"},
    "numpy": {"dtype", "ndarray"},
    "numpy._core.multiarray": {"_reconstruct", "scalar"},
    "numpy._core.numeric": {"_frombuffer"},
    "numpy.core.multiarray": {"_reconstruct", "scalar"},
    "numpy.core.numeric": {"_frombuffer"},
    "pathlib": {"Path", "PosixPath", "PurePosixPath"},
    "toolkit.errors": {"_rebuild"},
}


def send(to: socket.socket, message: object) -> None:
    """Send a message, once there is room for it.

    Raises:
        OSError: Nobody is there any more.
    """
    arrays: list[pickle.PickleBuffer] = []
    data = pickle.dumps(message, protocol=5, buffer_callback=arrays.append)
    parts = [memoryview(data), *(array.raw() for array in arrays)]
    sizes = struct.pack(f"<{len(parts)}Q", *(part.nbytes for part in parts))
    to.sendall(_COUNT.pack(len(parts)) + sizes)
    for part in parts:
        to.sendall(part)


def receive(source: socket.socket) -> Any:
    """The next message of somebody who is trusted; waits for it.

    Raises:
        EOFError: Nobody is there any more.
        OSError: The same.
    """
    data, *arrays = _parts(source)
    return pickle.loads(data, buffers=arrays)  # noqa: S301 - see above


def receive_guarded(source: socket.socket) -> Any:
    """The next message of somebody who reads untrusted files: plain values and our records alone.

    Raises:
        EOFError: Nobody is there any more.
        OSError: The same.
        pickle.UnpicklingError: There is something else in it.
    """
    data, *arrays = _parts(source)
    return _Guarded(io.BytesIO(data), buffers=arrays).load()


class _Guarded(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if name in _KNOWN.get(module, ()):
            return super().find_class(module, name)
        if module.startswith("toolkit.") and "." not in name:
            found = super().find_class(module, name)
            if isinstance(found, type) and found.__module__.startswith("toolkit."):
                return found
        raise pickle.UnpicklingError(f"{module}.{name} is nothing that a reader gives")


def _parts(source: socket.socket) -> list[bytearray]:
    (count,) = _COUNT.unpack(_exactly(source, _COUNT.size))
    if not 0 < count <= _MOST_PARTS:
        raise pickle.UnpicklingError("a message has another beginning")
    sizes = struct.unpack(f"<{count}Q", _exactly(source, 8 * count))
    return [_exactly(source, size) for size in sizes]


def _exactly(source: socket.socket, size: int) -> bytearray:
    data = bytearray(size)
    view = memoryview(data)
    while view:
        if not (got := source.recv_into(view)):
            raise EOFError("nobody is there any more")
        view = view[got:]
    return data
