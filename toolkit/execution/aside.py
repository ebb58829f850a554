"""A question about one scene of a run that is over, answered in this process."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from toolkit.config import Settings
from toolkit.crew import Crew, Job
from toolkit.errors import AnalysisError, StoreError
from toolkit.hooks import local
from toolkit.hooks.manager import PluginManager
from toolkit.insight.reviews import origin
from toolkit.records import Answer, Ask, Question, Run, Scene, Video
from toolkit.revisit import reread
from toolkit.stages.analysis import Analyzer, Look
from toolkit.stages.component import Cancel
from toolkit.stages.store import Store
from toolkit.stages.tones import with_method
from toolkit.work import wrapped

if TYPE_CHECKING:
    from toolkit.execution.anew import Anew

__all__ = ["answers", "free", "scene_of", "settings_of"]


class _Kept:
    """The analyzers that answered last, with their models: those of one run at a time."""

    def __init__(self) -> None:
        self.turn = threading.Lock()  # held while a question is answered: one at a time
        self.run_id = ""
        self._local: list[Any] = []
        self._crew: Crew | None = None
        self._unwanted = False

    def crew(self, run: Anew) -> Crew:
        """The analyzers of this run; call it in turn."""
        here = local.plugins()  # one that was edited in its cell is another
        if self._crew is None or (self.run_id, self._local) != (run.id, here):
            self._close()
            settings, plugins = settings_of(run)
            self._crew = Crew(settings, plugins)
            self.run_id, self._local = run.id, here
        return self._crew

    def drop(self) -> None:
        """Free them: at once, or when the question that is being answered is."""
        self._unwanted = True
        self.sweep()

    def sweep(self) -> None:
        """Free them if that is wanted and no question is being answered."""
        if self._unwanted and self.turn.acquire(blocking=False):
            try:
                self._unwanted = False
                self._close()
            finally:
                self.turn.release()

    def _close(self) -> None:
        crew, self._crew, self.run_id = self._crew, None, ""
        if crew is not None:
            crew.close()


_kept = _Kept()


def free(run_id: str | None = None) -> None:
    """Free the analyzers that are kept for the next question.

    Args:
        run_id: Only if they are those of this run.
    """
    if run_id in (None, _kept.run_id):
        _kept.drop()


def answers(run: Anew, scene_id: str, question: str | Question) -> list[Answer]:
    """What the run's analyzers answer about one scene, saved; see :meth:`Anew.ask_scene`."""
    try:
        with _kept.turn:
            return _answers(run, _kept.crew(run), scene_id, question)
    finally:
        _kept.sweep()


def _answers(run: Anew, crew: Crew, scene_id: str, question: str | Question) -> list[Answer]:
    store, row = run._store, run.row
    if isinstance(question, str):
        question = Question.parse(question, crew.settings.base)
    scene = _scene(store, row, origin(scene_id), crew)
    wanted = Ask(kind="question", name=question.text, type=question.type)
    jobs = [job for job in crew.analyzers if "question" in job.component.kinds]
    if not jobs:
        raise AnalysisError(
            f"None of the analyzers of run {run.id} answers questions.",
            hint="Analyze the video with one that does, such as qwen2vl.",
        )
    asks = [(job, ask) for job in jobs for ask in job.component.asks([wanted])]
    found = []
    for job, ask in asks:
        known = store.find(Answer, scene_id=scene.id, analyzer=job.key, ask=ask.key)
        answer = known[0] if known else _asked(crew, job, ask, scene, store)
        # The latest comes last, where it wins over an answer in another type.
        lineage = run.row.lineage
        pair = job.key, ask.key
        pairs = (*(one for one in lineage.asks if one != pair), pair)
        changed = run.row.model_copy(update={"lineage": lineage.model_copy(update={"asks": pairs})})
        store.save([answer, changed])
        found.append(answer)
    return found


def _scene(store: Store, row: Run, scene_id: str, crew: Crew) -> Scene:
    scene = scene_of(store, row, scene_id)
    if scene.sampler != crew.sampler_key:
        raise StoreError(
            "Another run has picked other frames of this scene since.",
            hint="Start the run again first, with run.resume().",
        )
    return scene


def _asked(crew: Crew, job: Job[Analyzer], ask: Ask, scene: Scene, store: Store) -> Answer:
    (video,) = store.find(Video, id=scene.video_id)
    cancel = Cancel()
    readers = crew.readers
    (frames,) = readers.do(reread, video, [scene], readers.settings, cancel=cancel)
    try:
        ((reply,),) = job.component.analyze([Look(frames, [ask])], job.key, cancel)
    except Exception as error:
        raise wrapped(AnalysisError, f"The analyzer '{job.name}'", error) from error
    if not isinstance(reply, Answer):
        raise reply[1]
    return with_method(reply, video)


def settings_of(run: Anew) -> tuple[Settings, PluginManager]:
    """The run's settings, without what is written about whole videos or brought to a cloud.

    Raises:
        StoreError: They are not known here.
    """
    again: Any = run._again
    if again is None:
        raise StoreError(f"The settings of run {run.id} are not known here.")
    settings, plugins = again.settings(run.row)
    whole = {"summary": False, "chapters": False, "video_questions": ()}
    quiet = settings.model_copy(
        update={
            "analysis": settings.analysis.model_copy(update=whole),
            "storage": settings.storage.model_copy(update={"to": ""}),
        }
    )
    return quiet, plugins


def scene_of(store: Store, row: Run, scene_id: str, *, hint: str | None = None) -> Scene:
    """The scene with this id that the run's detector found.

    Raises:
        StoreError: There is none.
    """
    found = store.find(Scene, id=scene_id, detector=row.lineage.detector)
    if not found:
        raise StoreError(f"The run {row.id} has no scene '{scene_id}'.", hint=hint)
    return found[0]
