"""What a run would take, before it is started."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.acquire import probed
from toolkit.config import Settings
from toolkit.errors import DecodeError
from toolkit.hooks.manager import PluginManager
from toolkit.hooks.specs import Context
from toolkit.insight.costs import calibrated, past_costs
from toolkit.insight.listed import Listed
from toolkit.insight.sizing import Cluster, Load, Sizing, length, sizing
from toolkit.pipeline import Pipeline
from toolkit.records import Scene, Source, Video
from toolkit.sources import Expanded, expand, stamp
from toolkit.stages.component import Cancel
from toolkit.stages.loading import loading, unloaded
from toolkit.stages.models import ModelInfo
from toolkit.work import pending, scanned

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Item", "Plan", "planned"]

_SCENE_BYTES = 35_000
"""What a scene takes on disk, about: its rows and a thumbnail."""


@dataclass(frozen=True)
class Item:
    """One source, and how it stands: new, partly or wholly done, unreadable, or unknown.

    What a link leads to is unknown until its download. ``duration_s`` is None where the file does
    not tell; ``left`` is the share of its scenes in which something is to be done.
    """

    uri: str
    standing: str
    duration_s: float | None = None
    size_bytes: int = 0
    error: str = ""
    left: float = 0.0


@dataclass(frozen=True, repr=False)
class Plan(Listed):
    """What a run would take.

    Attributes:
        items: The sources.
        sizing: Time and hours for what is to be done; None where costs are not known.
        disk_bytes: What results take on disk, about, and models that are still to be fetched.
        disk_free_bytes: What is free there.
        model_bytes: Memory that the chosen models take to load; 0 where that is not known.
        memory_bytes: Memory of the GPU, or of the machine if there is none.
        on_gpus: Whether analyzers are expected to run on GPUs.
    """

    items: tuple[Item, ...]
    sizing: Sizing | None
    disk_bytes: int
    disk_free_bytes: int
    model_bytes: int
    memory_bytes: int
    on_gpus: bool = False

    @property
    def load(self) -> Load:
        """What is to be done."""
        return _load(self.items)

    @property
    def frame(self) -> pl.DataFrame:
        """The sources as a Polars frame, one a row."""
        import polars as pl

        schema = {
            "uri": pl.String(),
            "standing": pl.String(),
            "duration_s": pl.Float64(),
            "size_bytes": pl.Int64(),
            "error": pl.String(),
            "left": pl.Float64(),
        }
        rows = [
            (i.uri, i.standing, i.duration_s, i.size_bytes, i.error, i.left) for i in self.items
        ]
        return pl.DataFrame(rows, schema=schema, orient="row")

    def rows(self) -> list[tuple[str, str]]:  # noqa: D102 - told by Listed
        count = {name: sum(i.standing == name for i in self.items) for name in _STANDINGS}
        rows = [("sources", ", ".join(f"{n:,} {name}" for name, n in count.items() if n) or "0")]
        load = self.load
        rows.append(("video to do", f"{length(load.video_s)}, {load.size_bytes / 1e9:,.2f} GB"))
        if done_s := sum((i.duration_s or 0.0) * (1 - i.left) for i in self.items if i.left < 1):
            rows.append(("skipped as done", length(done_s)))
        if self.sizing:
            names = ("scenes", "time", "analyzer hours", "scanning core hours", "bottleneck")
            shown = dict(self.sizing.rows())
            gpu = {"analyzer hours": "GPU hours"} if self.on_gpus else {}
            rows += [(gpu.get(n, n), shown[n]) for n in (*names, "costs") if n in shown]
        elif load.videos:
            rows.append(("time", "not known before a first run: calibrate"))
        disk = f"{self.disk_bytes / 1e9:,.2f} GB of {self.disk_free_bytes / 1e9:,.1f} GB free"
        lacks = ": does NOT fit" if self.disk_bytes > self.disk_free_bytes else ""
        rows.append(("disk", disk + lacks))
        if self.model_bytes:
            fits = "fits" if self.model_bytes <= self.memory_bytes else "does NOT fit"
            room = f"{self.model_bytes / 1e9:.1f} of {self.memory_bytes / 1e9:.1f} GB"
            rows.append(("memory for the model", f"{room}: {fits}"))
        return rows


_STANDINGS = ("new", "partly", "done", "unknown", "unreadable")


def _load(items: Iterable[Item]) -> Load:
    new = [item for item in items if item.left]
    lengths = [(item.duration_s or 0.0) * item.left for item in new]
    size = sum(item.size_bytes for item in new)
    longest_s = max(lengths, default=0.0)
    return Load(videos=len(new), video_s=sum(lengths), longest_s=longest_s, size_bytes=size)


def planned(
    given: Iterable[str | os.PathLike[str]],
    settings: Settings,
    plugins: PluginManager,
    *,
    calibrate: bool | None = None,
    cluster: Cluster | None = None,
    deadline_s: float = 0.0,
) -> Plan:
    """What a run over these sources would take. Files are opened for their metadata alone.

    Args:
        given: Paths, patterns, folders, links.
        settings: What the user chose.
        plugins: Where the working objects come from.
        calibrate: Whether to measure, on the start of the shortest video, instead of asking past
            runs; None: where there are none, and the models are on this machine.
        cluster: What it is to run on; None: this machine.
        deadline_s: Seconds after which all is to be done, see :func:`~toolkit.insight.sizing`.

    Raises:
        ToolkitError: A chosen plugin cannot start, or the calibration failed.
    """
    pipeline = Pipeline(settings, plugins)
    try:
        items = tuple(_item(pipeline, found) for found in expand(given))
        costs = past_costs(pipeline.store, settings, pipeline.crew.lineage)
        accelerated = any(job.component.accelerated for job in pipeline.crew.analyzers)
    finally:
        pipeline.close()
    models = _models(settings, plugins)
    new = [item for item in items if item.standing == "new"]
    if calibrate is None:
        calibrate = not costs and all(info.here == "yes" for info in models)
    if calibrate and new:
        shortest = min(new, key=lambda item: item.duration_s or 0.0)
        costs = calibrated(Path(shortest.uri), settings, plugins)
    load = _load(items)
    here = Cluster(analyzers=1, scans=settings.execution.scans(max(1, load.videos)), chunk_s=0)
    sized = sizing(load, costs, cluster or here, deadline_s=deadline_s) if costs else None
    sized = sized if load.videos else None
    wanted = sum(info.memory_bytes for info in models)
    gpu_bytes = _gpu_bytes() if wanted or accelerated else 0
    return Plan(
        items=items,
        sizing=sized,
        disk_bytes=(sized.scenes if sized else 0) * _SCENE_BYTES
        + sum(info.size_bytes for info in models if info.here != "yes"),
        disk_free_bytes=shutil.disk_usage(settings.workspace).free,
        model_bytes=wanted,
        memory_bytes=(gpu_bytes or _machine_bytes()) if wanted else 0,
        on_gpus=accelerated and bool(gpu_bytes or (cluster and cluster.analyzers)),
    )


def _item(pipeline: Pipeline, found: Expanded) -> Item:
    if not isinstance(found, Source):
        word, error = found
        return Item(word, "unreadable", error=str(error))
    known = next(iter(pipeline.store.find(Source, id=found.id)), None)
    video = known and next(iter(pipeline.store.find(Video, id=known.video_id or "")), None)
    if found.kind == "link" and not video:
        return Item(found.uri, "unknown")
    path = Path(found.uri if found.kind == "file" else video.path if video else "")
    try:
        if not (video and known and known.stamp == stamp(path)):
            readers, stall_s = pipeline.crew.readers, pipeline.settings.decode.stall_s
            [video] = readers.do(probed, path, stall_s, cancel=Cancel(), brief=True)
    except (DecodeError, OSError) as refusal:
        return Item(found.uri, "unreadable", error=str(refusal))
    left = _left(pipeline, video) if video.id else 1.0
    standing = "done" if not left else "partly" if left < 1 else "new"
    return Item(str(path), standing, video.duration_s, video.size_bytes, left=left)


def _left(pipeline: Pipeline, video: Video) -> float:
    """The share of the video's scenes in which something is to be done."""
    if not scanned(pipeline.crew, video):
        return 1.0
    crew = pipeline.crew
    scenes = crew.store.find(Scene, video_id=video.id, detector=crew.detector_key)
    works = pending(crew, video, scenes)
    return sum(bool(work.missing or not work.tagged) for work in works) / max(1, len(works))


def _models(settings: Settings, plugins: PluginManager) -> list[ModelInfo]:
    """The models that the chosen plugins are to use."""
    context = Context(settings.workspace, settings.base)
    found: list[ModelInfo] = []
    for plugin, _ in plugins.plugins():
        if plugin.models and plugin.name in settings.chosen(plugin.stage):
            options = settings.options.get(plugin.stage, {}).get(plugin.name) or plugin.options()
            found += [one for one in plugin.models(options, context).known() if one.chosen]
    return found


def _gpu_bytes() -> int:
    """Memory of the first GPU; 0 where there is none."""
    try:
        with loading():
            import torch
    except ImportError:
        return 0
    unloaded()
    if not torch.cuda.is_available():
        return 0
    return int(torch.cuda.get_device_properties(0).total_memory)


def _machine_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
