"""Where a model goes: which device, in which number format, or spread over several GPUs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from toolkit.errors import ModelError
from toolkit_analyze_qwen2vl.tensors import Tensors
from toolkit_analyze_qwen2vl.ways import ways_out

__all__ = ["ROOM", "Place", "free_bytes", "place"]

_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
ROOM = 1.15
"""Memory to have for each byte of weights: loading and the first frames take some more."""


@dataclass(frozen=True)
class Place:
    """Where a model is to be loaded.

    Attributes:
        device: What is written into logs: "cpu", "cuda:0", "cuda:0+1".
        dtype: Number format; "auto" leaves a quantised model's own.
        arguments: What ``from_pretrained`` is told about it.
    """

    device: str
    dtype: str
    arguments: Mapping[str, Any]


def place(
    model: str,
    tensors: Tensors,
    *,
    device: str,
    dtype: str,
    is_quantised: bool,
    free: Mapping[str, int],
) -> Place:
    """Choose device and number format: a GPU that has room, several together, or the CPU.

    Args:
        model: Its name, for errors.
        tensors: What is to be loaded.
        device: As configured; "auto" chooses.
        dtype: As configured; "auto" chooses.
        is_quantised: Whether the checkpoint is quantised: such a one keeps its own format.
        free: Bytes that are free, by device; see :func:`free_bytes`.

    Raises:
        ModelError: The device is not there, or there is too little memory.
    """
    gpus = {name: size for name, size in free.items() if name.startswith("cuda")}
    if device == "auto":
        device = "cuda" if gpus else "mps" if "mps" in free else "cpu"
        choice = list(gpus) or [device]
    else:
        choice = ["cuda:0"] if device == "cuda" else [device]
        if choice[0] not in free:
            raise ModelError(
                f"There is no device '{device}' on this machine that torch can use.",
                hint="Set device = auto in [analysis] to use what there is.",
                device=device,
            )
    if dtype == "auto" and not is_quantised:
        dtype = "bfloat16" if choice[0] in gpus else "float32"
    size = tensors.loaded_bytes(_BYTES[dtype]) if dtype in _BYTES else tensors.size_bytes
    needed = int(size * ROOM)
    for name in choice:
        if needed <= free[name]:
            arguments: dict[str, Any] = {"device_map": {"": name}} if name in gpus else {}
            return Place(name, dtype, arguments)
    if len(choice) > 1 and needed <= sum(gpus.values()):
        numbers = {int(name.partition(":")[2]): int(size / ROOM) for name, size in gpus.items()}
        arguments = {"device_map": "auto", "max_memory": numbers}
        return Place(f"cuda:{'+'.join(map(str, numbers))}", dtype, arguments)
    have = ", ".join(f"{name} {free[name] / 1e9:.1f} GB" for name in choice)
    raise ModelError(
        f"The model '{model}' takes about {needed / 1e9:.1f} GB as {dtype}, and there is too "
        f"little memory ({have}).",
        hint="Take a smaller model or a quantised one (`toolkit models list` says what each "
        "takes), or another device. " + ways_out(),
        model=model,
        device=device,
    )


def free_bytes(torch: Any) -> dict[str, int]:
    """Free memory of each device that torch can use, in bytes; of the CPU, all that there is."""
    free = {
        f"cuda:{number}": torch.cuda.mem_get_info(number)[0]
        for number in range(torch.cuda.device_count())
    }
    if hasattr(os, "sysconf"):
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    else:  # Windows does not say: let loading find out
        memory = 2**63
    if torch.backends.mps.is_available():
        free["mps"] = memory
    return free | {"cpu": memory}
