"""The workspace that is served: its runs and rows, what goes on in it, and who may see it."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from toolkit.errors import StoreError
from toolkit.execution import api, live
from toolkit.execution.looking import open_store
from toolkit.execution.run import RunHandle
from toolkit.hooks.manager import configure
from toolkit.isolation.readers import Readers
from toolkit.records import Question, Run, Video
from toolkit.serving.access import Signer
from toolkit.serving.clips import ClipShelf
from toolkit.serving.intake import sources_of
from toolkit.serving.limits import Gate, Pace
from toolkit.serving.problems import RefusedError
from toolkit.serving.tokens import Tokens

__all__ = ["Desk", "Given"]

Given = Mapping[str, Mapping[str, Any]]
"""Settings by section, over those of the config file."""
_FAILED_PER_S, _FAILED_BURST = 2.0, 60  # requests without a token, of one address
_KEPT_RUNS = 50  # that ended: their events can still be heard
_PATIENCE_S = 10.0


class Desk:
    """What the routes work with.

    Args:
        file: The config file; None for the usual one.
        given: Settings over those of the file.
        key: Signs links; None for a new one. Servers side by side need the same.

    Raises:
        ConfigError: A setting does not fit.
        StoreError: The store cannot be opened.
    """

    def __init__(self, file: Path | None, given: Given, key: bytes | None = None) -> None:
        self._given = given
        self.settings, self.plugins, raw = configure(file, self._arguments())
        self.file = raw.file
        options = self.settings.serve
        self.store = open_store(self.settings, self.plugins)
        self.tokens = Tokens(self.settings.workspace / options.tokens)
        self.signer = Signer(key, options.link_s)
        self.pace = Pace(options.requests_per_s, options.burst)
        self.strangers = Pace(_FAILED_PER_S, _FAILED_BURST)
        self.visitors = Pace(_FAILED_PER_S, _FAILED_BURST)
        self.cutting = Gate("clips", 1, 16)
        self.asking = Gate("questions", 1, 4)  # the analyzers answer one at a time
        self.following = Gate("streams of events", 64, 0)
        self.clips = ClipShelf(self.settings.workspace, Readers(self.settings))
        self._lock = threading.Lock()
        self._started: list[RunHandle] = []
        self._reaching = threading.Lock()
        self._far: dict[str, RunHandle] = {}

    def _arguments(self) -> dict[str, dict[str, Any]]:
        return copy.deepcopy({name: dict(section) for name, section in self._given.items()})

    # ------------------------------------------------------------------ rows

    def row(self, run_id: str) -> Run:
        """The run's row.

        Raises:
            RefusedError: There is no such run.
        """
        found = self.store.find(Run, id=run_id)
        if not found:
            raise RefusedError(404, f"There is no run '{run_id}'.")
        return found[0]

    def run(self, run_id: str) -> RunHandle:
        """The handle on a run, with its events where it is driven from here.

        Raises:
            RefusedError: There is no such run.
        """
        if known := live.find(run_id):
            return known
        row = self.row(run_id)
        if row.engine == "local" or row.standing != "running":
            self._far.pop(run_id, None)
            return self._taken_up(run_id)
        with self._reaching:  # a cluster: once, and not with every request
            if run_id not in self._far:
                self._far[run_id] = self._taken_up(run_id)
            return self._far[run_id]

    def _taken_up(self, run_id: str) -> RunHandle:
        return api.taken_up(self.store, run_id, self.settings, self.plugins, self.file)

    def video(self, video_id: str) -> Video:
        """A video's row.

        Raises:
            RefusedError: There is no such video.
        """
        found = self.store.find(Video, id=video_id)
        if not found:
            raise RefusedError(404, f"There is no video '{video_id}'.")
        return found[0]

    # ------------------------------------------------------------------ work

    def start(
        self,
        sources: Iterable[str],
        questions: Iterable[Question],
        of_videos: Iterable[str],
        analysis: Mapping[str, Any],
        by: str,
    ) -> RunHandle:
        """Start a run.

        Args:
            sources: As the client named them.
            questions: About every scene.
            of_videos: About every video as a whole.
            analysis: Of the section ``[analysis]``.
            by: Who asks for it.

        Raises:
            RefusedError: A source may not be fetched, or too many runs go on.
            ToolkitError: It cannot be started.
        """
        words = sources_of(sources, self.settings)
        arguments = self._arguments()
        if analysis:
            arguments.setdefault("analysis", {}).update(analysis)
        with self._lock:
            self._check_room()
            settings, plugins, raw = configure(self.file, arguments)
            settings = api.asking(settings, questions, of_videos)
            return self._kept(api.start(words, settings, plugins, raw.file, by=by))

    def ask(
        self,
        run: RunHandle,
        questions: Iterable[Question],
        of_videos: Iterable[str],
        video: str | None,
    ) -> RunHandle:
        """Put more questions to a run, as a new one.

        Raises:
            RefusedError: Too many runs go on.
            ToolkitError: It cannot be started.
        """
        with self._lock:
            self._check_room()
            return self._kept(run.ask(tuple(questions), of_videos=tuple(of_videos), video=video))

    def _check_room(self) -> None:
        most = self.settings.serve.max_runs
        if sum(not run.done for run in self._started) >= most:
            raise RefusedError(
                429,
                f"{most} runs go on already.",
                hint="Wait for one, or cancel one.",
                headers={"Retry-After": "10"},
            )

    def _kept(self, run: RunHandle) -> RunHandle:
        self._started.append(run)
        over = [one for one in self._started if one.done][:-_KEPT_RUNS]
        for one in over:
            live.forget(one.id)
            self._started.remove(one)
        return run

    def close(self) -> None:
        """Stop what this process drives, and wipe the clips. Runs on a cluster go on."""
        mine = [run for run in self._started if not run.done and run.row.engine == "local"]
        for run in mine:
            run.cancel()
        end = time.monotonic() + _PATIENCE_S
        while time.monotonic() < end and not all(run.done for run in mine):
            time.sleep(0.1)
        self.clips.close()
        self.store.close()

    def check(self) -> None:
        """See that the store can be read.

        Raises:
            StoreError: It cannot.
        """
        try:
            self.store.count(Run)
        except StoreError as error:
            raise RefusedError(503, "The store cannot be read.") from error
