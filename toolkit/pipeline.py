"""The stages composed: acquire, scan, analyze, tag, save.

A :class:`Pipeline` knows how each stage is done and nothing of threads, queues or machines: an
engine (``toolkit.execution``) calls its methods, from as many threads as it likes, and moves
:class:`~toolkit.work.Work` from one to the next.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict

from toolkit import thumbnails
from toolkit.acquire import Skipped, acquire
from toolkit.config import Settings
from toolkit.crew import Crew
from toolkit.errors import (
    AnalysisError,
    CancelledError,
    DecodeError,
    ModelError,
    SourceError,
    TagError,
    ToolkitError,
)
from toolkit.hooks.manager import PluginManager
from toolkit.records import Analysis, Answer, Completion, Record, Scene, Source, Video
from toolkit.revisit import reread
from toolkit.scan import Ended, Found, scan_file
from toolkit.stages.analysis import Look
from toolkit.stages.component import Cancel
from toolkit.stages.download import Playlist, Progress
from toolkit.stages.effort import note, tokens_noted
from toolkit.stages.private import made, swept
from toolkit.stages.sampling import frames_of
from toolkit.stages.tags import merge
from toolkit.stages.tones import with_method
from toolkit.synthesis import Synthesizer
from toolkit.wholes import Wholes
from toolkit.work import Trouble, Work, pending, scanned, wrapped

__all__ = ["Pipeline", "cancel_request"]

log = logging.getLogger(__name__)


class Pipeline:
    """How each stage is done, for one set of settings.

    Args:
        settings: What the user chose.
        plugins: Where the working objects come from.
        crew: Who does it; None for all that the settings choose. The pipeline closes it.

    Raises:
        ToolkitError: A chosen plugin is unknown, cannot start, or is not allowed.
    """

    def __init__(
        self, settings: Settings, plugins: PluginManager, crew: Crew | None = None
    ) -> None:
        self.settings = settings
        self.workspace = settings.workspace
        made(self.workspace)
        swept(self.workspace / settings.paths.thumbnails, self.workspace / "uploads")
        swept(*(self.workspace / "clips").glob("*"), *(self.workspace / "exports").glob("*"))
        self._hook = plugins.hook
        self.crew = crew or Crew(settings, plugins)
        self.store = self.crew.store
        self.synthesizer = Synthesizer(self.crew)
        self.wholes = Wholes(self.crew)

    @contextmanager
    def stage(self, name: str, item: str) -> Iterator[None]:
        """Tell lifecycle hooks about a stage's work on an item; a failing hook is only logged."""
        started = time.perf_counter()
        self._tell("toolkit_before_stage", stage=name, item_id=item)
        try:
            yield
        except Exception as error:
            self._tell("toolkit_on_stage_error", stage=name, item_id=item, error=error)
            raise
        seconds = time.perf_counter() - started
        self._tell("toolkit_after_stage", stage=name, item_id=item, seconds=seconds)

    def blamed(self, stage: str, error: Exception) -> ToolkitError:
        """What acquire or scan raised, as one of our errors."""
        if stage == "acquire":
            return wrapped(SourceError, "Getting the file", error)
        decoder, detector = self.settings.decode.plugin, self.settings.scenes.plugin
        what = f"The scan (decoder '{decoder}', scene detector '{detector}')"
        return wrapped(DecodeError, what, error)

    def _tell(self, hook: str, **arguments: object) -> None:
        try:
            getattr(self._hook, hook)(**arguments)
        except Exception:
            log.exception("The lifecycle hook %s failed", hook)

    def acquire(
        self, source: Source, progress: Progress, cancel: Cancel
    ) -> Video | Playlist | Skipped:
        """Find or download the file, hash it, read its metadata, save both rows.

        Raises:
            ToolkitError: The source leads to no video.
        """
        return acquire(self.crew, source, progress, cancel)

    def scan(self, video: Video, cancel: Cancel) -> Iterator[Work]:
        """The video's scenes, with frames where somebody has still to look at them.

        A video whose scenes are all known is not scanned again: only the frames that are still to
        be looked at are read. Of a scan, the last work's ``closing`` says that it is complete: save
        it when all works are saved.

        Raises:
            DecodeError: The file cannot be decoded.
            CancelledError: ``cancel`` was set.
        """
        if scanned(self.crew, video):
            scenes = self.store.find(Scene, video_id=video.id, detector=self.crew.detector_key)
            works = pending(self.crew, video, scenes)
            asked = [work.scene for work in works if work.missing]
            if all(scene.sampler == self.crew.sampler_key for scene in asked):
                note(hits=1)
                readers = self.crew.readers
                frames = readers.do(reread, video, asked, readers.settings, cancel=cancel)
                with closing(frames):
                    for work in works:
                        work.frames = next(frames) if work.missing else None
                        yield work
                    if asked:
                        next(frames, None)  # it comes to its own end
                return
        yield from self._scan(video, cancel)

    def _scan(self, video: Video, cancel: Cancel) -> Iterator[Work]:
        readers, looked_at = self.crew.readers, bool(self.crew.asked)
        options = readers.settings, self.settings.sampling, looked_at
        last: Work | None = None
        ended: Ended | None = None
        try:
            for told in readers.do(scan_file, video, *options, cancel=cancel):
                if isinstance(told, Ended):
                    ended = told
                    continue  # to the job's own end, or it would be broken off
                if last:
                    yield last
                last = None
                last = self.found(video, *told)
                del told
        except DecodeError:
            if last:
                yield last  # whole, whatever became of the rest
            raise
        assert last is not None  # a scan finds at least one scene or raises
        assert ended is not None
        last.closing = self.closing(video, last.scene.index + 1, ended)
        yield last

    def closing(self, video: Video, scenes: int, ended: Ended) -> list[Record]:
        """What is saved of a video when all of its scenes are: so many."""
        update = asdict(ended)
        done = Completion.of(video.id, "scan", self.crew.detector_key, scenes)
        return [done, video.model_copy(update=update)]

    def found(self, video: Video, found: Found, size: tuple[int, int]) -> Work:
        """A scene that was found as work, with its frames if somebody has to look at them.

        Args:
            video: The video.
            found: The scene, with pixels; see :func:`toolkit.scan.pictured`.
            size: Width and height of the video as shown, in pixels.
        """
        scene = self._scene(video, found, size)
        work = pending(self.crew, video, [scene])[0]
        work.new.append(scene)
        if work.missing:
            options, key = self.settings.sampling, self.crew.sampler_key
            work.frames = frames_of(video, scene, found.picked, size, options, key)
        return work

    def _scene(self, video: Video, found: Found, size: tuple[int, int]) -> Scene:
        scene = Scene.of(
            video.id,
            self.crew.detector_key,
            found.index,
            start_s=found.start_s,
            end_s=found.end_s,
            kind=found.kind,
            score=found.score,
            sampler=self.crew.sampler_key,
            sampled_s=tuple(frame.pts_s for frame in found.picked),
        )
        width = self.settings.scenes.thumbnail_width
        if not width or not found.picked:
            return scene
        folder = self.workspace / self.settings.paths.thumbnails
        middle = found.picked[len(found.picked) // 2]
        crew = self.crew
        path = thumbnails.write(folder, video, scene, middle, size, width, crew.vault, crew.blur)
        return scene.model_copy(update={"thumbnail": path})

    def analyze(self, place: int, works: Sequence[Work], cancel: Cancel) -> Iterator[Work]:
        """Let one analyzer answer what it has still to answer about these scenes.

        Each scene is given back as soon as it is answered, in order.

        Raises:
            ModelError: The analyzer cannot answer anything.
            CancelledError: ``cancel`` was set.
        """
        job = self.crew.analyzers[place]
        looks: list[Look] = []
        for work in works:
            assert work.frames is not None  # the scan keeps frames wherever an ask is missing
            looks.append(Look(work.frames, work.missing[place]))
        replies = iter(job.component.analyze(looks, job.key, cancel))
        noted, told = tokens_noted(), [0, 0]
        for work in works:
            try:
                given = list(next(replies))
            except (ModelError, CancelledError):
                raise
            except Exception as error:  # noqa: BLE001 - a plugin is someone else's code
                what = f"The analyzer '{job.name}'"
                given = []
                work.troubles.append(Trouble("analyze", wrapped(AnalysisError, what, error)))
            for reply in given:
                if isinstance(reply, Answer):
                    answer = with_method(reply, work.video)
                    work.answers.append(answer)
                    work.new.append(answer)
                    told[0] += answer.evidence.tokens_in
                    told[1] += answer.evidence.tokens_out
                else:
                    work.troubles.append(Trouble("analyze", reply[1]))
            if work is works[-1] and tokens_noted() == noted:
                note(tokens_in=told[0], tokens_out=told[1])  # it does not note what it reads
            yield work

    def tag(self, work: Work) -> None:
        """Tag a scene, unless it is done; a failing tagger is a trouble of this scene alone.

        Tags drawn from a complete analysis are final; those from a partial one are drawn again
        in the next run.
        """
        if work.tagged and not work.new:
            return
        analysis = self._analysis(work)
        complete = len(work.answers) == len(self.crew.asked)
        for job in self.crew.taggers:
            try:
                tags = [
                    tag.placed(work.scene, job.name, job.key)
                    for tag in job.component.tag(work.scene, analysis, work.video)
                ]
            except Exception as error:  # noqa: BLE001 - often a few lines in a notebook cell
                what = f"The tagger '{job.name}'"
                work.troubles.append(Trouble("tag", wrapped(TagError, what, error)))
                continue
            work.new += merge(tags)
            if complete:
                work.new.append(Completion.of(work.scene.id, "tags", job.key, len(tags)))

    def foretell(self, works: Sequence[Work]) -> None:
        """Tell those taggers that look ahead which scenes are to be tagged next."""
        if ahead := [job for job in self.crew.taggers if job.component.looks_ahead]:
            next_ = [self._analysis(work) for work in works if work.new or not work.tagged]
            for job in ahead:
                with suppress(Exception):  # tagging itself tells what is wrong
                    job.component.prepare(next_)

    def _analysis(self, work: Work) -> Analysis:
        order = self.crew.asked
        answers = sorted(work.answers, key=lambda answer: order[answer.analyzer, answer.ask])
        return Analysis.of(work.scene.id, tuple(answers))

    def cancel_asked(self, run_id: str) -> bool:
        """Whether somebody, in whichever process, asked the run to stop."""
        return self.store.count(Completion, id=cancel_request(run_id).id) > 0

    def close(self) -> None:
        """Free everything."""
        self.crew.close()


def cancel_request(run_id: str) -> Completion:
    """The row that asks a run to stop, whichever process it is in."""
    return Completion.of(run_id, "cancel", "")
