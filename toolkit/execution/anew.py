"""What asks more of a run: its work again, as a new run, or one scene at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from toolkit.errors import CancelledError, ToolkitError
from toolkit.execution import aside
from toolkit.hooks.embedding import embeddings
from toolkit.insight import results, retries
from toolkit.insight.naming import video_called
from toolkit.records import Answer, Question, Run
from toolkit.stages.embedding import Embeddings
from toolkit.stages.store import Store

if TYPE_CHECKING:
    from toolkit.execution.run import RunHandle

__all__ = ["Anew"]


class Anew:
    """The part of a run's handle that asks more of it; what is done is not done again."""

    id: str
    _store: Store
    _again: Callable[..., RunHandle] | None

    @property
    def row(self) -> Run:
        """The run's row, as it is now."""
        raise NotImplementedError

    @property
    def done(self) -> bool:
        """Whether it has come to an end, whichever."""
        raise NotImplementedError

    def _embeddings(self) -> Embeddings:
        """Vectors by the embedder of the run's settings, for who closes them."""
        settings, plugins = aside.settings_of(self)
        return embeddings(plugins, settings)

    def resume(self) -> RunHandle:
        """Start the same work again, as a new run; what is done is not done again.

        Raises:
            CancelledError: The run is still going on.
        """
        return self._anew(None)

    def retry(self) -> RunHandle:
        """Start again what failed and may pass, as a new run; the log tells what is left alone.

        Raises:
            CancelledError: The run is still going on.
            SourceError: There is nothing that another try can help with.
        """
        return self._anew(retries.helpable(self._store, self.row))

    def ask(
        self,
        questions: str | Question | Iterable[str | Question] = (),
        *,
        of_videos: str | Iterable[str] = (),
        video: str | None = None,
    ) -> RunHandle:
        """Put more questions, as a new run that has the answers of this one, too.

        Args:
            questions: About every scene, such as ``"Is it raining? [yes/no]"``; one or several.
            of_videos: About every video as a whole; one or several.
            video: Ask about this one alone: its title, path, link or ``video_id``.

        Returns:
            The new run, at once; ``run.ask(...).wait()`` waits for the answers.

        Raises:
            CancelledError: The run is still going on.
            SourceError: It has no such video.
        """
        scenes = (questions,) if isinstance(questions, str | Question) else tuple(questions)
        wholes = (of_videos,) if isinstance(of_videos, str) else tuple(of_videos)
        sources = None if video is None else self.sources_of(video)
        return self._anew(sources, ask=scenes, of_videos=wholes)

    def ask_scene(self, scene_id: str, question: str | Question) -> list[Answer]:
        """Put a question about one scene to the run's analyzers, and wait for the answer.

        They work in this process, on the frames that the run looked at, and stay loaded for the
        next question until another run is asked or begins. The run has the answer from then on;
        a run that asks all scenes takes it as it is.

        Args:
            scene_id: The scene.
            question: Such as ``"Is it raining? [yes/no]"``.

        Returns:
            An answer from each of the run's analyzers that answers questions.

        Raises:
            AnalysisError: None of them does, or it could not answer.
            CancelledError: The run is still going on.
            ConfigError: The question has no such type.
            DecodeError: The video cannot be read.
            StoreError: The run has no such scene.
        """
        self._check_done()
        return aside.answers(self, scene_id, question)

    def sources_of(self, video: str) -> list[str]:
        """The sources of the run that led to a video.

        Args:
            video: Its title, path, link, ``video_id`` or the start of that.

        Raises:
            SourceError: The run has no such video.
        """
        meant = video_called(self._store, self.row, video)
        sources = results.sources_of(self._store, self.row)
        return [one.uri for one in sources if one.video_id == meant.id]

    def _check_done(self) -> None:
        if not self.done:
            raise CancelledError(
                f"The run {self.id} is still going on.", hint="Wait for it, or cancel it first."
            )

    def _anew(self, sources: Sequence[str] | None, **asked: Any) -> RunHandle:
        self._check_done()
        if self._again is None:
            raise ToolkitError(f"The run {self.id} cannot be started again from here.")
        return self._again(self.row, sources, **asked)
