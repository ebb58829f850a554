"""Plugins defined in this process: a decorator above a function or class in a notebook cell.

    @tk.tagger
    def sports(scene, analysis):
        if "ball" in analysis.description:
            yield tk.Tag("sport", score=0.9, why="mentions a ball")

A tagger or analyzer defined so takes part in every run from then on; run the cell again to
replace it, call ``tk.unregister(sports)`` to take it back. Any other plugin is chosen by its name
in the config, as always. What cannot be a plugin is refused at once.
"""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import JsonValue

from toolkit.errors import AnalysisError, PluginError
from toolkit.hooks.checks import check
from toolkit.hooks.specs import (
    AnalyzerPlugin,
    Context,
    DecoderPlugin,
    DownloaderPlugin,
    EmbedderPlugin,
    Plugin,
    SceneDetectorPlugin,
    StoragePlugin,
    StorePlugin,
    TaggerPlugin,
)
from toolkit.records import Answer, Ask, AskKind, Evidence, Frames
from toolkit.stages.analysis import Analyzer, Look, Reply
from toolkit.stages.component import Cancel, Component, Options, class_hash, code_hash
from toolkit.stages.embedding import FunctionEmbedder
from toolkit.stages.tags import FunctionTagger

__all__ = [
    "analyzer",
    "decoder",
    "downloader",
    "embedder",
    "names",
    "plugins",
    "register",
    "scene_detector",
    "storage",
    "store",
    "tagger",
    "unregister",
]

F = TypeVar("F", bound=Callable[..., Any])
_lock = threading.Lock()
_plugins: dict[tuple[str, str], Plugin] = {}


def plugins() -> list[Plugin]:
    """Every plugin defined in this process."""
    with _lock:
        return list(_plugins.values())


def names(stage: str) -> list[str]:
    """Names of the plugins of a stage that were defined in this process."""
    with _lock:
        return [name for kind, name in _plugins if kind == stage]


def register(plugin: Plugin) -> None:
    """Take in a plugin record; one of the same stage and name is replaced."""
    with _lock:
        _plugins[plugin.stage, plugin.name] = plugin


def unregister(plugin: Plugin | Callable[..., Any] | str) -> None:
    """Take back a plugin of this process: its record, its function or class, or its name.

    Raises:
        PluginError: There is none.
    """
    name = plugin if isinstance(plugin, str) else getattr(plugin, "name", None)
    name = name if isinstance(name, str) else getattr(plugin, "__name__", "")
    with _lock:
        found = [key for key in _plugins if key[1] == name]
        for key in found:
            del _plugins[key]
    if not found:
        raise PluginError(f"No plugin named '{name}' was defined in this process.")


def _decorator(
    name: str, kind: type[Plugin], wrap: Callable[[Any], Component] | None = None
) -> Callable[[F], F]:
    """The decorator of this name: makes a plugin of a class, or of a function by ``wrap``.

    A class is made without arguments, or with its options if it has a nested ``Options``.
    """

    def decorate(*targets: F) -> F:
        if len(targets) != 1:  # parentheses without anything in them
            raise PluginError(f"@tk.{name} takes no arguments.", hint=f"Write @tk.{name} alone.")
        (target,) = targets
        try:
            check(name, target)
        except PluginError as error:
            raise error.with_traceback(None) from None  # a notebook shows the cell's own line
        options, version = getattr(target, "Options", Options), "1"
        maker: Callable[..., Any] = target
        if inspect.isclass(target):
            version = class_hash(target)
        elif wrap is not None:
            maker = functools.partial(wrap, target)

        def make(given: Options, _: Context) -> Component:
            component: Component = maker() if options is Options else maker(given)
            return component

        summary = (inspect.getdoc(target) or "").partition("\n")[0]
        called = target.__name__
        register(kind(name=called, factory=make, options=options, version=version, summary=summary))
        return target

    return decorate


class FunctionAnalyzer(Analyzer):
    """A plain function from a scene's frames to a dict of values, as an analyzer of signals."""

    kinds: frozenset[AskKind] = frozenset({"signals"})

    def __init__(self, function: Callable[[Frames], Mapping[str, JsonValue]]) -> None:
        self.function = function

    def asks(self, wanted: Iterable[Ask]) -> Sequence[Ask]:
        """One ask: the function itself."""
        return [Ask(kind="signals", name=self.function.__name__) for _ in wanted]

    def analyze(
        self, looks: Sequence[Look], fingerprint: str, cancel: Cancel
    ) -> Iterable[Sequence[Reply]]:
        """Call the function for each scene; what it raises is that scene's failure alone."""
        for look in looks:
            cancel.check()
            yield [self._reply(look, ask, fingerprint) for ask in look.asks]

    def _reply(self, look: Look, ask: Ask, fingerprint: str) -> Reply:
        frames = look.frames
        name = self.function.__name__
        evidence = Evidence(frame_times_s=tuple(float(time) for time in frames.pts_s))
        try:
            value = self._values(frames)
            text = ", ".join(f"{key} {item}" for key, item in value.items())
            return Answer.of(
                frames.scene, fingerprint, name, ask, text=text, value=value, evidence=evidence
            )
        except AnalysisError as error:
            return ask, error
        except Exception as error:  # noqa: BLE001 - a few lines in a notebook cell
            failure = AnalysisError(f"'{name}' failed: {type(error).__name__}: {error}")
            failure.__cause__ = error
            return ask, failure

    def _values(self, frames: Frames) -> dict[str, JsonValue]:
        """What the function returns, with NumPy's numbers and arrays as Python's.

        Raises:
            AnalysisError: It is no dict.
        """
        found: object = self.function(frames)
        if not isinstance(found, Mapping):
            raise AnalysisError(
                f"The analyzer '{self.function.__name__}' gave {found!r}, which is not a dict.",
                hint="Return values by name: return {'green': 0.3}.",
            )
        return {str(key): _plain(item) for key, item in found.items()}

    def identity(self) -> dict[str, JsonValue]:
        """The function's code."""
        return {"code": code_hash(self.function)}


def _plain(value: Any) -> JsonValue:
    given: JsonValue = value.tolist() if hasattr(value, "tolist") else value
    return given


downloader = _decorator("downloader", DownloaderPlugin)
"""Makes a plugin of a :class:`~toolkit.stages.download.Downloader` class."""
decoder = _decorator("decoder", DecoderPlugin)
"""Makes a plugin of a :class:`~toolkit.stages.decode.Decoder` class."""
scene_detector = _decorator("scene_detector", SceneDetectorPlugin)
"""Makes a plugin of a :class:`~toolkit.stages.scenes.SceneDetector` class."""
analyzer = _decorator("analyzer", AnalyzerPlugin, FunctionAnalyzer)
"""Makes a plugin of an Analyzer class, or of ``def f(frames) -> dict`` (values become signals)."""
embedder = _decorator("embedder", EmbedderPlugin, FunctionEmbedder)
"""Makes a plugin of an Embedder class, or of ``def f(texts)`` returning a row a text."""
tagger = _decorator("tagger", TaggerPlugin, FunctionTagger)
"""Makes a plugin of a Tagger class, or of ``def f(scene, analysis[, video])`` yielding tags."""
store = _decorator("store", StorePlugin)
"""Makes a plugin of a :class:`~toolkit.stages.store.Store` class."""
storage = _decorator("storage", StoragePlugin)
"""Makes a plugin of a :class:`~toolkit.stages.storage.Storage` class."""
