"""Turn videos into searchable knowledge.

    import toolkit as tk

    run = tk.analyze("talks/*.mp4", ask="How many people?")
    run.scenes

Names load when they are first used: importing the package costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from toolkit.errors import *  # noqa: F403
    from toolkit.hooks.specs import (
        AnalyzerPlugin,
        Context,
        DecoderPlugin,
        DownloaderPlugin,
        SceneDetectorPlugin,
        StorePlugin,
        TaggerPlugin,
        hookimpl,
    )
    from toolkit.stages.component import Options

_HOMES = {
    "toolkit.hooks.specs": (
        "AnalyzerPlugin Context DecoderPlugin DownloaderPlugin SceneDetectorPlugin StorePlugin "
        "TaggerPlugin hookimpl"
    ),
    "toolkit.stages.component": "Cancel Component Options",
    "toolkit.records": (
        "Analysis Answer Ask AudioStream Chapter Completion Cut Evidence Failure Frames Record "
        "Review Run Scene Sentiment Source SubtitleStream Tag Video digest"
    ),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'toolkit' has no attribute '{name}'")
    value = globals()[name] = getattr(importlib.import_module(_HOME[name]), name)
    return value
