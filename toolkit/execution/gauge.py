"""What this process has of memory and of GPUs, looked at from time to time."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from toolkit.stages.effort import Effort

__all__ = ["EVERY_S", "Gauge", "Watch"]

log = logging.getLogger(__name__)
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024
_FRESH_S = 0.1  # a look costs as much as a scene in some scans
EVERY_S = 1.0
"""How often to look: NVML's share of busy time is about the last second at most."""


class Gauge:
    """Looks at the process: the memory that it has, and the GPUs that torch computes on in it.

    GPUs are asked through NVML (the extra ``gpu``). What they say is about the whole device,
    whoever uses it besides. Without a GPU, or without the library, nothing is said of them.
    """

    def __init__(self) -> None:
        self._nvml: Any = None
        self._is_out = False
        self._devices: dict[int, Any] = {}
        self._at_s = time.monotonic()

    def look(self) -> Effort:
        """Memory now, and what GPUs were at work since the last look."""
        now_s = time.monotonic()
        passed_s, self._at_s = now_s - self._at_s, now_s
        effort = Effort(memory_bytes=_memory_bytes())
        torch = sys.modules.get("torch")
        cuda = getattr(torch, "cuda", None)  # none yet while another thread imports torch
        is_initialized = getattr(cuda, "is_initialized", None)
        if self._is_out or is_initialized is None or not is_initialized():
            return effort
        try:
            self._look_at(torch, passed_s, effort)
        except Exception as error:  # noqa: BLE001 - a library's trouble is not the run's
            self._is_out = True
            log.info("GPUs are not measured: %s: %s", type(error).__name__, error)
        return effort

    def _look_at(self, torch: Any, passed_s: float, effort: Effort) -> None:
        if self._nvml is None:
            import pynvml

            pynvml.nvmlInit()
            self._nvml = pynvml
        for index in range(torch.cuda.device_count()):
            if index not in self._devices and torch.cuda.memory_reserved(index):
                self._devices[index] = self._device(torch.cuda.get_device_properties(index))
        for device in self._devices.values():
            effort.gpu_memory_bytes += int(self._nvml.nvmlDeviceGetMemoryInfo(device).used)
            with suppress(self._nvml.NVMLError_NotSupported):  # parts of a GPU do not tell
                percent = self._nvml.nvmlDeviceGetUtilizationRates(device).gpu
                effort.gpu_s = (effort.gpu_s or 0.0) + passed_s * percent / 100

    def _device(self, properties: Any) -> Any:
        """NVML counts devices in another order than CUDA, and all that there are."""
        name = str(properties.uuid)
        if not name.startswith(("GPU-", "MIG-")):
            name = f"GPU-{name}"
        return self._nvml.nvmlDeviceGetHandleByUUID(name)


def _memory_bytes() -> int:
    """The resident memory of this process; its peak where the system does not tell it."""
    with suppress(OSError):  # Linux tells what it is now
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
    try:
        import resource
    except ImportError:  # Windows
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT


class Watch:
    """A thread that looks at the process as long as it lives."""

    def __init__(self) -> None:
        self._gauge = Gauge()
        self._lock = threading.Lock()
        self._seen = Effort()
        self._looked_s = 0.0
        threading.Thread(target=self._watch, name="gauge", daemon=True).start()

    def _watch(self) -> None:
        while True:
            time.sleep(EVERY_S)
            self._look()

    def _look(self) -> None:
        with self._lock:
            self._looked_s = time.monotonic()
            self._seen.add(self._gauge.look())

    def seen(self) -> Effort:
        """What was seen since this was last asked; the memory of a moment ago counts as now's."""
        if time.monotonic() - self._looked_s > _FRESH_S:
            self._look()
        with self._lock:
            seen, self._seen = self._seen, Effort(memory_bytes=self._seen.memory_bytes)
        return seen
