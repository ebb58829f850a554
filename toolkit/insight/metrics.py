"""What a run's stages took, as a Polars frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolkit.insight import columns
from toolkit.records import Run
from toolkit.stages.effort import Effort

if TYPE_CHECKING:
    import polars as pl

__all__ = ["metrics", "speed", "stages_of"]


def stages_of(run: Run) -> list[str]:
    """The stages that a run has."""
    return [name.removesuffix("_done") for name in run.counts if name.endswith("_done")]


def speed(run: Run) -> float | None:
    """Seconds of video that were scanned a second, from the run's start to its end."""
    elapsed_s = run.seconds.get("elapsed")
    return run.seconds.get("scan_video", 0.0) / elapsed_s if elapsed_s else None


def metrics(run: Run) -> pl.DataFrame:
    """One row a stage: what it did and where its time went, as last written down.

    ``seconds`` are those its workers spent, all together: with several at once more than passed.
    ``share`` is out of all stages'. ``waiting`` items wait for the stage, ``busy`` of its
    ``workers`` are at work, at that moment. ``span_s`` is how long workers were there, summed, and
    ``use`` the share of it in which they were at work. ``waited_s`` are the worker seconds in which
    neither the processor nor a model was at work, the waits for room in front of the next stage
    (``blocked_s``) included. ``speed`` is seconds of video a worker's second, ``gpu_use`` the share
    of ``seconds`` in which a GPU was busy. See :class:`~toolkit.stages.effort.Effort` for the rest.
    What was not recorded, or could not be, is null.
    """
    import polars as pl

    stages = stages_of(run)
    total_s = sum(run.seconds.get(stage, 0.0) for stage in stages)
    rows = []
    for stage in stages:
        effort = Effort.read(stage, run.counts, run.seconds)
        seconds, done = effort.seconds, run.counts[f"{stage}_done"]
        span_s = run.seconds.get(f"{stage}_span")
        rows.append(
            [
                stage,
                done,
                run.counts.get(f"{stage}_total", 0),
                seconds,
                seconds / done if done else None,
                seconds / total_s if total_s else 0.0,
                *(run.counts.get(f"{stage}_{name}", 0) for name in ("waiting", "workers", "busy")),
                span_s,
                min(1.0, seconds / span_s) if span_s else None,
                *_taken(effort, recorded=f"{stage}_cpu" in run.seconds),
            ]
        )
    schema = {
        "stage": pl.String(),
        "done": pl.Int64(),
        "total": pl.Int64(),
        "seconds": pl.Float64(),
        "seconds_per_item": pl.Float64(),
        "share": pl.Float64(),
        "waiting": pl.Int64(),
        "workers": pl.Int64(),
        "busy": pl.Int64(),
        "span_s": pl.Float64(),
        "use": pl.Float64(),
        "cpu_s": pl.Float64(),
        "model_s": pl.Float64(),
        "waited_s": pl.Float64(),
        "blocked_s": pl.Float64(),
        "queued_s": pl.Float64(),
        "video_s": pl.Float64(),
        "speed": pl.Float64(),
        "retries": pl.Int64(),
        "cache_hits": pl.Int64(),
        "tokens_in": pl.Int64(),
        "tokens_out": pl.Int64(),
        "memory_bytes": pl.Int64(),
        "gpu_s": pl.Float64(),
        "gpu_use": pl.Float64(),
        "gpu_memory_bytes": pl.Int64(),
    }
    return columns.frame(rows, schema)


def _taken(effort: Effort, *, recorded: bool) -> list[Any]:
    seconds = effort.seconds
    if not recorded:
        return [None] * 15
    left_s = seconds - effort.model_s
    return [
        effort.cpu_s,
        effort.model_s,
        effort.blocked_s + max(0.0, left_s - effort.cpu_s),
        effort.blocked_s,
        effort.queued_s,
        effort.video_s,
        effort.video_s / seconds if seconds else None,
        effort.retries,
        effort.hits,
        effort.tokens_in,
        effort.tokens_out,
        effort.memory_bytes or None,
        effort.gpu_s,
        min(1.0, effort.gpu_s / seconds) if seconds and effort.gpu_s is not None else None,
        effort.gpu_memory_bytes or None,
    ]
