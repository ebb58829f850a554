"""The hooks. A plugin is a module or object with some of these, marked with ``@hookimpl``.

Each ``toolkit_*s`` hook returns typed records: a name that users write in their config, an options
model, and a factory that makes the working object. All heavy imports belong inside the factory.

    from toolkit import TaggerPlugin, hookimpl

    @hookimpl
    def toolkit_taggers():
        yield TaggerPlugin(name="sports", factory=make, summary="finds ball games")
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pluggy

from toolkit.config.machine import cores
from toolkit.errors import PluginError
from toolkit.records import Vocabulary
from toolkit.stages.component import Component, Options
from toolkit.stages.embedding import Embeddings
from toolkit.stages.models import Models

__all__ = [
    "KINDS",
    "LIFECYCLE",
    "PROJECT",
    "AnalyzerPlugin",
    "Context",
    "DecoderPlugin",
    "DownloaderPlugin",
    "EmbedderPlugin",
    "HookSpecs",
    "Plugin",
    "SceneDetectorPlugin",
    "StoragePlugin",
    "StorePlugin",
    "TaggerPlugin",
    "hookimpl",
]

PROJECT = "toolkit"
hookimpl = pluggy.HookimplMarker(PROJECT)
hookspec = pluggy.HookspecMarker(PROJECT)


def _no_embedder() -> Embeddings:
    raise PluginError("No embedder was chosen here.")


@dataclass(frozen=True)
class Context:
    """Where a plugin works.

    Attributes:
        workspace: Folder for what the toolkit keeps; it exists.
        base: Folder that relative paths in options start from: that of the config file.
        vocabulary: The labels that ``[tags] vocabulary`` names; without, it has none.
        embeddings: ``embeddings()`` gives vectors of texts, by the embedder that ``[embedding]
            plugin`` names, to whoever closes them again; it raises where there is none.
    """

    workspace: Path
    base: Path
    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    embeddings: Callable[[], Embeddings] = _no_embedder

    @property
    def cores(self) -> int:
        """CPU cores that may be used now; ask when there is something to do.

        A container's limits make them fewer than there are, and a file that is read beside others
        has its share.
        """
        return cores()


@dataclass(frozen=True, kw_only=True)
class Plugin:
    """One thing a plugin brings.

    Attributes:
        name: What users write in their config; lower case, unique among its kind.
        factory: ``factory(options, context)`` makes the working object; it imports what is heavy.
        options: The options' model.
        version: Change it when the output changes: it is part of every fingerprint.
        summary: One line for ``toolkit plugins``.
        extra: The extra of ``video-analysis-toolkit`` that brings its libraries, "" for none.
        requires: Modules the factory will import; ``toolkit doctor`` looks for them.
        models: ``models(options, context)`` tells of the models it can use, for
            ``toolkit models``; None if it uses none that are fetched.
    """

    name: str
    factory: Callable[[Any, Context], Component]
    options: type[Options] = Options
    version: str = "1"
    summary: str = ""
    extra: str = ""
    requires: tuple[str, ...] = ()
    models: Callable[[Any, Context], Models] | None = None
    stage: ClassVar[str] = ""
    hook: ClassVar[str] = ""


class DownloaderPlugin(Plugin):
    """A :class:`~toolkit.stages.download.Downloader`."""

    stage, hook = "download", "toolkit_downloaders"


class DecoderPlugin(Plugin):
    """A :class:`~toolkit.stages.decode.Decoder`."""

    stage, hook = "decode", "toolkit_decoders"


class SceneDetectorPlugin(Plugin):
    """A :class:`~toolkit.stages.scenes.SceneDetector`."""

    stage, hook = "scenes", "toolkit_scene_detectors"


class AnalyzerPlugin(Plugin):
    """An :class:`~toolkit.stages.analysis.Analyzer`."""

    stage, hook = "analysis", "toolkit_analyzers"


class EmbedderPlugin(Plugin):
    """An :class:`~toolkit.stages.embedding.Embedder`."""

    stage, hook = "embedding", "toolkit_embedders"


class TaggerPlugin(Plugin):
    """A :class:`~toolkit.stages.tags.Tagger`."""

    stage, hook = "tags", "toolkit_taggers"


@dataclass(frozen=True, kw_only=True)
class StorePlugin(Plugin):
    """A :class:`~toolkit.stages.store.Store`.

    Attributes:
        place: The option that says where the store is, so that people can write ``NAME:PLACE``.
        schemes: Of links that are such places as they stand.
        suffixes: Of files that are such places; with any, every place is a file.
        drop: ``drop(options, context)`` removes such a place with all that is there, for
            ``toolkit plugins check``; None for files.
    """

    place: str = ""
    schemes: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()
    drop: Callable[[Any, Context], None] | None = None

    stage, hook = "store", "toolkit_stores"


class StoragePlugin(Plugin):
    """A :class:`~toolkit.stages.storage.Storage`."""

    stage, hook = "storage", "toolkit_storages"


KINDS: tuple[type[Plugin], ...] = (
    DownloaderPlugin,
    DecoderPlugin,
    SceneDetectorPlugin,
    AnalyzerPlugin,
    EmbedderPlugin,
    TaggerPlugin,
    StorePlugin,
    StoragePlugin,
)


class HookSpecs:
    """The hooks that a plugin may implement."""

    @hookspec
    def toolkit_downloaders(self) -> Iterable[DownloaderPlugin]:
        """Bring downloaders."""
        return ()

    @hookspec
    def toolkit_decoders(self) -> Iterable[DecoderPlugin]:
        """Bring decoders."""
        return ()

    @hookspec
    def toolkit_scene_detectors(self) -> Iterable[SceneDetectorPlugin]:
        """Bring scene detectors."""
        return ()

    @hookspec
    def toolkit_analyzers(self) -> Iterable[AnalyzerPlugin]:
        """Bring analyzers."""
        return ()

    @hookspec
    def toolkit_embedders(self) -> Iterable[EmbedderPlugin]:
        """Bring embedders."""
        return ()

    @hookspec
    def toolkit_taggers(self) -> Iterable[TaggerPlugin]:
        """Bring taggers."""
        return ()

    @hookspec
    def toolkit_stores(self) -> Iterable[StorePlugin]:
        """Bring stores."""
        return ()

    @hookspec
    def toolkit_storages(self) -> Iterable[StoragePlugin]:
        """Bring storages."""
        return ()

    @hookspec
    def toolkit_before_stage(self, stage: str, item_id: str) -> None:
        """Called before a stage works on an item, in the process that drives the run."""

    @hookspec
    def toolkit_after_stage(self, stage: str, item_id: str, seconds: float) -> None:
        """Called after a stage is done with an item."""

    @hookspec
    def toolkit_on_stage_error(self, stage: str, item_id: str, error: Exception) -> None:
        """Called when a stage failed on an item."""


LIFECYCLE: tuple[str, ...] = tuple(
    name
    for name in vars(HookSpecs)
    if name.startswith(f"{PROJECT}_") and name not in {kind.hook for kind in KINDS}
)
"""The hooks that bring nothing and are told what happens in a run."""
