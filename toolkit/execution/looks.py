"""What a run adds up to, as frames, as charts and as a page."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.execution.tables import Tables
from toolkit.insight import counts, metrics, page, plots
from toolkit.media.files import check_free
from toolkit.privacy.audited import note_export

if TYPE_CHECKING:
    import polars as pl

    from toolkit.insight.charts import Chart

__all__ = ["Charts", "Looks"]


class Looks(Tables):
    """Sums of a run as frames; :attr:`charts` draws each of them."""

    @property
    def overview(self) -> pl.DataFrame:
        """One row a video: length, scenes, labels, sentiment, failures."""
        return counts.overview(self.videos, self.scenes, self.failures)

    @property
    def tag_counts(self) -> pl.DataFrame:
        """One row a label: its scenes, videos and share of the time."""
        return counts.tag_counts(self.scenes)

    @property
    def tag_pairs(self) -> pl.DataFrame:
        """One row a pair of labels that stand together on scenes."""
        return counts.tag_pairs(self.scenes)

    @property
    def scene_lengths(self) -> pl.DataFrame:
        """How many scenes are how long."""
        return counts.scene_lengths(self.scenes)

    @property
    def sentiments(self) -> pl.DataFrame:
        """One row a stretch of a video in which the sentiment stays the same."""
        return counts.stretches(self.scenes, "sentiment")

    @property
    def failure_counts(self) -> pl.DataFrame:
        """One row a kind of failure at a stage."""
        return counts.failure_counts(self.failures)

    @property
    def metrics(self) -> pl.DataFrame:
        """One row a stage: items, time, waits, tokens, memory, see docs/metrics.md."""
        return metrics.metrics(self.row)

    def timeline(self, video: str | None = None) -> pl.DataFrame:
        """One row a stretch of a video in which a label holds.

        Args:
            video: A ``video_id`` or the start of it; None for all videos.
        """
        return counts.stretches(self._scenes(video), "tags")

    @property
    def charts(self) -> Charts:
        """The same, drawn; with the extra ``notebook``."""
        return Charts(self)

    def to_html(self, path: str | os.PathLike[str], *, force: bool = False) -> Path:
        """Write a report: one page that needs no other file, no script and no network.

        Args:
            path: The file.
            force: Replace a file that is there.

        Returns:
            The file.

        Raises:
            MediaError: A file is there already, or it cannot be written.
            MissingExtraError: The extra ``notebook``, which draws the charts, is not installed.
        """
        to = Path(path)
        check_free(to, force=force)  # before the work, which may take a while
        page.write(page.page(self._store, self.row), to, force=force)
        note_export(self._store, "report", [to], self.row)
        return to

    def _face(self) -> str:
        """The first scenes, as a notebook shows them without a kernel."""
        return page.face(self._store, self.row)

    def _scenes(self, video: str | None) -> pl.DataFrame:
        import polars as pl

        scenes = self.scenes
        return scenes.filter(pl.col("video_id").str.starts_with(video)) if video else scenes


class Charts:
    """Charts of a run; each draws the frame that is named with it.

    Raises:
        MissingExtraError: The extra ``notebook`` is not installed.
    """

    def __init__(self, run: Looks) -> None:
        self._run = run

    def overview(self) -> Chart:
        """The videos by length: ``run.overview``."""
        return plots.overview(self._run.overview)

    def tags(self) -> Chart:
        """Labels by their share of the time: ``run.tag_counts``."""
        return plots.tags(self._run.tag_counts)

    def categories(self, video: str | None = None) -> Chart:
        """What a video is about: ``run.categories``; None for the first video."""
        return plots.categories(self._run.categories, video)

    def together(self) -> Chart:
        """Labels that stand together: ``run.tag_pairs``."""
        return plots.together(self._run.tag_pairs)

    def timeline(self, video: str | None = None) -> Chart:
        """A video from left to right: ``run.timeline(video)``; None for the first video."""
        import polars as pl

        scenes = self._run._scenes(video)
        scenes = scenes.filter(pl.col("video_id") == pl.col("video_id").first())
        labels, feelings = (counts.stretches(scenes, one) for one in ("tags", "sentiment"))
        return plots.timeline(labels, scenes, feelings)

    def lengths(self) -> Chart:
        """Scenes by length: ``run.scene_lengths``."""
        return plots.lengths(self._run.scene_lengths)

    def sentiment(self) -> Chart:
        """Sentiment over time: ``run.sentiments``."""
        return plots.sentiment(self._run.sentiments)

    def time(self) -> Chart:
        """Processor, model and waiting, by stage: ``run.metrics``."""
        return plots.time(self._run.metrics)

    def failures(self) -> Chart:
        """Failures by kind: ``run.failure_counts``."""
        return plots.failures(self._run.failure_counts)
