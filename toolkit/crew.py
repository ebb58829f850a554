"""The plugins of one pipeline at work, and the fingerprints of how they work."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from toolkit import cache
from toolkit.config import Settings
from toolkit.errors import PrivacyError
from toolkit.hooks import local
from toolkit.hooks.manager import Made, PluginManager
from toolkit.records import AnswerType, Ask, Lineage
from toolkit.stages.analysis import Analyzer
from toolkit.stages.component import Component
from toolkit.stages.decode import Decoder
from toolkit.stages.download import Downloader
from toolkit.stages.scenes import SceneDetector
from toolkit.stages.store import Store
from toolkit.stages.tags import Tagger

__all__ = ["Crew", "Job"]

C = TypeVar("C", bound=Component)


@dataclass(frozen=True)
class Job(Generic[C]):
    """One analyzer or tagger, the key its rows carry, and what it is asked."""

    name: str
    component: C
    key: str
    asks: Sequence[Ask] = ()


class Crew:
    """Everyone a pipeline needs, made once; cheap, for models load when first needed.

    Args:
        settings: What the user chose.
        plugins: Where the working objects come from.

    Attributes:
        lineage: The keys that all results of this crew carry.

    Raises:
        ToolkitError: A chosen plugin is unknown, cannot start, or is not allowed.
    """

    def __init__(self, settings: Settings, plugins: PluginManager) -> None:
        self.settings = settings
        self._plugins = plugins
        self._made: list[Component] = []
        self._lock = threading.Lock()
        self._downloader: Downloader | None = None
        try:
            self._hire()
        except BaseException:
            self.close()
            raise

    def _make(self, kind: type[C], stage: str, name: str) -> Made[C]:
        made = self._plugins.make(kind, stage, name, self.settings)
        self._made.append(made.component)
        return made

    def _hire(self) -> None:
        settings = self.settings
        if settings.storage.plugin != "none":
            self._plugins.get("storage", settings.storage.plugin)
        self.store = self._make(Store, "store", settings.store.plugin).component
        decoder = self._make(Decoder, "decode", settings.decode.plugin)
        detector = self._make(SceneDetector, "scenes", settings.scenes.plugin)
        self.decoder, self.detector = decoder.component, detector.component
        self.detector_key = cache.detector_key(
            _fingerprint(decoder), _fingerprint(detector), settings.scenes
        )
        self.sampler_key = cache.sampler_key(settings.sampling)
        self.analyzers = [self._analyzer(name) for name in _names(settings, "analysis")]
        self.asked = {
            (job.key, ask.key): place
            for place, (job, ask) in enumerate((j, a) for j in self.analyzers for a in j.asks)
        }
        self.taggers = [self._tagger(name) for name in _names(settings, "tags")]
        self.lineage = Lineage(
            detector=self.detector_key,
            sampler=self.sampler_key,
            asks=tuple(self.asked),
            generations=tuple(job.key for job in self.taggers),
        )

    def _analyzer(self, name: str) -> Job[Analyzer]:
        made = self._make(Analyzer, "analysis", name)
        analyzer = made.component
        if analyzer.remote and self.settings.privacy.remote == "deny":
            raise PrivacyError(
                f"The analyzer '{name}' sends frames to another machine.",
                hint="Allow it with [privacy] remote = allow, or choose a local analyzer.",
            )
        key = cache.analyzer_key(_fingerprint(made), self.sampler_key)
        wanted = [ask for ask in self._wanted() if ask.kind in analyzer.kinds]
        return Job(name, analyzer, key, analyzer.asks(wanted))

    def _wanted(self) -> Iterator[Ask]:
        options = self.settings.analysis
        yield Ask(kind="signals")
        if options.describe:
            yield Ask(kind="description")
        for question in options.questions:
            yield Ask(kind="question", name=question.text, type=question.type)
        if options.sentiment:
            yield Ask(kind="sentiment")
        if options.labels:
            yield Ask(kind="labels", type=AnswerType(kind="many_of", choices=options.labels))

    def _tagger(self, name: str) -> Job[Tagger]:
        made = self._make(Tagger, "tags", name)
        return Job(name, made.component, cache.generation(_fingerprint(made), self.asked))

    @property
    def downloader(self) -> Downloader:
        """The downloader; made when the first link comes, for files need none."""
        with self._lock:
            if self._downloader is None:
                name = self.settings.download.plugin
                self._downloader = self._make(Downloader, "download", name).component
            return self._downloader

    def close(self) -> None:
        """Free everyone, the store last."""
        while self._made:
            self._made.pop().close()


def _names(settings: Settings, stage: str) -> list[str]:
    """Those chosen in the config, then those defined in this process."""
    return list(dict.fromkeys([*settings.chosen(stage), *local.names(stage)]))


def _fingerprint(made: Made[C]) -> str:
    plugin = made.plugin
    return cache.fingerprint(
        plugin.stage, plugin.name, plugin.version, made.options, made.component
    )
