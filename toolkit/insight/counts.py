"""What a run's scenes add up to, as Polars frames; every one is what a chart of it shows.

They are made of the frames of :mod:`toolkit.insight.frames`, and so say the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.insight import columns

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "failure_counts",
    "overview",
    "scene_lengths",
    "stretches",
    "tag_counts",
    "tag_pairs",
]

_SHORTEST_S = 0.5
_FEELINGS = ("positive", "neutral", "negative")


def overview(videos: pl.DataFrame, scenes: pl.DataFrame, failures: pl.DataFrame) -> pl.DataFrame:
    """One row a video: its length, scenes, labels, how many scenes feel how, failures.

    ``duration_s`` is where the last scene ends if the file does not say; ``labels`` is how many
    different ones there are.
    """
    import polars as pl

    found = scenes.group_by("video_id").agg(
        pl.len().cast(pl.Int64).alias("scenes"),
        pl.col("duration_s").mean().alias("mean_scene_s"),
        pl.col("end_s").max().alias("end_s"),
        pl.col("tags").explode().drop_nulls().n_unique().cast(pl.Int64).alias("labels"),
        *((pl.col("sentiment") == one).sum().cast(pl.Int64).alias(one) for one in _FEELINGS),
    )
    failed = failures.group_by("video_id").agg(pl.len().cast(pl.Int64).alias("failures"))
    counts = ("scenes", "labels", *_FEELINGS, "failures")
    return (
        videos.select("video_id", "title", "duration_s")
        .join(found, on="video_id", how="left", maintain_order="left")
        .join(failed, on="video_id", how="left", maintain_order="left")
        .select(
            "video_id",
            "title",
            pl.coalesce("duration_s", "end_s"),
            "mean_scene_s",
            *(pl.col(name).fill_null(0) for name in counts),
        )
    )


def tag_counts(scenes: pl.DataFrame) -> pl.DataFrame:
    """One row a label, that of most time first.

    ``share`` is the share of all scenes' time that its scenes have.
    """
    import polars as pl

    total_s = scenes["duration_s"].sum()
    duration_s = pl.col("duration_s").sum()
    return (
        scenes.select("video_id", "duration_s", pl.col("tags").alias("label"))
        .explode("label")
        .drop_nulls("label")
        .group_by("label")
        .agg(
            pl.len().cast(pl.Int64).alias("scenes"),
            pl.col("video_id").n_unique().cast(pl.Int64).alias("videos"),
            duration_s,
            (duration_s / (total_s or 1.0)).alias("share"),
        )
        .sort("share", "scenes", "label", descending=[True, True, False])
    )


def tag_pairs(scenes: pl.DataFrame) -> pl.DataFrame:
    """One row a pair of labels that stand together on a scene, the most frequent first.

    ``share`` is the share of the scenes with either that have both.
    """
    import polars as pl

    each = scenes.select("scene_id", pl.col("tags").alias("label"))
    each = each.explode("label").drop_nulls("label")
    alone = each.group_by("label").agg(pl.len().cast(pl.Int64).alias("alone"))
    both = pl.col("scenes")
    return (
        each.join(each.rename({"label": "other"}), on="scene_id")
        .filter(pl.col("label") < pl.col("other"))
        .group_by("label", "other")
        .agg(pl.len().cast(pl.Int64).alias("scenes"))
        .join(alone, on="label")
        .join(alone.rename({"label": "other", "alone": "other_alone"}), on="other")
        .select(
            "label",
            "other",
            "scenes",
            (both / (pl.col("alone") + pl.col("other_alone") - both)).alias("share"),
        )
        .sort("scenes", "share", "label", "other", descending=[True, True, False, False])
    )


def stretches(scenes: pl.DataFrame, column: str) -> pl.DataFrame:
    """One row a stretch of neighbouring scenes that have the same in ``tags`` or ``sentiment``."""
    import polars as pl

    found = scenes.select(
        "video_id", "title", "index", "start_s", "end_s", pl.col(column).alias("label")
    )
    if isinstance(found.schema["label"], pl.List):
        found = found.explode("label")
    begins = (pl.col("index").diff() != 1).fill_null(value=True)
    return (
        found.drop_nulls("label")
        .with_columns(begins.cum_sum().over("video_id", "label").alias("part"))
        .group_by("video_id", "title", "label", "part", maintain_order=True)
        .agg(
            pl.col("start_s").min(), pl.col("end_s").max(), pl.len().cast(pl.Int64).alias("scenes")
        )
        .drop("part")
    )


def scene_lengths(scenes: pl.DataFrame) -> pl.DataFrame:
    """How many scenes are how long; every row's lengths are twice those of the row before."""
    import polars as pl

    lengths_s = scenes["duration_s"].to_list()
    rows = []
    from_s, to_s = 0.0, _SHORTEST_S
    while lengths_s and from_s <= max(lengths_s):
        here = [one for one in lengths_s if from_s <= one < to_s]
        rows.append((from_s, to_s, len(here), sum(here)))
        from_s, to_s = to_s, 2 * to_s
    schema: dict[str, pl.DataType] = {
        "from_s": pl.Float64(),
        "to_s": pl.Float64(),
        "scenes": pl.Int64(),
        "duration_s": pl.Float64(),
    }
    return columns.frame(rows, schema)


def failure_counts(failures: pl.DataFrame) -> pl.DataFrame:
    """One row a kind of failure at a stage; ``retriable`` are those that may pass again."""
    import polars as pl

    return (
        failures.group_by("stage", "error", "cause")
        .agg(
            pl.len().cast(pl.Int64).alias("failures"),
            pl.col("retriable").sum().cast(pl.Int64),
        )
        .sort("failures", "stage", "error", "cause", descending=[True, False, False, False])
    )
