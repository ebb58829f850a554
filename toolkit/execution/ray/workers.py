"""A worker process: one stage's part of the pipeline, on whichever node Ray has put it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from toolkit import logs
from toolkit.acquire import Skipped
from toolkit.config.machine import keep_to
from toolkit.errors import (
    AnalysisError,
    DecodeError,
    SourceError,
    TagError,
    ToolkitError,
)
from toolkit.execution.ray.bundles import Bundler, Picked, frames_in
from toolkit.execution.ray.keys import RayCrew
from toolkit.execution.ray.listed import Listed
from toolkit.execution.ray.order import Order
from toolkit.execution.ray.packing import packed, unpacked
from toolkit.execution.ray.shifts import Clock, Done
from toolkit.execution.ray.stores import RemoteStore
from toolkit.outlines import Outline
from toolkit.piecework import Piecework
from toolkit.pipeline import Pipeline
from toolkit.readings import Chunk, Joined
from toolkit.records import Answer, Completion, Scene, Source, Video
from toolkit.revisit import reread
from toolkit.stages.component import Cancel
from toolkit.stages.download import Playlist
from toolkit.work import Trouble, Work, wrapped

__all__ = ["Worker"]

_TELL_S = 0.5  # how often a download says how far it is


class Worker:
    """One process of one stage. Ray makes an actor of it that does one thing at a time."""

    def prepare(self, order: Order) -> str:
        """Make what the role needs; models load when they are first needed.

        Returns:
            The id of the node that this is.

        Raises:
            ToolkitError: It cannot work here.
        """
        import ray

        settings, plugins = order.parcel.open()
        # This process is what a bad file costs, and the run counts how often it does.
        decode = settings.decode.model_copy(update={"isolate": False})
        settings = settings.model_copy(update={"decode": decode})
        quiet = settings.logging.model_copy(update={"file": ""})
        logs.set_up(quiet, settings.privacy, settings.redaction, settings.base)
        self._store = RemoteStore(order.coordinator)
        crew = RayCrew(settings, plugins, order.keys, self._store, order.role, order.place)
        if order.role == "scan" and order.many:
            crew.readers.share = settings.ray.cpus_per_scan
        self._order = order
        self._cancel = Cancel()  # nobody sets it: who cancels a run ends its processes
        self._pipeline = Pipeline(settings, plugins, crew)
        self._clock = Clock()
        self._bundler = Bundler(self._clock)
        self._node = str(ray.get_runtime_context().get_node_id())
        return self._node

    def acquire(self, source: Source, *, known: bool) -> Done:
        """What :meth:`toolkit.pipeline.Pipeline.acquire` gives, and rows that are to be saved.

        A playlist comes as all it leads to. Rows of a link are saved by the time that another
        worker may look whether the same bytes are there.

        Args:
            source: What it is.
            known: Whether the store has it.
        """
        self._clock.begin()
        self._store.unknown = frozenset() if known else frozenset({Source})
        rows = self._store.held = [] if source.kind == "file" else None
        try:
            found = self._acquired(source)
        finally:
            self._store.held = None
        value = Listed.of(found) if isinstance(found, Playlist) else found
        return Done((value, rows or []), self._clock.end())

    def _acquired(self, source: Source) -> Video | Playlist | Skipped:
        logs.about(self._order.run_id, source.uri)
        if source.kind == "file" and not Path(source.uri).exists():
            raise SourceError(
                f"The node {self._where()} has no file {source.uri}.",
                hint="Keep files where every node sees them under one path, or give links.",
                path=source.uri,
            )
        told = 0.0

        def progress(done: int, total: int | None) -> None:
            nonlocal told
            if time.monotonic() - told > _TELL_S or done == total:
                told = time.monotonic()
                self._order.coordinator.transferred.remote(source.uri, done, total)

        try:
            return self._pipeline.acquire(source, progress, self._cancel)
        except Exception as error:  # noqa: BLE001 - a plugin is someone else's code
            raise self._pipeline.blamed("acquire", error) from None

    def _where(self) -> str:
        import socket

        return f"{socket.gethostname()} ({self._node[:8]})"

    def _here(self, source: Source, video: Video) -> Video:
        """The video, fetched again where this node does not have it; it is given its cores."""
        keep_to(math.inf)  # no more of the file before
        keep_to(self._pipeline.crew.readers.cores(video))
        self._store.unknown = frozenset()
        if Path(video.path).exists():
            return video
        again = self._acquired(source)
        if not isinstance(again, Video) or again.id != video.id:
            raise DecodeError(
                f"{source.uri} leads to another file than a moment ago.",
                hint="Analyze it again.",
                retriable=True,
            )
        return again

    def scan(
        self, source: Source, video: Video, piece: Sequence[Outline] | None, *, known: bool
    ) -> Iterator[Any]:
        """Packed bundles of scenes, each followed by its frames if there are any.

        Frames are an item of their own, which stays in the object store: whoever reads this takes
        no copy of them. Of a file that is scanned in parts, a piece alone. ``known``: whether the
        store has any of its scenes.
        """
        logs.about(self._order.run_id, video.id)
        bundler = self._bundler
        bundler.begin()
        trouble: ToolkitError | None = None
        try:
            video = self._here(source, video)
            if not known:
                self._store.unknown = frozenset({Scene, Answer, Completion})
            works = (
                self._pipeline.scan(video, self._cancel)
                if piece is None
                else Piecework(self._pipeline).scan(video, piece, self._cancel)
            )
            for work in works:
                yield from bundler.add(work, self._thumbnail(work))
        except Exception as error:  # noqa: BLE001 - a plugin is someone else's code
            trouble = self._pipeline.blamed("scan", error)
        yield from bundler.rest()
        if trouble:
            raise trouble from None

    def plan(self, source: Source, video: Video) -> Done:
        """See :class:`toolkit.piecework.Piecework`, and so below."""
        return self._part(source, video, lambda work, here: work.plan(here, self._cancel))

    def read(self, source: Source, video: Video, chunk: Chunk) -> Done:
        """A reading."""
        return self._part(source, video, lambda work, here: work.read(here, chunk, self._cancel))

    def pieces(self, source: Source, video: Video, joined: Joined) -> Done:
        """All scenes, in groups."""
        return self._part(source, video, lambda work, _: work.pieces(joined))

    def _part(self, source: Source, video: Video, step: Callable[[Piecework, Video], Any]) -> Done:
        self._clock.begin()
        logs.about(self._order.run_id, video.id)
        try:
            value = step(Piecework(self._pipeline), self._here(source, video))
        except Exception as error:  # noqa: BLE001 - a plugin is someone else's code
            raise self._pipeline.blamed("scan", error) from None
        return Done(value, self._clock.end())

    def _thumbnail(self, work: Work) -> bytes | None:
        """The picture itself, where it was written on another machine than the workspace's."""
        path = work.scene.thumbnail
        if self._node == self._order.home or not path or not work.new:
            return None
        with suppress(OSError):
            return Path(path).read_bytes()
        return None

    def reread(self, source: Source, video: Video, scene: Scene) -> tuple[Done, list[Picked]]:
        """What was picked from a scene, after its frames were lost with a node: a lot of one."""
        self._clock.begin()
        try:
            video = self._here(source, video)
            readers = self._pipeline.crew.readers
            [frames] = readers.do(reread, video, [scene], readers.settings, cancel=self._cancel)
        except Exception as error:  # noqa: BLE001 - a plugin is someone else's code
            raise self._pipeline.blamed("scan", error) from None
        return Done(None, self._clock.end()), [(frames.sampler, frames.pts_s, frames.rgb)]

    def analyze(self, asked: bytes, *lots: Sequence[Picked]) -> Done:
        """The rows and troubles of each scene, packed.

        Args:
            asked: Works without frames, and where these are: in which lot, and where in it.
            lots: Frames of these scenes, and maybe of others.
        """
        self._clock.begin()
        works, places = unpacked(asked)
        logs.about(self._order.run_id, works[0].video.id)
        place = self._order.place
        full = [
            replace(work, frames=frames_in(lots, where, work.scene))
            for work, where in zip(works, places, strict=True)
        ]
        try:
            batch = self._pipeline.crew.analyzers[place].component.batch_size
            for first in range(0, len(full), batch):
                for _ in self._pipeline.analyze(place, full[first : first + batch], self._cancel):
                    pass
        except Exception as error:  # noqa: BLE001 - a plugin is someone else's code
            name = self._pipeline.crew.analyzers[place].name
            raise wrapped(AnalysisError, f"The analyzer '{name}'", error) from None
        return Done(_results(full), self._clock.end())

    def tag(self, asked: bytes) -> Done:
        """The rows and troubles of each scene, packed."""
        self._clock.begin()
        works: list[Work] = unpacked(asked)
        logs.about(self._order.run_id, works[0].video.id)
        try:
            self._pipeline.foretell(works)
            for work in works:
                self._pipeline.tag(work)
        except Exception as error:  # noqa: BLE001 - a plugin is someone else's code
            raise wrapped(TagError, "Tagging", error) from None
        return Done(_results(works), self._clock.end())

    def tag_whole(self, video: Video) -> Done:
        """The troubles of tagging a whole video."""
        return self._whole(video, self._pipeline.wholes.tag, TagError, "Tagging the whole video")

    def synthesize(self, video: Video) -> Done:
        """The troubles of writing about a video."""
        write = self._pipeline.synthesizer.synthesize
        what = "Writing about the video"
        return self._whole(video, lambda one: write(one, self._cancel), AnalysisError, what)

    def _whole(
        self,
        video: Video,
        do: Callable[[Video], list[Trouble]],
        kind: type[ToolkitError],
        what: str,
    ) -> Done:
        self._clock.begin()
        logs.about(self._order.run_id, video.id)
        try:
            troubles = do(video)
        except Exception as error:  # noqa: BLE001 - a plugin is someone else's code
            raise wrapped(kind, what, error) from None
        return Done(troubles, self._clock.end())


def _results(works: Sequence[Work]) -> bytes:
    return packed([(work.new, work.troubles) for work in works])
