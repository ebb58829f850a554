"""An evaluation, or two side by side, as a page that is one file."""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.insight.evaluation import report
from toolkit.insight.page import drawn, headed, write
from toolkit.media.files import check_free

if TYPE_CHECKING:
    from toolkit.insight.charts import Chart
    from toolkit.insight.evaluation.comparison import Comparison
    from toolkit.insight.evaluation.evaluation import Evaluation

__all__ = ["of_comparison", "of_evaluation"]


def of_evaluation(one: Evaluation, path: str | os.PathLike[str], *, force: bool) -> Path:
    """Write an evaluation with its charts and with what is wrong, see `Evaluation.to_html`."""
    charts = one.charts
    drawings = (charts.labels(), charts.confusion(), charts.reliability())
    tables = chain(report.of_evaluation(one), report.of_mistakes(one))
    return _written(f"Evaluation of run {one.run_id}", tables, drawings, path, force=force)


def of_comparison(both: Comparison, path: str | os.PathLike[str], *, force: bool) -> Path:
    """Write two evaluations side by side, see `Comparison.to_html`."""
    title = f"Runs {both.before.run_id} and {both.after.run_id}"
    when = {"before": both.before, "after": both.after}
    labels = [one.charts.labels(f"F1 of labels {word}") for word, one in when.items()]
    charts = [both.chart(), *labels]
    return _written(title, report.of_comparison(both), charts, path, force=force)


def _written(
    title: str,
    tables: Iterable[report.Table],
    charts: Iterable[Chart],
    path: str | os.PathLike[str],
    *,
    force: bool,
) -> Path:
    check_free(Path(path), force=force)
    parts = [headed(title), report.as_html(tables), drawn(charts), "</body></html>\n"]
    return write("".join(parts), path, force=force)
