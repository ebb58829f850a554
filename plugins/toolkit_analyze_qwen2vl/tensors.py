"""What safetensors files say of themselves, read without torch: names, shapes, formats, sizes.

The format: https://huggingface.co/docs/safetensors/index#format.
"""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Tensors", "read_header"]

_MOST_HEADER_BYTES = 100_000_000  # the library's own limit
_FLOATS = {"F64", "F32", "F16", "BF16"}


@dataclass(frozen=True)
class Tensors:
    """The tensors of some files.

    Attributes:
        parameters: Numbers in them, packed ones (of quantised models) counted as stored.
        floats: Those that are floating-point, which take the format they are loaded in.
        size_bytes: What they take as stored.
        float_bytes: What the floating-point ones take as stored.
    """

    parameters: int
    floats: int
    size_bytes: int
    float_bytes: int

    @classmethod
    def of(cls, folder: Path) -> Tensors:
        """Those of a folder's files.

        Raises:
            ValueError: A file is damaged; the message names it.
        """
        parameters = floats = size_bytes = float_bytes = 0
        for file in sorted(folder.glob("*.safetensors")):
            for tensor in read_header(file).values():
                count = math.prod(tensor["shape"])
                start, end = tensor["data_offsets"]
                parameters += count
                size_bytes += end - start
                if tensor["dtype"] in _FLOATS:
                    floats += count
                    float_bytes += end - start
        return cls(parameters, floats, size_bytes, float_bytes)

    def loaded_bytes(self, bytes_each: int) -> int:
        """What they take when floating-point numbers are loaded at so many bytes each."""
        return self.size_bytes - self.float_bytes + self.floats * bytes_each


def read_header(file: Path) -> dict[str, Any]:
    """Name -> dtype, shape and data_offsets of each tensor in a file.

    Raises:
        ValueError: It is no safetensors file, or shorter or longer than it says.
        OSError: It cannot be read.
    """
    size = file.stat().st_size
    with file.open("rb") as stream:
        start = stream.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if not 0 < length <= min(_MOST_HEADER_BYTES, max(0, size - 8)):
            raise ValueError(f"{file.name} is no safetensors file, or cut short")
        try:
            header: dict[str, Any] = json.loads(stream.read(length))
            header.pop("__metadata__", None)
            ends = [tensor["data_offsets"][1] for tensor in header.values()]
            for tensor in header.values():
                math.prod(tensor["shape"])
                tensor["dtype"].upper()
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            raise ValueError(f"{file.name} has a damaged header ({error})") from error
    whole = 8 + length + max(ends, default=0)
    if size != whole:
        raise ValueError(f"{file.name} has {size} of {whole} bytes")
    return header
