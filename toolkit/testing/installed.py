"""The suites, for plugins of which only the record is known: ``toolkit plugins check`` runs them.

A plugin's own tests can say more: what a tagger finds something in, what a decoder cannot do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from toolkit.config import Settings
from toolkit.hooks.embedding import embeddings
from toolkit.hooks.manager import PluginManager, configure, load_file
from toolkit.hooks.specs import Context, Plugin, StorePlugin
from toolkit.records import Analysis, new_id
from toolkit.stages.component import Options
from toolkit.stages.scenes import SceneDetector
from toolkit.stages.store import Store
from toolkit.stages.tags import Tagger
from toolkit.testing.analyzers import AnalyzerSuite
from toolkit.testing.decoders import DecoderSuite
from toolkit.testing.detectors import SceneDetectorSuite, film
from toolkit.testing.downloaders import DownloaderSuite
from toolkit.testing.embedders import EmbedderSuite
from toolkit.testing.listeners import ListenerSuite
from toolkit.testing.storages import StorageSuite
from toolkit.testing.stores import OpenStore, StoreSuite
from toolkit.testing.taggers import FULL_VIDEO, SCENE, TaggerSuite, sample_analysis

__all__ = ["SUITES", "Target"]

SUITES = {
    "download": "TestDownloader",
    "decode": "TestDecoder",
    "scenes": "TestSceneDetector",
    "analysis": "TestAnalyzer",
    "embedding": "TestEmbedder",
    "tags": "TestTagger",
    "store": "TestStore",
    "storage": "TestStorage",
    "run": "TestListener",
}
"""Stage -> the class of this file that tests its plugins; "run" for listeners."""
_TELLING = sample_analysis(
    "A man in a red coat walks a dog through a dark street at night, and two people play football.",
    signals={"brightness": 0.05, "motion": 30.0, "faces": 2.0, "sharpness": 0.9, "black": 0.0},
)


@dataclass(frozen=True)
class Target:
    """Which plugin is tested, in words that another process can find it by.

    Attributes:
        stage: Its stage, or "run" for a listener.
        name: Its name; of a listener, who provides it.
        config: The config file, None for the usual one.
        arguments: Settings by section, over those of the file.
        file: The plugin's file, where it is not installed.
        place: Where a store or storage may write. In a store's, ``{}`` becomes a new name for
            each test.
    """

    stage: str
    name: str
    config: str | None = None
    arguments: dict[str, dict[str, Any]] = field(default_factory=dict)
    file: str | None = None
    place: str = ""

    def __getstate__(self) -> dict[str, Any]:
        """What tells another process of it; that process finds the plugins itself."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    @cached_property
    def settings(self) -> tuple[Settings, PluginManager]:
        """The settings of the config, and the plugins with this one."""
        settings, plugins, _ = configure(self.config, self.arguments)
        if self.file:
            plugins.register(load_file(Path(self.file)), self.file)
        return settings, plugins

    def found(self) -> tuple[PluginManager, Options | None, Path]:
        """The plugins, the options that the config gives this one, and the config's folder."""
        settings, plugins = self.settings
        given = settings.options.get(self.stage, {}).get(self.name)
        return plugins, given if isinstance(given, Options) else None, settings.base

    def plugin(self) -> Plugin:
        """Its record."""
        return self.found()[0].get(self.stage, self.name)

    def options(self) -> Options:
        """Its options, as the config has them."""
        plugins, given, _ = self.found()
        return given or plugins.get(self.stage, self.name).options()

    def listener(self) -> object:
        """The module or object that listens."""
        return next(found for found, name in self.found()[0].listeners() if name == self.name)

    @pytest.fixture
    def target(self) -> Target:
        """This one: pytest takes it for a plugin of its own."""
        return self


@dataclass(frozen=True)
class Opening:
    """Opens the store of a target at a place of its own, in whichever process."""

    target: Target
    folder: Path
    place: dict[str, str]

    def __call__(self) -> Store:
        store = self.target.plugin().factory(*self._how)
        assert isinstance(store, Store)
        return store

    def drop(self) -> None:
        """Remove a place that was made for one test, if the plugin knows how."""
        plugin = self.target.plugin()
        if isinstance(plugin, StorePlugin) and plugin.drop and "{}" in self.target.place:
            plugin.drop(*self._how)

    @property
    def _how(self) -> tuple[Options, Context]:
        options = self.target.options()
        placed = type(options).model_validate({**options.model_dump(), **self.place})
        return placed, Context(self.folder, self.folder)


class Installed:
    """Where the suites get the plugin and its options from."""

    @pytest.fixture
    def plugin(self, target: Target) -> Plugin:
        return target.plugin()

    @pytest.fixture
    def options(self, target: Target) -> Options:
        return target.options()


class TestDownloader(Installed, DownloaderSuite):
    pass


class TestDecoder(Installed, DecoderSuite):
    pass


class TestSceneDetector(Installed, SceneDetectorSuite):
    @pytest.fixture(autouse=True)
    def _what_it_finds(self, detector: SceneDetector, monkeypatch: pytest.MonkeyPatch) -> None:
        """Hard cuts, or else fades: its own tests say more."""
        cuts = self.watch(detector, film(["cut", "cut"], detector.width))
        if not cuts:
            monkeypatch.setattr(TestSceneDetector, "finds", frozenset({"fade"}))
        monkeypatch.setattr(TestSceneDetector, "kind", cuts[0].kind if cuts else "fade")


class TestAnalyzer(Installed, AnalyzerSuite):
    pass


class TestEmbedder(Installed, EmbedderSuite):
    pass


class TestTagger(Installed, TaggerSuite):
    @pytest.fixture
    def context(self, target: Target, tmp_path: Path) -> Context:
        settings, plugins = target.settings
        return Context(tmp_path, tmp_path, embeddings=lambda: embeddings(plugins, settings))

    @pytest.fixture
    def telling(self, tagger: Tagger) -> Analysis:
        if not list(tagger.tag(SCENE, _TELLING, FULL_VIDEO)):
            pytest.skip("it finds nothing in the sample: its own tests have to give one")
        return _TELLING


class TestStore(Installed, StoreSuite):
    streamed = 20_000

    @pytest.fixture
    def place(self, target: Target, tmp_path: Path) -> Iterator[dict[str, str]]:
        """The option that says where the store is: never where the config has it."""
        plugin: Any = target.plugin()
        place = target.place.replace("{}", f"check_{new_id()}")
        if plugin.suffixes and not place:
            place = str(tmp_path / f"store{plugin.suffixes[0]}")
        option = {plugin.place: place} if place and plugin.place else {}
        yield option
        Opening(target, tmp_path, option).drop()

    @pytest.fixture
    def options(self, target: Target, place: dict[str, str]) -> Options:
        options = target.options()
        return type(options).model_validate({**options.model_dump(), **place})

    @pytest.fixture
    def open_store(self, target: Target, tmp_path: Path, place: dict[str, str]) -> OpenStore:
        return Opening(target, tmp_path, place)


class TestStorage(Installed, StorageSuite):
    @pytest.fixture
    def root(self, target: Target) -> str:
        return f"{target.place.rstrip('/')}/{new_id()}/"


class TestListener(ListenerSuite):
    @pytest.fixture
    def listener(self, target: Target) -> object:
        return target.listener()
