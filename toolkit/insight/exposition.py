"""A workspace's runs as metrics for Prometheus, in its text format 0.0.4.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from toolkit.hooks.manager import configure
from toolkit.insight.metrics import stages_of
from toolkit.records import Run
from toolkit.stages.effort import Effort
from toolkit.stages.store import Store

__all__ = ["CONTENT_TYPE", "FIGURES", "Figure", "exposition"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""What an answer over HTTP with this text calls itself."""


@dataclass(frozen=True)
class Figure:
    """A figure of :class:`~toolkit.stages.effort.Effort`, as Prometheus calls it."""

    of: str
    name: str
    help: str
    is_peak: bool = False


FIGURES = (
    Figure("seconds", "seconds", "Seconds that workers of a stage were at work."),
    Figure("cpu_s", "cpu_seconds", "Processor seconds that a stage took."),
    Figure("gpu_s", "gpu_seconds", "Seconds that GPUs were at work for a stage."),
    Figure("model_s", "model_seconds", "Seconds in which a model answered."),
    Figure("queued_s", "queued_seconds", "Seconds that items waited in front of a stage."),
    Figure("blocked_s", "blocked_seconds", "Seconds that workers waited for the next stage."),
    Figure("video_s", "video_seconds", "Seconds of video that went through a stage."),
    Figure("retries", "retries", "What was tried again."),
    Figure("hits", "cache_hits", "Items for which everything was there already."),
    Figure("tokens_in", "tokens_in", "Tokens that models read."),
    Figure("tokens_out", "tokens_out", "Tokens that models wrote."),
    Figure("memory_bytes", "memory_bytes", "Most memory of a process at the stage.", is_peak=True),
    Figure("gpu_memory_bytes", "gpu_memory_bytes", "Most memory of its GPUs.", is_peak=True),
)
_STANDINGS = ("running", "done", "failed", "cancelled", "interrupted")

_Samples = Iterable[tuple[Mapping[str, str], float]]


def exposition(workspace: Path) -> str:
    """The text: sums over all recorded runs by stage, and how far those are that go on.

    Sums are counters: they go down only where runs are removed from the store. Peaks and what
    belongs to one run are gauges, of runs that go on alone, so that there are few of them.

    Args:
        workspace: The workspace; its store is the one that the config chooses.

    Raises:
        ToolkitError: The store cannot be read.
    """
    settings, plugins, _ = configure(None, {"paths": {"workspace": workspace.absolute()}})
    settings.workspace.mkdir(parents=True, exist_ok=True, mode=0o700)
    with plugins.make(Store, "store", settings.store.plugin, settings).component as store:
        runs = store.find(Run)
    return "".join(_lines(runs))


def _lines(runs: Iterable[Run]) -> Iterator[str]:
    runs = list(runs)
    standing: Counter[str] = Counter(run.standing for run in runs)
    yield from _metric(
        "runs",
        "Recorded runs, by how they stand.",
        "gauge",
        (({"status": name}, standing[name]) for name in _STANDINGS),
    )
    yield from _counter("failures", "What could not be done.", [({}, _total(runs, "failures"))])
    yield from _counter("scenes_reused", "Scenes without work.", [({}, _total(runs, "reused"))])
    stages = list(dict.fromkeys(stage for run in runs for stage in stages_of(run)))
    done = [({"stage": stage}, _total(runs, f"{stage}_done")) for stage in stages]
    yield from _counter("stage_items", "Items that a stage is done with.", done)
    efforts = {stage: Effort() for stage in stages}
    for run in runs:
        for stage in stages_of(run):
            efforts[stage].add(Effort.read(stage, run.counts, run.seconds))
    for one in FIGURES:
        if not one.is_peak:
            sums = [({"stage": stage}, getattr(efforts[stage], one.of)) for stage in stages]
            known = [(labels, value) for labels, value in sums if value is not None]
            yield from _counter(f"stage_{one.name}", one.help, known)
    yield from _of_running([run for run in runs if run.standing == "running"])


def _of_running(runs: list[Run]) -> Iterator[str]:
    elapsed = [({"run": run.id}, run.seconds.get("elapsed", 0.0)) for run in runs]
    yield from _metric("run_elapsed_seconds", "Seconds since a run began.", "gauge", elapsed)
    each = [
        (run, stage, {"run": run.id, "stage": stage}) for run in runs for stage in stages_of(run)
    ]
    moment = {
        "done": "Items that a stage of a run is done with.",
        "total": "Items of it that are known so far.",
        "waiting": "Items that wait for it.",
        "workers": "Workers of it.",
        "busy": "Workers of it that are at work.",
    }
    for name, said in moment.items():
        samples = [(at, run.counts.get(f"{stage}_{name}", 0)) for run, stage, at in each]
        yield from _metric(f"run_stage_{name}", said, "gauge", samples)
    for one in FIGURES:
        if one.is_peak:
            peaks = [(at, run.counts.get(f"{stage}_{one.of}")) for run, stage, at in each]
            known = [(at, value) for at, value in peaks if value is not None]
            yield from _metric(f"run_stage_{one.name}", one.help, "gauge", known)


def _total(runs: Iterable[Run], name: str) -> int:
    return sum(run.counts.get(name, 0) for run in runs)


def _counter(name: str, said: str, samples: _Samples) -> Iterator[str]:
    return _metric(f"{name}_total", said, "counter", samples)


def _metric(name: str, said: str, kind: str, samples: _Samples) -> Iterator[str]:
    """A metric with its samples; nothing where there are none."""
    lines = [f"toolkit_{name}{_labels(labels)} {float(value)!r}\n" for labels, value in samples]
    if lines:
        said = said.replace("\\", r"\\").replace("\n", r"\n")
        yield f"# HELP toolkit_{name} {said}\n# TYPE toolkit_{name} {kind}\n"
        yield from lines


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    pairs = (f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return "{" + ",".join(pairs) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
