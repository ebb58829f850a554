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
    from toolkit.errors import (
        AnalysisError,
        AuditError,
        CancelledError,
        ClusterError,
        ConfigError,
        DecodeError,
        DownloadError,
        EmbeddingError,
        ForgottenError,
        MediaError,
        MissingExtraError,
        ModelError,
        NotAVideoError,
        PluginError,
        PoisonError,
        PrivacyError,
        RuleError,
        SourceError,
        StalledError,
        StorageError,
        StoreError,
        TagError,
        ToolkitError,
        TruthError,
        VocabularyError,
    )
    from toolkit.execution.api import analyze, attach, submit
    from toolkit.execution.clips import Clip, clip, pictures, sheet
    from toolkit.execution.erasing import allow, forget, held, purge
    from toolkit.execution.evaluation import (
        Comparison,
        Evaluation,
        Moment,
        Truth,
        TruthRow,
        evaluate,
    )
    from toolkit.execution.exchange import copy_store, export, import_
    from toolkit.execution.looking import plan, runs, search
    from toolkit.execution.overview import overview, readable
    from toolkit.execution.run import RunHandle
    from toolkit.execution.trial import try_on
    from toolkit.execution.tuning import Tuning, tune
    from toolkit.execution.uploads import Upload, upload
    from toolkit.hooks.local import (
        analyzer,
        decoder,
        downloader,
        embedder,
        register,
        scene_detector,
        storage,
        store,
        tagger,
        unregister,
    )
    from toolkit.hooks.specs import (
        AnalyzerPlugin,
        Context,
        DecoderPlugin,
        DownloaderPlugin,
        EmbedderPlugin,
        SceneDetectorPlugin,
        StoragePlugin,
        StorePlugin,
        TaggerPlugin,
        hookimpl,
    )
    from toolkit.records import (
        Analysis,
        Answer,
        AnswerType,
        Ask,
        Cut,
        Evidence,
        Failure,
        Frames,
        Label,
        Question,
        Review,
        Run,
        Scene,
        Sentiment,
        Source,
        Statement,
        Synthesis,
        Tag,
        Video,
        Vocabulary,
    )
    from toolkit.stages.component import Options
    from toolkit.widgets.browser import browse
    from toolkit.widgets.panel import panel

__all__ = [
    "Analysis",
    "AnalysisError",
    "AnalyzerPlugin",
    "Answer",
    "AnswerType",
    "Ask",
    "AuditError",
    "CancelledError",
    "Clip",
    "ClusterError",
    "Comparison",
    "ConfigError",
    "Context",
    "Cut",
    "DecodeError",
    "DecoderPlugin",
    "DownloadError",
    "DownloaderPlugin",
    "EmbedderPlugin",
    "EmbeddingError",
    "Evaluation",
    "Evidence",
    "Failure",
    "ForgottenError",
    "Frames",
    "Label",
    "MediaError",
    "MissingExtraError",
    "ModelError",
    "Moment",
    "NotAVideoError",
    "Options",
    "PluginError",
    "PoisonError",
    "PrivacyError",
    "Question",
    "Review",
    "RuleError",
    "Run",
    "RunHandle",
    "Scene",
    "SceneDetectorPlugin",
    "Sentiment",
    "Source",
    "SourceError",
    "StalledError",
    "Statement",
    "StorageError",
    "StoragePlugin",
    "StoreError",
    "StorePlugin",
    "Synthesis",
    "Tag",
    "TagError",
    "TaggerPlugin",
    "ToolkitError",
    "Truth",
    "TruthError",
    "TruthRow",
    "Tuning",
    "Upload",
    "Video",
    "Vocabulary",
    "VocabularyError",
    "allow",
    "analyze",
    "analyzer",
    "attach",
    "browse",
    "clip",
    "copy_store",
    "decoder",
    "downloader",
    "embedder",
    "evaluate",
    "export",
    "forget",
    "held",
    "hookimpl",
    "import_",
    "overview",
    "panel",
    "pictures",
    "plan",
    "purge",
    "readable",
    "register",
    "runs",
    "scene_detector",
    "search",
    "sheet",
    "storage",
    "store",
    "submit",
    "tagger",
    "try_on",
    "tune",
    "unregister",
    "upload",
]

_HOMES = (
    "toolkit.errors",
    "toolkit.records",
    "toolkit.stages.component",
    "toolkit.hooks.specs",
    "toolkit.hooks.local",
    "toolkit.execution.run",
    "toolkit.execution.looking",
    "toolkit.execution.api",
    "toolkit.execution.evaluation",
    "toolkit.execution.tuning",
    "toolkit.execution.exchange",
    "toolkit.execution.clips",
    "toolkit.execution.overview",
    "toolkit.execution.uploads",
    "toolkit.execution.erasing",
    "toolkit.widgets.panel",
    "toolkit.widgets.browser",
    "toolkit.execution.trial",
)  # from light to heavy: a name is looked for in this order


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("video-analysis-toolkit")
    if name in __all__:
        for home in _HOMES:
            module = importlib.import_module(home)
            if name in module.__all__:
                value = globals()[name] = getattr(module, name)
                return value
    raise AttributeError(f"module 'toolkit' has no attribute '{name}'")


def __dir__() -> list[str]:
    return __all__


def load_ipython_extension(shell: Any) -> None:
    """``%load_ext toolkit``: the magics ``%%ask`` and ``%toolkit``."""
    importlib.import_module("toolkit.widgets.magics").load(shell)
