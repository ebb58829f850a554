"""A decoder and a scene detector at work, in this process or in others."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

from toolkit.config import Settings
from toolkit.config.machine import cores
from toolkit.errors import DecodeError, ToolkitError
from toolkit.hooks.manager import Made, PluginManager
from toolkit.hooks.specs import Context
from toolkit.isolation import bench
from toolkit.isolation.limits import SUPPORTED, allowance
from toolkit.isolation.process import GoneError, Watch
from toolkit.isolation.reading import Job, Pair, Task, Tools
from toolkit.records import Video
from toolkit.stages.component import Cancel
from toolkit.stages.decode import Decoder
from toolkit.stages.scenes import SceneDetector
from toolkit.vault.files import opened

__all__ = ["Readers", "are_many"]

log = logging.getLogger(__name__)
T = TypeVar("T")
_MANY = 8  # for each that is read at once


def are_many(files: int, at_once: float) -> bool:
    """Whether so many files keep so many readers busy nearly to the end."""
    return files >= _MANY * at_once


class Readers:
    """Have a decoder and a detector do jobs; from several threads, if you like.

    Args:
        settings: Whether files are isolated, and what they may take.
        decoder: The decoder; None for jobs that need neither.
        detector: The detector.

    Attributes:
        pair: Both, in this process, where there are both.
        settings: Of the settings, what jobs need: no secret is among it.
        share: Cores for each file, where so many are read side by side that all are busy.
    """

    def __init__(
        self,
        settings: Settings,
        decoder: Made[Decoder] | None = None,
        detector: Made[SceneDetector] | None = None,
    ) -> None:
        self.pair: Pair | None = None
        self.share = math.inf
        self._apart = settings.decode.isolate and SUPPORTED
        self.settings = Settings(
            decode=settings.decode,
            scenes=settings.scenes,
            sampling=settings.sampling,
            execution=settings.execution,
        )
        self._options = settings.decode
        self._brief = threading.Lock()
        self._tools: Tools | None = None
        if not (decoder and detector):
            return
        self.pair = Pair(decoder.component, detector.component)
        if self._apart:
            context = Context(settings.workspace, settings.base)
            try:
                self._tools = Tools.of(decoder, detector, context)
            except Exception as error:  # noqa: BLE001 - whatever a plugin holds
                self._apart = False
                name = f"'{decoder.plugin.name}' or '{detector.plugin.name}'"
                log.warning(
                    "Files are read in this process, where one can crash it: %s cannot travel to "
                    "another (%s)",
                    name,
                    error,
                )

    @classmethod
    def of(cls, settings: Settings, plugins: PluginManager) -> Readers:
        """Those that the settings choose.

        Raises:
            ToolkitError: One of them is unknown or cannot start.
        """
        return cls(
            settings,
            plugins.make(Decoder, "decode", settings.decode.plugin, settings),
            plugins.make(SceneDetector, "scenes", settings.scenes.plugin, settings),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Free both; processes wait for other files for a while."""
        if self.pair:
            self.pair.decoder.close()
            self.pair.detector.close()

    def expect(self, files: int, at_once: int) -> None:
        """So many files are to come, and so many of them are read side by side."""
        self.share = cores() / at_once if are_many(files, at_once) else math.inf

    def start(self) -> None:
        """Have a process ready soon, if there is none."""
        if self._apart:
            try:
                bench.start(self._tools)
            except OSError as error:
                log.debug("No process could be started: %s", error)

    def do(
        self,
        job: Job[T],
        file: Path | Video,
        *arguments: Any,
        cancel: Cancel,
        brief: bool = False,
        patience_s: float = 0.0,
    ) -> Generator[T, None, None]:
        """What a job gives of a file, which may be sealed, one at a time.

        Args:
            job: The job.
            file: The file, or a video with its path.
            arguments: What else the job needs.
            cancel: Ends it.
            brief: It takes moments: one of them is done at a time, so that they share a process.
            patience_s: How much longer than usual it may be before it says something.

        Raises:
            CrashedError: The process that read the file came to a bad end.
            LimitError: The file takes more than it may.
            ToolkitError: What the job raises.
            CancelledError: ``cancel`` was set.
        """
        path = Path(file.path) if isinstance(file, Video) else file
        with opened(path, cancel.check) as there:  # before its decoder's silence is watched
            if not self._apart:
                yield from job(self.pair, file, *arguments, cancel)
                return
            plain = there.absolute()  # for a process that may have begun in another folder
            allowed = allowance(
                self._options, plain, file.duration_s if isinstance(file, Video) else None
            )
            if plain != path:
                update = {"path": str(plain)}
                file = file.model_copy(update=update) if isinstance(file, Video) else plain
            level = logging.getLogger("toolkit").getEffectiveLevel()
            task = Task(
                job, file, arguments, allowed, self.cores(file), level, self._tools is not None
            )
            watch = Watch(self._options.stall_s + patience_s, self._options.most_s)
            try:
                with self._turn(cancel, brief=brief):
                    yield from self._items(task, watch, cancel)
            except ToolkitError as error:
                error.message = error.message.replace(str(plain), str(path))
                raise

    def cores(self, file: Path | Video) -> int:
        """How many cores a file should be read by; a long one by all, for it may be the last.

        Threads within a file cost more than files side by side: a decoder's wait for each other.
        """
        long_s = self.settings.execution.chunk_s or math.inf
        is_short = isinstance(file, Video) and (file.duration_s or 0.0) <= long_s
        return max(1, math.floor(min(cores(), self.share))) if is_short else cores()

    @contextmanager
    def _turn(self, cancel: Cancel, *, brief: bool) -> Iterator[None]:
        if not brief:
            yield
            return
        while not self._brief.acquire(timeout=0.2):
            cancel.check()
        try:
            yield
        finally:
            self._brief.release()

    def _items(self, task: Task, watch: Watch, cancel: Cancel) -> Iterator[Any]:
        while True:
            try:
                reader = bench.taken(self._tools)
            except OSError as error:
                raise DecodeError(
                    f"No process could be started to read '{task.path}': {error.strerror}.",
                    hint="The system is short of memory or processes.",
                    retriable=True,
                    path=task.path,
                ) from error
            try:
                yield from reader.items(self._tools, task, watch, cancel)
            except GoneError:
                continue  # it had waited for too long
            finally:
                bench.give_back(reader)
            return
