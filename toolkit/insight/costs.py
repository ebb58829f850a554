"""What the stages take here: from past runs, or measured."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TypeVar

from toolkit.config import Settings
from toolkit.hooks.manager import PluginManager
from toolkit.insight.sizing import Costs
from toolkit.pipeline import Pipeline
from toolkit.records import Lineage, Run, RunSource, Source, Video
from toolkit.stages.component import Cancel
from toolkit.stages.private import scratch
from toolkit.stages.sampling import size_of
from toolkit.stages.store import Store

__all__ = ["calibrated", "past_costs"]

_RUNS = 20
"""Runs back that are looked at."""
_REUSE = ("reused", "scan_hits", "analyze_hits")
_CALIBRATED = 24
"""Scenes that a calibration looks at, at most."""
_LONGEST_S = 10.0
"""And how long, for each of its steps."""
T = TypeVar("T")


def past_costs(store: Store, settings: Settings, lineage: Lineage) -> Costs | None:
    """What the stages took in the latest runs of this machine that did all their work anew.

    Only runs count that had the same analyzers and the same scene detector; what they asked may
    have been something else.

    Args:
        store: Has the runs.
        settings: How large frames are.
        lineage: Of the run that is planned.
    """
    video_s = scan_s = analyze_s = save_s = 0.0
    scenes = runs = 0
    host, who = socket.gethostname(), _who(lineage)
    for run in reversed(store.find(Run, status="done", host=host)):
        anew = run.counts.get("tag_done") and not any(run.counts.get(name) for name in _REUSE)
        if runs == _RUNS or not anew or _who(run.lineage) != who:
            continue
        ways = store.find(RunSource, run_id=run.id, status="done")
        found = store.find(Video, id=[way.video_id for way in ways if way.video_id])
        runs += 1
        video_s += sum(video.duration_s or 0.0 for video in found)
        scenes += run.counts["tag_done"]
        # Core seconds where they are recorded: what it waited for would be no better elsewhere.
        scan_s += run.seconds.get("scan_cpu") or run.seconds.get("scan", 0.0)
        analyze_s += run.seconds.get("analyze", 0.0)
        save_s += run.seconds.get("tag", 0.0)
    if not scenes or not video_s:
        return None
    many = "run" if runs == 1 else f"{runs} runs"
    return Costs(
        scan_s=scan_s / video_s,
        scene_s=video_s / scenes,
        analyze_s=analyze_s / scenes,
        save_s=save_s / scenes,
        frames_bytes=_frames_bytes(settings, (1920, 1080)),
        source=f"the last {many} of this machine with these analyzers",
    )


def _who(lineage: Lineage) -> tuple[str, set[str]]:
    return lineage.detector, {analyzer for analyzer, _ in lineage.asks}


def calibrated(path: Path, settings: Settings, plugins: PluginManager) -> Costs:
    """Measure on the first scenes of a video, in a workspace that is thrown away.

    It takes half a minute or so, and what loading the models takes. Scans are measured in core
    seconds; analyzers once they have loaded their models.

    Raises:
        ToolkitError: The video cannot be analyzed.
    """
    cancel = Cancel()
    with scratch() as folder:
        paths = settings.paths.model_copy(update={"workspace": folder})
        pipeline = Pipeline(settings.model_copy(update={"paths": paths}), plugins)
        try:
            source = Source.of(str(path), "file")
            video = pipeline.acquire(source, lambda *_: None, cancel)
            assert isinstance(video, Video)  # a file is no playlist, and nothing limits it
            begun_s = time.process_time()
            works = list(_for_a_while(islice(pipeline.scan(video, cancel), _CALIBRATED)))
            scan_s = time.process_time() - begun_s
            analyze_s = 0.0
            for place, job in enumerate(pipeline.crew.analyzers):
                size = max(1, job.component.batch_size)
                asked = [work for work in works if place in work.missing]
                list(pipeline.analyze(place, asked[:1], cancel))  # loads the model
                begun_s, seen = time.perf_counter(), 0
                for first in _for_a_while(range(0, len(asked), size)):
                    seen += len(list(pipeline.analyze(place, asked[first : first + size], cancel)))
                analyze_s += (time.perf_counter() - begun_s) / max(1, seen)
            begun_s = time.perf_counter()
            for work in works:
                pipeline.tag(work)
                pipeline.store.save(work.new)
            save_s = time.perf_counter() - begun_s
        finally:
            pipeline.close()
    count, end_s = len(works), works[-1].scene.end_s
    return Costs(
        scan_s=scan_s / end_s,
        scene_s=end_s / count,
        analyze_s=analyze_s,
        save_s=save_s / count,
        frames_bytes=_frames_bytes(settings, (video.width, video.height)),
        source=f"measured on {count} scenes of {path.name}",
    )


def _for_a_while(items: Iterable[T]) -> Iterator[T]:
    """The items, until it has taken long enough."""
    end_s = time.monotonic() + _LONGEST_S
    for item in items:
        yield item
        if time.monotonic() > end_s:
            return


def _frames_bytes(settings: Settings, shown: tuple[int, int]) -> int:
    width, height = size_of(shown, settings.sampling)
    return settings.sampling.frames * width * height * 3
