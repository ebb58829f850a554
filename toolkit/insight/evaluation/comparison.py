"""Two runs by the same truth, and what changed from one to the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolkit.errors import ConfigError
from toolkit.insight import columns
from toolkit.insight.evaluation import report

if TYPE_CHECKING:
    import polars as pl

    from toolkit.insight.evaluation.evaluation import Evaluation

__all__ = ["Comparison"]

_KEY = ("video_id", "title", "start_s", "end_s", "what", "name")


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """Two runs side by side.

    Attributes:
        before: The run that is compared with.
        after: The run that is looked at.
        frame: One row a figure: both values and their difference.
        changed: One row a judgement that is another now: "fixed", "broken", or "other" where it
            was wrong and is wrong in another way. Only of videos that both runs have.
    """

    before: Evaluation
    after: Evaluation
    frame: pl.DataFrame
    changed: pl.DataFrame

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
                hint="Measure both by the same one.",
            )
        return cls(before, after, _figures(before, after), _changed(before, after))

    def data(self) -> dict[str, Any]:
        """All of it, as what JSON can hold."""
        return {
            "before": self.before.data(),
            "after": self.after.data(),
            "figures": self.frame.to_dicts(),
            "changed": self.changed.to_dicts(),
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
    old, new = (
        {
            tuple(item[name] for name in _KEY): item
            for item in one.items.to_dicts()
            if item["video_id"] in both
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
