"""What a run would take, before it is started."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.config import Settings
from toolkit.errors import DecodeError
from toolkit.hooks.manager import PluginManager
from toolkit.hooks.specs import Context
from toolkit.insight.costs import calibrated, past_costs
from toolkit.insight.sizing import Cluster, Load, Sizing, length, sizing
from toolkit.pipeline import Pipeline
from toolkit.records import Scene, Source, Video
from toolkit.sources import Expanded, expand, stamp
from toolkit.work import pending, scanned

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Item", "Plan", "planned"]

_SCENE_BYTES = 35_000
"""What a scene takes on disk, about: its rows and a thumbnail."""


@dataclass(frozen=True)
class Item:
    """One source, and how it stands: new, done, unreadable, or unknown until its download.

    ``duration_s`` is None where the file does not tell.
    """

    uri: str
    standing: str
    duration_s: float | None = None
    size_bytes: int = 0
    error: str = ""


@dataclass(frozen=True)
class Plan:
    """What a run would take.

    Attributes:
        items: The sources.
        sizing: Time and hours for what is to be done; None where costs are not known.
        disk_bytes: What results take on disk, about.
        disk_free_bytes: What is free there.
        model_bytes: Memory that the chosen models take to load; 0 where that is not known.
        memory_bytes: Memory of the GPU, or of the machine if there is none.
    """

    items: tuple[Item, ...]
    sizing: Sizing | None
    disk_bytes: int
    disk_free_bytes: int
    model_bytes: int
    memory_bytes: int

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
        }
        rows = [(i.uri, i.standing, i.duration_s, i.size_bytes, i.error) for i in self.items]
        return pl.DataFrame(rows, schema=schema, orient="row")

    def __repr__(self) -> str:
        rows = self.rows()
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)

    def _repr_html_(self) -> str:
        cells = "".join(
            f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>"
            for name, value in self.rows()
        )
        return f'<table class="mathjax_ignore">{cells}</table>'

    def rows(self) -> list[tuple[str, str]]:
        """Names and values, for people."""
        count = {name: sum(i.standing == name for i in self.items) for name in _STANDINGS}
        rows = [("sources", ", ".join(f"{n:,} {name}" for name, n in count.items() if n) or "0")]
        load = self.load
        rows.append(("video to do", f"{length(load.video_s)}, {load.size_bytes / 1e9:,.2f} GB"))
        if self.sizing:
            names = ("scenes", "time", "analyzer hours", "scanning core hours", "bottleneck")
            shown = dict(self.sizing.rows())
            rows += [(name, shown[name]) for name in (*names, "costs") if name in shown]
        else:
            rows.append(("time", "not known before a first run: calibrate"))
        disk = f"{self.disk_bytes / 1e9:,.2f} GB of {self.disk_free_bytes / 1e9:,.1f} GB free"
        rows.append(("disk for results", disk))
        if self.model_bytes:
            fits = "fits" if self.model_bytes <= self.memory_bytes else "does NOT fit"
            room = f"{self.model_bytes / 1e9:.1f} of {self.memory_bytes / 1e9:.1f} GB"
            rows.append(("memory for the model", f"{room}: {fits}"))
        return rows


_STANDINGS = ("new", "done", "unknown", "unreadable")


def _load(items: Iterable[Item]) -> Load:
    new = [item for item in items if item.standing == "new"]
    lengths = [item.duration_s or 0.0 for item in new]
    size = sum(item.size_bytes for item in new)
    longest_s = max(lengths, default=0.0)
    return Load(videos=len(new), video_s=sum(lengths), longest_s=longest_s, size_bytes=size)


def planned(
    given: Iterable[str | os.PathLike[str]],
    settings: Settings,
    plugins: PluginManager,
    *,
    calibrate: bool = False,
    cluster: Cluster | None = None,
    deadline_s: float = 0.0,
) -> Plan:
    """What a run over these sources would take. Files are opened for their metadata alone.

    Args:
        given: Paths, patterns, folders, links.
        settings: What the user chose.
        plugins: Where the working objects come from.
        calibrate: Analyze the start of the shortest video to measure, instead of asking past runs.
        cluster: What it is to run on; None: this machine.
        deadline_s: Seconds after which all is to be done, see :func:`~toolkit.insight.sizing`.

    Raises:
        ToolkitError: A chosen plugin cannot start, or the calibration failed.
    """
    pipeline = Pipeline(settings, plugins)
    try:
        items = tuple(_item(pipeline, found) for found in expand(given))
        costs = past_costs(pipeline.store, settings)
    finally:
        pipeline.close()
    new = [item for item in items if item.standing == "new"]
    if calibrate and new:
        shortest = min(new, key=lambda item: item.duration_s or 0.0)
        costs = calibrated(Path(shortest.uri), settings, plugins)
    load = _load(items)
    here = Cluster(analyzers=1, scans=settings.execution.scans(max(1, load.videos)), chunk_s=0)
    sized = sizing(load, costs, cluster or here, deadline_s=deadline_s) if costs else None
    model, memory = _memory(settings, plugins)
    return Plan(
        items=items,
        sizing=sized if load.videos else None,
        disk_bytes=(sized.scenes if sized and load.videos else 0) * _SCENE_BYTES,
        disk_free_bytes=shutil.disk_usage(settings.workspace).free,
        model_bytes=model,
        memory_bytes=memory,
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
            video = pipeline.crew.decoder.probe(path)
    except (DecodeError, OSError) as refusal:
        return Item(found.uri, "unreadable", error=str(refusal))
    standing = "done" if video.id and _done(pipeline, video) else "new"
    return Item(str(path), standing, video.duration_s, video.size_bytes)


def _done(pipeline: Pipeline, video: Video) -> bool:
    if not scanned(pipeline.crew, video):
        return False
    crew = pipeline.crew
    scenes = crew.store.find(Scene, video_id=video.id, detector=crew.detector_key)
    return all(not work.missing and work.tagged for work in pending(crew, video, scenes))


def _memory(settings: Settings, plugins: PluginManager) -> tuple[int, int]:
    """What the chosen models take to load, and the memory there is for them."""
    context = Context(settings.workspace, settings.base)
    wanted = 0
    for plugin, _ in plugins.plugins():
        if plugin.models and plugin.name in settings.chosen(plugin.stage):
            options = settings.options.get(plugin.stage, {}).get(plugin.name) or plugin.options()
            known = plugin.models(options, context).known()
            wanted += sum(info.memory_bytes for info in known if info.chosen)
    if not wanted:
        return 0, 0
    import torch

    if torch.cuda.is_available():
        return wanted, int(torch.cuda.get_device_properties(0).total_memory)
    return wanted, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
