"""What a run takes beyond what its threads know by themselves: queues, helpers, memory, GPUs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from toolkit.execution.channel import Channel
from toolkit.execution.feed import Feed
from toolkit.execution.gauge import Gauge
from toolkit.execution.stint import Stints
from toolkit.execution.tally import Tally
from toolkit.stages.effort import Effort
from toolkit.stages.threads import Helpers

__all__ = ["Meter"]

_COMPUTE = {"analyze", "synthesize"}
"""What is likeliest to use a GPU, where several stages are at work."""


class Meter:
    """Looks from time to time, and counts it for the stages that are at work.

    Args:
        tally: Where it is counted.
        here: Whether stages' work is done in this process. If it is not, queues alone are looked
            at: whoever does the work tells the rest.
    """

    def __init__(self, tally: Tally, *, here: bool) -> None:
        self.stints = Stints()
        self._tally = tally
        self._gauge = Gauge() if here else None
        self._helpers = Helpers() if here else None

    def look(self, queues: Mapping[str, Sequence[Feed | Channel[Any]]]) -> None:
        """Count what was taken since the last look.

        Args:
            queues: For each stage, what items wait in for it.
        """
        for stage, waits in queues.items():
            if queued_s := sum(one.waited_s() for one in waits):
                self._tally.took(stage, Effort(queued_s=queued_s))
        stages = self.stints.lately()
        if self._helpers:
            for stage, cpu_s in self._helpers.spent().items():
                self._tally.took(stage, Effort(cpu_s=cpu_s))
        if not self._gauge:
            return
        seen = self._gauge.look()
        computing = stages & _COMPUTE or stages
        for stage in stages:
            effort = Effort(memory_bytes=seen.memory_bytes)
            if stage in computing:
                effort.gpu_memory_bytes = seen.gpu_memory_bytes
                if seen.gpu_s is not None:
                    effort.gpu_s = seen.gpu_s / len(computing)
            self._tally.took(stage, effort)

    def close(self) -> None:
        """Look no more."""
        if self._helpers:
            self._helpers.close()
