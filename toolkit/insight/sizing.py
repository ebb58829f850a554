"""How many scans keep an analyzer busy, how long it all takes, and what breaks first.

Plain arithmetic on what one second of video and one scene cost, see :func:`sizing`: with measured
costs it answers for this machine, with other numbers for machines that are not there yet.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.insight.listed import Listed

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Cluster", "Costs", "Load", "Sizing", "length", "sizing"]

_ROWS_MORE = 2
"""Rows that a scene leaves besides its answers and tags: itself, and that it is tagged."""
_IN_FLIGHT = 2
"""Batches an analyzer has: the one it looks at, and the next."""


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What the stages take.

    Attributes:
        scan_s: Core seconds to scan one second of video.
        scene_s: Mean length of a scene in seconds.
        analyze_s: Seconds of an analyzer (of its GPU, if it has one) a scene.
        save_s: Seconds of the writer to tag and save a scene.
        frames_bytes: Bytes of a scene's frames, between scan and analyzer.
        rows: Answers and tags a scene leaves.
        source: Where these numbers come from.
    """

    scan_s: float
    scene_s: float
    analyze_s: float
    save_s: float = 0.002
    frames_bytes: int = 8 * 588 * 336 * 3
    rows: int = 5
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class Load:
    """What there is to do.

    Attributes:
        videos: How many.
        video_s: Length of all in seconds.
        longest_s: Length of the longest in seconds.
        size_bytes: Bytes of all files.
    """

    videos: int
    video_s: float
    longest_s: float = 0.0
    size_bytes: int = 0


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """What there is to do it with, and what its parts bear.

    Attributes:
        analyzers: Analyzers at work, one a GPU; 0: as many as the deadline asks for, or one.
        scans: Cores that scan; 0: as many as keep the analyzers busy.
        batch: Scenes an analyzer takes at once.
        queue: Scenes that wait for each analyzer beyond those.
        writers: Processes that tag and save scenes.
        rows_per_s: Rows a second that the store takes.
        read_bytes_per_s: Bytes of video a second that its storage gives.
        tasks_per_s: Scenes a second that one coordinator hands on.
        chunk_s: Length in seconds of the parts of long files; 0: they are scanned whole.
    """

    analyzers: int = 0
    scans: int = 0
    batch: int = 8
    queue: int = 8
    writers: int = 1
    rows_per_s: float = 5000.0
    read_bytes_per_s: float = 1e9
    tasks_per_s: float = 1000.0
    chunk_s: float = 1200.0


@dataclass(frozen=True, repr=False)
class Sizing(Listed):
    """What follows.

    Attributes:
        analyzers: Analyzers at work.
        scans: Cores that scan.
        scans_per_analyzer: How many of these keep one of those busy.
        wall_s: Seconds from start to end.
        scenes: How many scenes to expect.
        scenes_per_s: Scenes a second in steady state.
        gpu_hours: Hours of all analyzers, waiting included.
        core_hours: Hours of all scanning cores, waiting included.
        tail_s: Seconds that the longest file, begun last, holds up the end at most.
        object_store_bytes: Bytes of frames between scans and analyzers, at most.
        use: Share of what it bears that each part is used to, the bottleneck first.
        source: Where the costs come from.
    """

    analyzers: int
    scans: int
    scans_per_analyzer: float
    wall_s: float
    scenes: int
    scenes_per_s: float
    gpu_hours: float
    core_hours: float
    tail_s: float
    object_store_bytes: int
    use: dict[str, float]
    source: str

    @property
    def bottleneck(self) -> str:
        """The part that sets the pace."""
        return next(iter(self.use))

    @property
    def breaks_first(self) -> str:
        """What sets the pace next, if there were more of the bottleneck, and from how much on."""
        part, use = list(self.use.items())[1]
        return f"{part}, at {1 / use:.1f} times the pace" if use else "nothing"

    @property
    def frame(self) -> pl.DataFrame:
        """Its rows as a Polars frame: name and value."""
        import polars as pl

        return pl.DataFrame(self.rows(), schema=["what", "value"], orient="row")

    def rows(self) -> list[tuple[str, str]]:  # noqa: D102 - told by Listed
        use = ", ".join(f"{part} {share:.0%}" for part, share in self.use.items())
        return [
            ("analyzers", f"{self.analyzers:,}"),
            ("scanning cores", f"{self.scans:,}"),
            ("cores that keep one analyzer busy", f"{self.scans_per_analyzer:.2f}"),
            ("time", length(self.wall_s)),
            ("scenes", f"{self.scenes:,}"),
            ("scenes a second", f"{self.scenes_per_s:,.1f}"),
            ("analyzer hours", f"{self.gpu_hours:,.1f}"),
            ("scanning core hours", f"{self.core_hours:,.1f}"),
            ("longest file at the end", length(self.tail_s)),
            ("frames in the object store", f"{self.object_store_bytes / 1e9:,.2f} GB at most"),
            ("use", use),
            ("bottleneck", self.bottleneck),
            ("breaks next", self.breaks_first),
            *([("costs", self.source)] if self.source else []),
        ]


def length(seconds: float) -> str:
    """A time as people say it: ``42 s``, ``7 min``, ``5.1 h``, ``3.2 days``."""
    for unit, name in ((86_400, "days"), (3600, "h")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:,.1f} {name}"
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s"


def sizing(
    load: Load, costs: Costs, cluster: Cluster | None = None, *, deadline_s: float = 0.0
) -> Sizing:
    """What a load takes on a cluster, or which cluster it takes by a deadline.

    Args:
        load: What there is to do.
        costs: What the stages take.
        cluster: What to do it with; what is 0 in it follows.
        deadline_s: Seconds after which all is to be done, where the analyzers are not given.
    """
    cluster = cluster or Cluster()
    video_s = max(load.video_s, 1e-9)
    scenes = max(1, round(video_s / costs.scene_s))
    per_analyzer = costs.scan_s * costs.scene_s / max(costs.analyze_s, 1e-9)
    analyzers = cluster.analyzers
    if not analyzers:
        analyzers = math.ceil(scenes * costs.analyze_s / deadline_s) if deadline_s else 1
    analyzers = max(1, analyzers)
    scans = cluster.scans or max(1, math.ceil(per_analyzer * analyzers))
    rows = costs.rows + _ROWS_MORE
    # Scenes a second that each part could do alone.
    paces = {
        "analyzers": analyzers / max(costs.analyze_s, 1e-9),
        "scans": scans / (costs.scan_s * costs.scene_s),
        "writers": cluster.writers / max(costs.save_s, 1e-9),
        "store": cluster.rows_per_s / rows,
        "coordinator": cluster.tasks_per_s,
    }
    if load.size_bytes:
        bytes_each = load.size_bytes / scenes
        paces["storage"] = cluster.read_bytes_per_s / bytes_each
    pace = min(paces.values())
    tail_s = min(load.longest_s, cluster.chunk_s or load.longest_s) * costs.scan_s
    if cluster.chunk_s and load.longest_s > 1.5 * cluster.chunk_s:
        tail_s *= 2  # its boundaries first, then its frames
    wall_s = scenes / pace + tail_s
    waiting = cluster.queue + _IN_FLIGHT * cluster.batch
    held = analyzers * waiting + scans
    shares = sorted(((part, pace / own) for part, own in paces.items()), key=lambda one: -one[1])
    return Sizing(
        analyzers=analyzers,
        scans=scans,
        scans_per_analyzer=per_analyzer,
        wall_s=wall_s,
        scenes=scenes,
        scenes_per_s=pace,
        gpu_hours=analyzers * wall_s / 3600,
        core_hours=scans * wall_s / 3600,
        tail_s=tail_s,
        object_store_bytes=held * costs.frames_bytes,
        use=dict(shares),
        source=costs.source,
    )
