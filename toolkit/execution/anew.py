"""What starts a run's work again, as a new run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from toolkit.errors import CancelledError, SourceError, ToolkitError, choices
from toolkit.insight import results, retries
from toolkit.records import Question, Run
from toolkit.stages.store import Store

if TYPE_CHECKING:
    from toolkit.execution.run import RunHandle

__all__ = ["Anew"]


class Anew:
    """The part of a run's handle that makes new runs of it; what is done is not done again."""

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

    def sources_of(self, video: str) -> list[str]:
        """The sources of the run that led to a video.

        Args:
            video: Its title, path, link, ``video_id`` or the start of that.

        Raises:
            SourceError: The run has no such video.
        """
        videos = results.videos_of(self._store, self.row)
        sources = results.sources_of(self._store, self.row)
        titles = results.titles_of(videos, sources)
        found = {one.id for one in videos if video in (titles[one.id], one.path)}
        found |= {one.id for one in videos if len(video) >= 4 and one.id.startswith(video)}
        found |= {one.video_id for one in sources if one.uri == video and one.video_id}
        if len(found) != 1:
            what = "several videos" if found else "no video"
            raise SourceError(
                f"The run {self.id} has {what} called '{video}'.",
                hint=choices(video, titles.values()),
            )
        return [one.uri for one in sources if one.video_id in found]

    def _anew(self, sources: Sequence[str] | None, **asked: Any) -> RunHandle:
        if not self.done:
            raise CancelledError(
                f"The run {self.id} is still going on.", hint="Wait for it, or cancel it first."
            )
        if self._again is None:
            raise ToolkitError(f"The run {self.id} cannot be started again from here.")
        return self._again(self.row, sources, **asked)
