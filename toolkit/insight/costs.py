"""What the stages take here: from past runs, or measured."""

from __future__ import annotations

import socket
import time
from itertools import islice
from pathlib import Path

from toolkit.config import Settings
from toolkit.hooks.manager import PluginManager
from toolkit.insight.sizing import Costs
from toolkit.pipeline import Pipeline
from toolkit.records import Run, RunSource, Source, Video
from toolkit.stages.component import Cancel
from toolkit.stages.private import scratch
from toolkit.stages.sampling import size_of
from toolkit.stages.store import Store

__all__ = ["calibrated", "past_costs"]

_RUNS = 20
"""Runs back that are looked at."""
_CALIBRATED = 24
"""Scenes that a calibration looks at."""


def past_costs(store: Store, settings: Settings) -> Costs | None:
    """What the stages took in the latest runs of this machine that did all their work anew.

    A scan's seconds there include its waits for analyzers: they are an upper bound, which a
    calibration is not.
    """
    video_s = scan_s = analyze_s = save_s = 0.0
    scenes = runs = 0
    host = socket.gethostname()
    for run in reversed(store.find(Run, status="done", host=host)):
        if runs == _RUNS or run.counts.get("reused") or not run.counts.get("tag_done"):
            continue
        ways = store.find(RunSource, run_id=run.id, status="done")
        found = store.find(Video, id=[way.video_id for way in ways if way.video_id])
        runs += 1
        video_s += sum(video.duration_s or 0.0 for video in found)
        scenes += run.counts["tag_done"]
        scan_s += run.seconds.get("scan", 0.0)
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
        source=f"the last {many} of this machine, scans' waits for analyzers included",
    )


def calibrated(path: Path, settings: Settings, plugins: PluginManager) -> Costs:
    """Measure on the first scenes of a video, in a workspace that is thrown away.

    Scans are measured in core seconds; analyzers once they have loaded their models.

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
            works = list(islice(pipeline.scan(video, cancel), _CALIBRATED))
            scan_s = time.process_time() - begun_s
            analyze_s = 0.0
            for place, job in enumerate(pipeline.crew.analyzers):
                size = max(1, job.component.batch_size)
                asked = [work for work in works if place in work.missing]
                list(pipeline.analyze(place, asked[:1], cancel))  # loads the model
                begun_s = time.perf_counter()
                for first in range(0, len(asked), size):
                    list(pipeline.analyze(place, asked[first : first + size], cancel))
                analyze_s += time.perf_counter() - begun_s
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
        analyze_s=analyze_s / count,
        save_s=save_s / count,
        frames_bytes=_frames_bytes(settings, (video.width, video.height)),
        source=f"measured on {count} scenes of {path.name}",
    )


def _frames_bytes(settings: Settings, shown: tuple[int, int]) -> int:
    width, height = size_of(shown, settings.sampling)
    return settings.sampling.frames * width * height * 3
