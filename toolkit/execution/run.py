"""The handle on a run: watch it, stop it, read its results, from any process."""

from __future__ import annotations

import asyncio
import importlib
import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.config.privacy import Redaction
from toolkit.errors import StoreError, ToolkitError
from toolkit.exchange.export import export
from toolkit.execution import cargo, display, uploads
from toolkit.execution.anew import Anew
from toolkit.execution.engines import Engine, recorded
from toolkit.execution.footage import clip_scenes, footage_of, readers_of, sheet_of
from toolkit.execution.looks import Looks
from toolkit.execution.progress import Event, Progress
from toolkit.execution.reviewing import Reviewing
from toolkit.execution.trace import write_trace
from toolkit.insight import search, summary
from toolkit.insight.naming import video_called
from toolkit.pipeline import cancel_request
from toolkit.privacy.audited import note_export
from toolkit.records import Run, RunStatus
from toolkit.redaction.pictures import Blur
from toolkit.sealing.keys import vault_of
from toolkit.stages.store import Store

if TYPE_CHECKING:
    import polars as pl
    from PIL.Image import Image

    from toolkit.clouds import Clouds
    from toolkit.media.clip import Clip

__all__ = ["RunHandle"]

_POLL_S = 0.5


class RunHandle(Looks, Reviewing, Anew):
    """A run, live in this process or seen through the store.

    Results are Polars frames and can be read at any time, also while the run goes on.

    Args:
        store: Where the results are.
        run_id: The run.
        engine: What drives it, if that is in this process or can be reached from it.
        again: Starts the same work again, for :meth:`resume`, :meth:`retry` and :meth:`ask`.
        clouds: Makes the clouds that files may be brought to, for :meth:`upload`.
    """

    def __init__(
        self,
        store: Store,
        run_id: str,
        *,
        engine: Engine | None = None,
        again: Callable[..., RunHandle] | None = None,
        clouds: Callable[[], Clouds] | None = None,
    ) -> None:
        self.id = run_id
        self._store = store
        self._engine = engine
        self._again = again
        self._clouds = clouds

    # ------------------------------------------------------------------ state

    @property
    def row(self) -> Run:
        """The run's row, as it is now.

        Raises:
            StoreError: The store has no such run.
        """
        found = self._store.find(Run, id=self.id)
        if not found:
            raise StoreError(f"There is no run '{self.id}'.", hint="See: toolkit runs")
        return found[0]

    @property
    def status(self) -> RunStatus:
        """How it stands; "interrupted" if its process died before it could say so."""
        row = self.row
        return self._engine.standing(row) if self._engine else row.standing

    @property
    def progress(self) -> Progress:
        """How far it is."""
        if self._engine:
            return self._engine.tally.progress()
        return recorded(self.row)

    @property
    def done(self) -> bool:
        """Whether it has come to an end, whichever."""
        return self._engine.ended.is_set() if self._engine else self.status != "running"

    def events(self) -> Iterator[Event]:
        """What happened and what happens, until the end; only where the run is driven.

        Raises:
            ToolkitError: The run is driven by another process.
        """
        if self._engine is None:
            raise ToolkitError(
                "Events can be heard only where the run's engine can be reached.",
                hint="Read run.progress instead.",
            )
        return self._engine.tally.events()

    def heard(self, after: int = 0) -> tuple[list[Event], int]:
        """The events after so many, at once, and how many there are by now.

        There are none where the run is driven by another process.
        """
        return self._engine.tally.since(after) if self._engine else ([], 0)

    def trace(self, path: str | os.PathLike[str]) -> Path:
        """Write what ran when, for ``chrome://tracing`` or https://ui.perfetto.dev.

        A bar ends where a worker was done with an item, and is as long as it was at it. The last
        100,000 are known, and only where the run is driven.

        Raises:
            ToolkitError: The run is driven by another process, or the file cannot be written.
        """
        if self._engine is None:
            raise ToolkitError("What ran when is known only where the run's engine can be reached.")
        try:
            write_trace(Path(path), self._engine.tally.spans()[0])
        except OSError as error:
            raise ToolkitError(f"{path} cannot be written: {error.strerror}.") from error
        return Path(path)

    # ------------------------------------------------------------------ control

    def cancel(self) -> None:
        """Ask it to stop, whichever process it is in. What is done stays done."""
        if self._engine:
            self._engine.cancel.set()
        else:
            self._store.save([cancel_request(self.id)])

    def wait(self, timeout_s: float | None = None) -> RunHandle:
        """Wait for the end.

        Args:
            timeout_s: Longest wait; None for as long as it takes.

        Raises:
            TimeoutError: It goes on still.
            ToolkitError: The run as a whole failed, for example because the disk is full. One
                source's failure is a row of :attr:`failures`, not an exception.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while not self.done:
            if deadline is not None and time.monotonic() >= deadline:
                raise TimeoutError(f"The run {self.id} is not done after {timeout_s} s.")
            if self._engine:
                self._engine.ended.wait(0.1)  # short, so that Ctrl-C comes through everywhere
            else:
                time.sleep(_POLL_S)
        return self._ended()

    def _ended(self) -> RunHandle:
        if self._engine and self._engine.error:
            raise self._engine.error
        return self

    def __await__(self) -> Generator[Any, None, RunHandle]:
        async def wait() -> RunHandle:
            while not self.done:  # noqa: ASYNC110 - it may be driven by another process
                await asyncio.sleep(0.1)
            return self._ended()

        return wait().__await__()

    # ------------------------------------------------------------------ results

    def summary(self) -> summary.Summary:
        """What was found, in a few tables."""
        return summary.summarize(self._store, self.row)

    def search(self, words: str, *, limit: int = 20) -> pl.DataFrame:
        """Scenes of the whole store that speak of these words, best first."""
        return search.search(self._store, words, limit=limit)

    def clips(
        self,
        folder: str | os.PathLike[str],
        scenes: pl.DataFrame | pl.Expr | Iterable[str] | None = None,
        *,
        exact: bool = False,
        suffix: str | None = None,
        force: bool = False,
    ) -> list[Clip]:
        """Write scenes to files of their own, see :func:`toolkit.clip`.

        Args:
            folder: Where the clips go; it is made where it is missing.
            scenes: Which: rows of :attr:`scenes`, a filter on them such as
                ``pl.col("tags").list.contains("car")``, or scene ids; None for all.
            exact: Encode anew, exact to the frame; otherwise copy from the keyframe on.
            suffix: Of the files; None for that of each video, and ``.mp4`` if exact.
            force: Replace files that are there.

        Raises:
            MediaError: A file is there already, or cannot be written.
            SourceError: A video's file is gone.
        """
        footage = footage_of(self._store, self.row, scene_ids=self._ids(scenes))
        options: dict[str, Any] = {"exact": exact, "suffix": suffix, "force": force}
        clips = clip_scenes(footage, Path(folder), readers_of(self.row), **options, blur=self._blur)
        videos = [one.video.id for one in footage]
        note_export(self._store, "clips", [one.path for one in clips], self.row, videos)
        return clips

    def sheet(self, video: str | None = None, *, columns: int = 0, width: int = 320) -> Image:
        """A contact sheet of the scenes, as a picture that a notebook shows.

        Args:
            video: The title, path, link or ``video_id`` of one video, or the start of the id; None
                for all.
            columns: Pictures in a row; 0 for a sheet about as wide as it is high.
            width: Width of a picture in pixels.

        Raises:
            MediaError: There is no scene.
            SourceError: The run has no such video, or several.
        """
        footage = footage_of(self._store, self.row, video_id=self._video(video))
        return sheet_of(footage, columns=columns, width=width, blur=self._blur)

    @property
    def _blur(self) -> Blur | None:
        """What the run's own settings have blurred in exports."""
        options = Redaction.model_validate(self.row.settings.get("redaction") or {})
        return Blur.of(options, "exports")

    def upload(
        self, to: str, what: Iterable[cargo.What] = cargo.USUAL, *, dry_run: bool = False
    ) -> list[uploads.Upload]:
        """Bring files of these kinds to a folder in a cloud, see :func:`toolkit.upload`."""
        if self._clouds is None:
            raise ToolkitError(f"The files of run {self.id} cannot be uploaded from here.")
        with self._clouds() as clouds:
            place, vault = clouds.settings.workspace, vault_of(clouds.settings)
            found = cargo.of_run(self._store, self.row, what, place, vault)
            sent = uploads.send(clouds, found, to, store=self._store, dry_run=dry_run)
            return uploads.complete(sent)

    def export(
        self,
        to: str | os.PathLike[str],
        *,
        what: str | None = None,
        form: str | None = None,
        video: str | None = None,
        force: bool = False,
    ) -> list[Path]:
        """Write results, of one video or all, to files, see :func:`toolkit.export`."""
        chosen = {"video_id": self._video(video), "what": what, "form": form}
        return export(self._store, self.row, Path(to), **chosen, force=force)

    def _video(self, video: str | None) -> str | None:
        return None if video is None else video_called(self._store, self.row, video).id

    def _ids(self, scenes: pl.DataFrame | pl.Expr | Iterable[str] | None) -> set[str] | None:
        import polars as pl

        if scenes is None:
            return None
        if isinstance(scenes, pl.Expr):
            scenes = self.scenes.filter(scenes)
        return set(scenes["scene_id"] if isinstance(scenes, pl.DataFrame) else scenes)

    # ------------------------------------------------------------------ looks

    def browse(self, video: str | None = None, *, height: int = 600) -> Any:
        """The scenes with a player, to look through and correct, see :func:`toolkit.browse`."""
        # Widgets stand above this layer, which therefore imports nothing of them.
        browser = importlib.import_module("toolkit.widgets.browser")
        return browser.of_run(self, self._store, self._video(video), height)

    def __repr__(self) -> str:
        return display.line(self)

    def _repr_html_(self) -> str:
        # While it goes on this is drawn again many times a second, without reading the results.
        bars = display.as_html(repr(self), self.progress)
        return bars + self._face() if self.done else bars
