"""The plugins of one pipeline at work, and the fingerprints of how they work."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from toolkit import cache
from toolkit.clouds import Clouds
from toolkit.config import Settings
from toolkit.errors import ConfigError, MissingExtraError, PrivacyError
from toolkit.hooks import local
from toolkit.hooks.manager import Made, PluginManager
from toolkit.isolation.readers import Readers
from toolkit.records import AnswerType, Ask, AskKind, Lineage, SynthesisKind, Vocabulary
from toolkit.redaction.pictures import Blur
from toolkit.sealing.keys import vault_of
from toolkit.stages.analysis import Analyzer
from toolkit.stages.component import Component
from toolkit.stages.decode import Decoder
from toolkit.stages.download import Downloader
from toolkit.stages.scenes import SceneDetector
from toolkit.stages.storage import Storage
from toolkit.stages.store import Store
from toolkit.stages.tags import Tagger
from toolkit.stages.writing import NOTES, Prompt, Writer
from toolkit.vocabulary import load_vocabulary

__all__ = ["IN_WORDS", "Crew", "Job", "Order", "asked"]

C = TypeVar("C", bound=Component)
IN_WORDS: tuple[AskKind, ...] = ("description", "question")
"""What is asked about scenes that whole videos are written about from."""


@dataclass(frozen=True)
class Job(Generic[C]):
    """One analyzer or tagger, the key its rows carry, and what it is asked.

    ``turn`` is held while an analyzer looks at scenes or writes: one thing at a time.
    """

    name: str
    component: C
    key: str
    asks: Sequence[Ask] = ()
    turn: AbstractContextManager[object] = field(
        default_factory=threading.Lock, compare=False, repr=False
    )


@dataclass(frozen=True)
class Order:
    """Something to be written about every video, by whom, and the key its rows carry."""

    kind: SynthesisKind
    name: str
    prompt: Prompt
    key: str
    job: Job[Analyzer]


class Crew:
    """Everyone a pipeline needs, made once; cheap, for models load when first needed.

    Args:
        settings: What the user chose.
        plugins: Where the working objects come from.

    Attributes:
        readers: The decoder and the scene detector.
        lineage: The keys that all results of this crew carry.
        vocabulary: The labels that people want to find.
        labels: What is asked about for its probability: the settings' labels and, if a tagger reads
            them, the vocabulary's phrasings.
        blur: Blurs what is to be blurred in thumbnails.
        vault: Seals what is written to the workspace; None where nothing is encrypted.

    Raises:
        ToolkitError: A chosen plugin is unknown, cannot start, or is not allowed.
    """

    def __init__(self, settings: Settings, plugins: PluginManager) -> None:
        self.settings = settings
        self._plugins = plugins
        self._made: list[Component] = []
        self._fingerprints: dict[str, str] = {}
        self._lock = threading.Lock()
        self._downloaders: list[Downloader] | None = None
        self.vocabulary = Vocabulary()
        self.vault = vault_of(settings)
        try:
            self._hire()
        except BaseException:
            self.close()
            raise

    def _make(self, kind: type[C], stage: str, name: str) -> Made[C]:
        made = self._plugins.make(kind, stage, name, self.settings, self.vocabulary)
        self._made.append(made.component)
        return made

    def _hire(self) -> None:
        settings = self.settings
        if settings.tags.vocabulary:
            path = settings.base / Path(settings.tags.vocabulary).expanduser()
            self.vocabulary = load_vocabulary(path)
        self._hire_clouds()
        if settings.storage.to:
            self.clouds.target(settings.storage.to)  # raises before the work and not after it
        self.store = self._make(Store, "store", settings.store.plugin).component
        self._hire_readers()
        self.sampler_key = cache.sampler_key(settings.sampling)
        taggers = [self._make(Tagger, "tags", name) for name in _names(settings, "tags")]
        self.labels = self._labels(made.component for made in taggers)
        self.analyzers = [self._analyzer(name) for name in _names(settings, "analysis")]
        self.asked = asked(self.analyzers)
        self.taggers = [self._tagger(made) for made in taggers]
        self.orders = self._orders()
        self.lineage = Lineage(
            detector=self.detector_key,
            sampler=self.sampler_key,
            asks=tuple(self.asked),
            generations=(*(job.key for job in self.taggers), *self.whole_keys.values()),
            syntheses=tuple(order.key for order in self.orders),
            vocabulary=self.vocabulary,
        )

    def _hire_clouds(self) -> None:
        def made(name: str) -> Storage:
            return self._make(Storage, "storage", name).component

        self.clouds = Clouds(self.settings, made)

    def _hire_readers(self) -> None:
        decoder = self._make(Decoder, "decode", self.settings.decode.plugin)
        detector = self._make(SceneDetector, "scenes", self.settings.scenes.plugin)
        self.readers = Readers(self.settings, decoder, detector)
        self.blur = Blur.of(self.settings.redaction, "thumbnails")
        blurred = (
            self.blur.identity() if self.blur and self.settings.scenes.thumbnail_width else None
        )
        self.detector_key = cache.detector_key(
            decoder.fingerprint, detector.fingerprint, self.settings.scenes, blurred
        )

    def _analyzer(self, name: str) -> Job[Analyzer]:
        made = self._make(Analyzer, "analysis", name)
        analyzer = made.component
        if analyzer.remote and self.settings.privacy.remote == "deny":
            raise PrivacyError(
                f"The analyzer '{name}' sends frames to another machine.",
                hint="Allow it with [privacy] remote = allow, or choose a local analyzer.",
            )
        self._fingerprints[name] = fingerprint = made.fingerprint
        key = cache.analyzer_key(fingerprint, self.sampler_key)
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
        if self.labels:
            yield Ask(kind="labels", type=AnswerType(kind="many_of", choices=self.labels))
        if options.tags:
            yield Ask(kind="tags")

    def _labels(self, taggers: Iterable[Tagger]) -> tuple[str, ...]:
        own = self.settings.analysis.labels
        if not any(tagger.reads_labels for tagger in taggers):
            return own
        known = {label.casefold() for label in own}
        return (*own, *(one for one in self.vocabulary.phrasings if one.casefold() not in known))

    def _tagger(self, made: Made[Tagger]) -> Job[Tagger]:
        key = cache.generation(made.fingerprint, self.asked)
        return Job(made.plugin.name, made.component, key)

    @property
    def whole_keys(self) -> dict[str, str]:
        """The keys of whole videos' tags, by the tagger that gives them."""
        every = [job.key for job in self.taggers]
        vocabulary = self.vocabulary.key if self.vocabulary.labels else ""
        return {
            job.name: cache.whole_generation(job.key, self.detector_key, every, vocabulary)
            for job in self.taggers
            if job.component.tags_videos
        }

    def _orders(self) -> list[Order]:
        """What the first analyzer that can write is to write about every video.

        Raises:
            ConfigError: None of them can, or there is nothing to write from.
        """
        options = self.settings.analysis
        wanted: list[tuple[SynthesisKind, str]] = []
        if options.summary:
            wanted.append(("summary", ""))
        if options.chapters:
            wanted.append(("chapters", ""))
        wanted += [("question", question) for question in dict.fromkeys(options.video_questions)]
        if not wanted:
            return []
        settings = "summary, chapters and video_questions of [analysis]"
        writers = [(j, j.component) for j in self.analyzers if isinstance(j.component, Writer)]
        if not writers:
            raise ConfigError(
                f"For {settings} an analyzer is needed that can write from text, and none of "
                f"{', '.join(job.name for job in self.analyzers)} can.",
                hint="Choose one that can in [analysis] plugin, or set these off.",
            )
        if not self._in_words():
            raise ConfigError(
                f"For {settings} the scenes have to be described, and no analyzer is asked to.",
                hint="Set describe = true or ask questions, with an analyzer that answers them.",
            )
        job, writer = writers[0]
        return [self._order(job, writer, kind, name) for kind, name in wanted]

    def _in_words(self) -> list[tuple[str, str]]:
        """What is asked about scenes that has an answer in words."""
        return [
            (job.key, ask.key) for job in self.analyzers for ask in job.asks if ask.kind in IN_WORDS
        ]

    def _order(self, job: Job[Analyzer], writer: Writer, kind: SynthesisKind, name: str) -> Order:
        prompt = writer.wording(kind, name)
        if NOTES not in prompt.user:
            raise ConfigError(
                f"The prompt of '{job.name}' for {kind} has no {NOTES} in it.",
                hint=f"Write {NOTES} where the notes about the scenes come.",
            )
        key = cache.synthesis_key(
            self._fingerprints[job.name],
            self.detector_key,
            self._in_words(),
            kind,
            name,
            prompt,
            self.settings.analysis,
        )
        return Order(kind, name, prompt, key, job)

    @property
    def downloaders(self) -> list[Downloader]:
        """The downloaders, in order; made when the first link comes, for files need none.

        Raises:
            MissingExtraError: None of them has its libraries.
        """
        with self._lock:
            if self._downloaders is None:
                found, missing = [], None
                for name in self.settings.chosen("download"):
                    try:
                        found.append(self._make(Downloader, "download", name).component)
                    except MissingExtraError as error:
                        missing = error
                if missing and not found:
                    raise missing
                self._downloaders = found
            return self._downloaders

    def close(self) -> None:
        """Free everyone, the store last."""
        while self._made:
            self._made.pop().close()


def asked(analyzers: Sequence[Job[Analyzer]]) -> dict[tuple[str, str], int]:
    """All that is asked about a scene, as (analyzer's key, ask's key), with its place."""
    both = ((job.key, ask.key) for job in analyzers for ask in job.asks)
    return {keys: place for place, keys in enumerate(both)}


def _names(settings: Settings, stage: str) -> list[str]:
    """Those chosen in the config, then those defined in this process."""
    return list(dict.fromkeys([*settings.chosen(stage), *local.names(stage)]))
