"""How well a run did, as a function."""

from __future__ import annotations

import os

from toolkit.execution.api import attach
from toolkit.execution.run import RunHandle
from toolkit.insight.evaluation.comparison import Comparison
from toolkit.insight.evaluation.evaluation import Evaluation
from toolkit.insight.evaluation.truth import Moment, Truth, TruthRow

__all__ = ["Comparison", "Evaluation", "Moment", "Truth", "TruthRow", "evaluate"]

AnyPath = str | os.PathLike[str]


def evaluate(
    run: RunHandle | str,
    truth: Truth | AnyPath | None = None,
    *,
    tolerance_s: float = 0.1,
    resamples: int = 1000,
    seed: int = 0,
    config: AnyPath | None = None,
    workspace: AnyPath | None = None,
) -> Evaluation:
    """Measure a run by what is known to be true.

    Args:
        run: The run, or its id or the start of it.
        truth: What is true: a ``.jsonl`` or ``.csv`` file, or a :class:`Truth` made by hand; None
            for what people said in reviews.
        tolerance_s: How far a scene may start from a boundary that lasts no time, and from the
            ends of one that lasts.
        resamples: How many times intervals are drawn for; 0 for no intervals.
        seed: What their chance starts from.
        config: A config file, as for :func:`toolkit.analyze`.
        workspace: Where the results are.

    Raises:
        TruthError: The file has mistakes, or is about none of the run's videos; or nobody reviewed
            them.
        StoreError: There is no such run.
    """
    handle = attach(run, config=config, workspace=workspace) if isinstance(run, str) else run
    return handle.evaluate(truth, tolerance_s=tolerance_s, resamples=resamples, seed=seed)
