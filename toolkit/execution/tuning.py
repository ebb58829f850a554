"""Learning from reviews, as a function."""

from __future__ import annotations

import os

from toolkit.execution.api import attach
from toolkit.execution.run import RunHandle
from toolkit.insight.tuning.tuning import LEAST, Scorer, Tuning

__all__ = ["Tuning", "tune"]

AnyPath = str | os.PathLike[str]


def tune(
    run: RunHandle | str,
    vocabulary: AnyPath | None = None,
    *,
    least: int = LEAST,
    resamples: int = 1000,
    seed: int = 0,
    scorer: Scorer = "probability",
    config: AnyPath | None = None,
    workspace: AnyPath | None = None,
) -> Tuning:
    """Learn thresholds, calibrations and words from what people said in reviews.

    Nothing is changed: :meth:`Tuning.write` does that.

    Args:
        run: The run whose label scores are looked at, or its id or the start of it.
        vocabulary: The vocabulary file; None for that of the run, relative to this folder.
        least: Fewest reviews of a label that anything is made of; a quarter of them each way.
        resamples: How many times intervals are drawn for; 0 for no intervals.
        seed: What their chance starts from.
        scorer: Whose: "similarity" learns those of similarities between descriptions and labels,
            by the embedder of ``[embedding]``.
        config: A config file, as for :func:`toolkit.analyze`.
        workspace: Where the results are.

    Raises:
        ConfigError: The run has no vocabulary, and none is named.
        VocabularyError: The file has a mistake.
        TruthError: Nobody reviewed anything that can be measured.
        MissingExtraError: The extra ``tune`` is not installed, or no embedder.
        StoreError: There is no such run.
    """
    handle = attach(run, config=config, workspace=workspace) if isinstance(run, str) else run
    return handle.tune(vocabulary, least=least, resamples=resamples, seed=seed, scorer=scorer)
