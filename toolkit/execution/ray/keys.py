"""What all processes of a run have to agree on, and the part of a crew that one of them needs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Literal

from toolkit.config import Settings
from toolkit.crew import Crew, Job, Order, asked
from toolkit.errors import PluginError
from toolkit.hooks.manager import PluginManager
from toolkit.records import Ask, SynthesisKind, Vocabulary
from toolkit.stages.analysis import Analyzer, Look, Reply
from toolkit.stages.component import Cancel
from toolkit.stages.store import Store
from toolkit.stages.tags import Tagger
from toolkit.stages.writing import Prompt

__all__ = ["AnalyzerKeys", "Keys", "RayCrew", "Role"]

Role = Literal["drive", "acquire", "scan", "analyze", "tag"]
"""What a process does. An analyzer also writes about whole videos."""


@dataclass(frozen=True)
class AnalyzerKeys:
    """An analyzer as others know it."""

    name: str
    key: str
    asks: Sequence[Ask]
    batch_size: int
    accelerated: bool


@dataclass(frozen=True)
class Keys:
    """The keys that a run's rows carry, made where the run was asked for.

    ``labels`` and ``vocabulary`` are those of the crew, so that no node needs the file; ``taggers``
    are names, keys and whether they tag whole videos; ``orders`` what is to be written about
    videos, with the place of the analyzer that writes it.
    """

    detector: str
    sampler: str
    analyzers: tuple[AnalyzerKeys, ...]
    labels: tuple[str, ...]
    vocabulary: Vocabulary
    taggers: tuple[tuple[str, str, bool], ...]
    orders: tuple[tuple[SynthesisKind, str, Prompt, str, int], ...]

    @classmethod
    def of(cls, crew: Crew) -> Keys:
        """Those of a whole crew."""
        return cls(
            crew.detector_key,
            crew.sampler_key,
            tuple(
                AnalyzerKeys(
                    job.name,
                    job.key,
                    job.asks,
                    job.component.batch_size,
                    job.component.accelerated,
                )
                for job in crew.analyzers
            ),
            crew.labels,
            crew.vocabulary,
            tuple((job.name, job.key, job.component.tags_videos) for job in crew.taggers),
            tuple(
                (one.kind, one.name, one.prompt, one.key, crew.analyzers.index(one.job))
                for one in crew.orders
            ),
        )


class _Elsewhere(Analyzer):
    """Stands for an analyzer that is at work in another process."""

    def __init__(self, keys: AnalyzerKeys) -> None:
        self._asks = keys.asks
        self.batch_size = keys.batch_size

    def asks(self, wanted: Iterable[Ask]) -> Sequence[Ask]:
        return self._asks

    def analyze(
        self, looks: Sequence[Look], fingerprint: str, cancel: Cancel
    ) -> Iterable[Sequence[Reply]]:
        raise NotImplementedError("It is at work in another process.")


class _ElsewhereTagger(Tagger):
    def __init__(self, *, tags_videos: bool) -> None:
        self.tags_videos = tags_videos

    def tag(self, scene: Any, analysis: Any, video: Any) -> Iterable[Any]:
        raise NotImplementedError("It is at work in another process.")


class RayCrew(Crew):
    """Of a crew, those that one process needs; of the others, what the keys say.

    Args:
        settings: What the user chose.
        plugins: Where the working objects come from.
        keys: Those of the run.
        store: The run's store, or the way to it.
        role: What this process does.
        place: Which analyzer it is.

    Raises:
        PluginError: A plugin would work differently here than where the run was asked for.
        ToolkitError: A plugin cannot start here.
    """

    def __init__(
        self,
        settings: Settings,
        plugins: PluginManager,
        keys: Keys,
        store: Store,
        role: Role,
        place: int = 0,
    ) -> None:
        self._keys, self._role, self._place = keys, role, place
        self.store = store
        super().__init__(settings, plugins)

    def _hire(self) -> None:
        keys, role = self._keys, self._role
        self.labels, self.vocabulary = keys.labels, keys.vocabulary
        self._hire_clouds()
        self.detector_key, self.sampler_key = keys.detector, keys.sampler
        if role in ("acquire", "scan"):
            self._hire_readers()
            self._agree("decoder and scene detector", self.detector_key, keys.detector)
        self.analyzers = [
            Job(one.name, _Elsewhere(one), one.key, one.asks, nullcontext())
            for one in keys.analyzers
        ]
        if role == "analyze":
            mine = keys.analyzers[self._place]
            self.analyzers[self._place] = job = self._analyzer(mine.name)
            self._agree(f"analyzer '{job.name}'", job.key, mine.key)
        self.asked = asked(self.analyzers)
        self.taggers = [
            Job(name, _ElsewhereTagger(tags_videos=whole), key) for name, key, whole in keys.taggers
        ]
        if role == "tag":
            made = [self._make(Tagger, "tags", name) for name, _, _ in keys.taggers]
            self.taggers = [self._tagger(one) for one in made]
            for job_, (name, key, _) in zip(self.taggers, keys.taggers, strict=True):
                self._agree(f"tagger '{name}'", job_.key, key)
        self.orders = [
            Order(kind, name, prompt, key, self.analyzers[place])
            for kind, name, prompt, key, place in keys.orders
        ]

    def _agree(self, who: str, mine: str, theirs: str) -> None:
        if mine != theirs:
            raise PluginError(
                f"The {who} would work differently on this node than where the run was started.",
                hint="Install the same versions and models on all nodes: results of different "
                "ones are not mixed.",
            )
