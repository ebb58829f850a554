"""Two runs by the same truth, and what changed from one to the other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.errors import ConfigError
from toolkit.insight import columns
from toolkit.insight.evaluation import page, plots, report

if TYPE_CHECKING:
    import polars as pl

    from toolkit.insight.charts import Chart
    from toolkit.insight.evaluation.evaluation import Evaluation

__all__ = ["Comparison"]

_PIPELINE = ("decode", "scenes", "sampling", "analysis", "tags")
_STRETCH = ("video_id", "start_s", "end_s")
_KEY = ("video_id", "title", "start_s", "end_s", "what", "name")


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """Two runs side by side.

    Attributes:
        before: The run that is compared with.
        after: The run that is looked at.
        frame: One row a figure: both values and their difference.
        changed: One row a judgement that is another now: "fixed", "broken", or "other" where it
            was wrong and is wrong in another way. Only of videos and stretches that were
            judged in both.
        settings: One row a setting of the pipeline that is not the same in both, as JSON.
    """

    before: Evaluation
    after: Evaluation
    frame: pl.DataFrame
    changed: pl.DataFrame
    settings: pl.DataFrame

    @classmethod
    def of(cls, before: Evaluation, after: Evaluation) -> Comparison:
        """Compare two evaluations.

        Raises:
            ConfigError: They are by different truths.
        """
        if before.truth != after.truth:
            raise ConfigError(
                "The runs were measured by different truths: "
                f"{before.truth.name}, {after.truth.name}.",
                hint="Measure both by the same one: run.evaluate(other.truth).",
            )
        parts = (_figures(before, after), _changed(before, after), _settings(before, after))
        return cls(before, after, *parts)

    def chart(self) -> Chart:
        """The figures of both runs, drawn; with the extra ``notebook``."""
        return plots.figures(self.frame)

    def to_html(self, path: str | os.PathLike[str], *, force: bool = False) -> Path:
        """Write a report, see :meth:`Evaluation.to_html`."""
        return page.of_comparison(self, path, force=force)

    def data(self) -> dict[str, Any]:
        """All of it, as what JSON can hold."""
        return {
            "before": self.before.data(),
            "after": self.after.data(),
            "figures": self.frame.to_dicts(),
            "changed": self.changed.to_dicts(),
            "settings": self.settings.to_dicts(),
        }

    def __repr__(self) -> str:
        return report.as_text(report.of_comparison(self))

    def _repr_html_(self) -> str:
        return report.as_html(report.of_comparison(self))


def _figures(before: Evaluation, after: Evaluation) -> pl.DataFrame:
    import polars as pl

    rows = []
    for name, now in after.figures.items():
        old, new = before.figures[name].value, now.value
        difference = None if old is None or new is None else new - old
        rows.append([name, old, new, difference])
    numbers = dict.fromkeys(("before", "after", "difference"), pl.Float64())
    return columns.frame(rows, {"figure": pl.String(), **numbers})


def _changed(before: Evaluation, after: Evaluation) -> pl.DataFrame:
    import polars as pl

    both = before.titles.keys() & after.titles.keys()
    stretches = {*before.stretches} & {*after.stretches}
    old, new = (
        {
            tuple(item[name] for name in _KEY): item
            for item in one.items.to_dicts()
            if item["video_id"] in both
            and (item["what"] == "boundary" or tuple(item[name] for name in _STRETCH) in stretches)
        }
        for one in (before, after)
    )
    rows = []
    for key in dict.fromkeys([*new, *old]):
        # Without a row a label was not given where it does not hold, or no boundary where none is.
        nothing: dict[str, Any] = {"truth": None, "given": None, "right": True, "scene_id": None}
        if key[4] == "label":
            nothing |= {"truth": "no", "given": "no"}
        was, now = old.get(key, nothing), new.get(key, nothing)
        if was["right"] == now["right"] and (now["right"] or was["given"] == now["given"]):
            continue
        change = "other" if was["right"] == now["right"] else "fixed" if now["right"] else "broken"
        truth = now["truth"] if key in new else was["truth"]
        rows.append([*key, truth, was["given"], now["given"], change, now["scene_id"]])
    schema: dict[str, pl.DataType] = {
        "video_id": pl.String(),
        "title": pl.String(),
        "start_s": pl.Float64(),
        "end_s": pl.Float64(),
        "what": pl.String(),
        "name": pl.String(),
        "truth": pl.String(),
        "before": pl.String(),
        "after": pl.String(),
        "change": pl.String(),
        "scene_id": pl.String(),
    }
    return columns.frame(rows, schema)


def _settings(before: Evaluation, after: Evaluation) -> pl.DataFrame:
    import polars as pl

    old, new = ({(s, k): v for s, k, v in _told(one.settings)} for one in (before, after))
    rows = [
        [section, key, old.get((section, key)), new.get((section, key))]
        for section, key in sorted({*old, *new})
        if old.get((section, key)) != new.get((section, key))
    ]
    return columns.frame(rows, dict.fromkeys(("section", "key", "before", "after"), pl.String()))


def _told(settings: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """The settings that results depend on, each as JSON."""
    for section, values in settings.items():
        if section.partition(".")[0] in _PIPELINE:
            for key, value in values.items():
                yield section, key, columns.as_json(value)
