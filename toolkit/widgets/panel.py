"""The control panel: put a run together, start it, watch it, stop it, without blocking a cell.

A button's handler only starts a thread (see ``watch``) and returns. Widgets are touched in the
kernel's own loop alone: by handlers, and by one pump that draws what the threads have found.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

from toolkit.config import redact
from toolkit.errors import SourceError, ToolkitError
from toolkit.execution import api, looking
from toolkit.execution.run import RunHandle
from toolkit.widgets.draft import Draft
from toolkit.widgets.drawing import note, progress_html, wrong
from toolkit.widgets.extra import ipywidgets
from toolkit.widgets.pages import ConfigPage, RunPage, SourcesPage, StagesPage
from toolkit.widgets.watch import Job, View, Watch

__all__ = ["Panel", "panel"]

_PUMP_S = 0.125  # eight times a second: more floods a notebook's message channel
_PAGES = {
    "Scenes": ("download", "decode", "scenes", "sampling"),
    "Analysis": ("analysis",),
    "Tags": ("tags", "embedding"),
    "Engine": ("execution", "ray"),
    "Places": ("paths", "store", "storage", "privacy", "redaction", "logging"),
}
_ONE_BY_ONE = ("plan", "run", "retry")
_TITLES = ["Sources", *_PAGES, "Run", "Config and code"]


def panel(
    run: RunHandle | str | None = None,
    *,
    config: str | os.PathLike[str] | None = None,
    workspace: str | os.PathLike[str] | None = None,
) -> Panel:
    """A control panel for a notebook: sources, plugins and their options, plan, run, progress.

    Args:
        run: A run to show, such as one that was started before the kernel was.
        config: The config file to begin with; None for ``$TOOLKIT_CONFIG`` or ``config.ini``.
        workspace: Where results are kept instead of ``[paths] workspace``.

    Raises:
        ConfigError: The config file has a mistake.
        MissingExtraError: ipywidgets is not installed.
    """
    made = Panel(Draft(config, Path(workspace) if workspace else None))
    if run is not None:
        given = run if isinstance(run, RunHandle) else api.attach(run, **made.draft.place)
        made.show(given)
    return made


class Panel:
    """The panel as a notebook shows it.

    Attributes:
        draft: What was put together so far.
        run: The run that it shows, if any.
        widget: All of it.
    """

    def __init__(self, draft: Draft) -> None:
        w = ipywidgets()
        self.draft = draft
        self.run: RunHandle | None = None
        self._watch: Watch | None = None
        self._jobs: dict[str, Job] = {}
        self._shown: View | None = None
        self._pump: asyncio.Task[None] | None = None
        self.buttons = {
            "plan": w.Button(description="Plan", icon="calculator"),
            "run": w.Button(description="Run", icon="play", button_style="primary"),
            "cancel": w.Button(description="Cancel", icon="stop", disabled=True),
            "retry": w.Button(description="Retry failed", icon="repeat", disabled=True),
        }
        for name, button in self.buttons.items():
            button.on_click(lambda _, name=name: getattr(self, f"_{name}")())
        self.detach = w.Checkbox(
            description="in a process of its own: goes on when the kernel ends",
            indent=False,
            layout=w.Layout(width="auto"),
        )
        self.detach.observe(lambda change: self._set_detach(change["new"]), names="value")
        self.said = w.HTML()
        self.progress = w.HTML()
        self._tabs = w.Tab()
        self._tabs.observe(self._open, names="selected_index")
        bar = w.HBox([*self.buttons.values(), self.detach])
        self.widget = w.VBox([self._tabs, bar, self.said, self.progress])
        self.fill()

    # ------------------------------------------------------------------ pages

    def fill(self) -> None:
        """Show the draft from the start, as after a config file was loaded."""
        w = ipywidgets()
        self.sources = SourcesPage(self.draft, self._changed)
        self.run_page = RunPage()
        self.config = ConfigPage(self.draft, self.fill)
        self.stages: dict[str, StagesPage] = {}
        boxes = [w.VBox() for _ in _PAGES]
        before, after = self.sources.widget, [self.run_page.widget, self.config.widget]
        self._tabs.children = [before, *boxes, *after]
        self._tabs.titles = _TITLES
        self._tabs.selected_index = 0
        self._shown = None
        self._start("recent", self._recent, self.sources.offer)
        self._changed()

    def _open(self, change: dict[str, Any]) -> None:
        """Make a page's forms when somebody opens it: all at once would take seconds."""
        title = _TITLES[change["new"] or 0]
        if title in _PAGES and title not in self.stages:
            page = self.stages[title] = StagesPage(self.draft, _PAGES[title], self._changed)
            self._tabs.children[change["new"]].children = [page.widget]

    def _changed(self) -> None:
        wrongs = self.draft.mistakes()
        for name in ("plan", "run"):
            self.buttons[name].disabled = bool(wrongs) or self._busy
        lines = [
            f"[{section}] {key}: {reason}"
            for section, errors in wrongs.items()
            for key, reason in errors.items()
        ]
        self.said.value = wrong("\n".join(lines)) if lines else ""
        self.config.show(bool(wrongs))

    def _set_detach(self, wanted: bool) -> None:
        self.draft.detach = wanted
        self._changed()

    # ------------------------------------------------------------------ actions

    def _recent(self) -> list[str]:
        import polars  # noqa: F401, ICN001 - now, while nobody waits for a cell

        if not self.draft.workspace.is_dir():
            return []
        found = looking.runs(**self.draft.place)["sources"].to_list()
        return list(dict.fromkeys(word for sources in found for word in sources))[:50]

    def _plan(self) -> None:
        arguments, words = self._order()

        def work() -> Any:
            self.draft.check_sources()
            return looking.plan(words, config=self.draft.file, **arguments)

        self._start("plan", work, lambda plan: self._say(plan._repr_html_()))

    def _run(self) -> None:
        arguments, words = self._order()
        detach = self.draft.detach

        def work() -> RunHandle:
            self.draft.check_sources()
            return api.submit(words, config=self.draft.file, detach=detach, **arguments)

        self._start("run", work, self.show)

    def _order(self) -> tuple[dict[str, Any], tuple[str, ...]]:
        return self.draft.arguments(), self.draft.sources

    def _cancel(self) -> None:
        if run := self.run:
            self.buttons["cancel"].disabled = True
            self._start("cancel", run.cancel, lambda _: None)

    def _retry(self) -> None:
        if run := self.run:
            self._start("retry", run.retry, self.show)

    def _start(self, name: str, work: Any, then: Any) -> None:
        """Have a thread do it, unless one does it already."""
        if name in self._jobs:
            return
        self._jobs[name] = Job(name, work, then)
        if self._busy:
            for button in _ONE_BY_ONE:
                self.buttons[button].disabled = True
            self.said.value = note(f"{name} …")
        self._wake()

    @property
    def _busy(self) -> bool:
        return any(name in _ONE_BY_ONE for name in self._jobs)

    def show(self, run: RunHandle) -> None:
        """Follow a run."""
        if self._watch:
            self._watch.stop()
        self.run = run
        self._watch = Watch(run, self.draft.workspace)
        self._shown = None
        self.buttons["cancel"].disabled = False
        self.said.value = ""
        self._wake()

    def _say(self, html: str) -> None:
        self.said.value = html

    # ------------------------------------------------------------------ the pump

    def _wake(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # no notebook: whoever made the panel calls tick
            return
        if self._pump is None or self._pump.done():
            self._pump = loop.create_task(self._draw())

    async def _draw(self) -> None:
        while self.tick():  # noqa: ASYNC110 - threads change what it looks at
            await asyncio.sleep(_PUMP_S)

    def tick(self) -> bool:
        """Draw what the threads have found; says whether there is more to come."""
        for name, job in list(self._jobs.items()):
            if job.done:
                del self._jobs[name]
                self._finish(job)
        watch = self._watch
        following = watch is not None and not watch.over
        if watch and watch.view is not self._shown:
            self._shown = watch.view
            self._show(watch.view)
        return bool(self._jobs) or following

    def _finish(self, job: Job) -> None:
        if job.name != "recent":
            self._changed()
            self._offer_retry()
        if job.error is None:
            job.then(job.result)
        elif isinstance(job.error, SourceError) and job.name in {
            "plan",
            "run",
        }:
            self.said.value = wrong("See the sources.")
            self.sources.complain(str(job.error))
        elif job.name != "recent":
            shown = str(job.error) if isinstance(job.error, ToolkitError) else repr(job.error)
            self.said.value = wrong(redact(shown))

    def _show(self, view: View) -> None:
        self.progress.value = progress_html(view)
        self.run_page.show(view)
        running = view.status == "running"
        self.buttons["cancel"].disabled = not running
        self._offer_retry()

    def _offer_retry(self) -> None:
        view = self._shown
        over = view is not None and view.status != "running"
        helps = over and view is not None and any(one["retriable"] for one in view.failures)
        self.buttons["retry"].disabled = not helps or self._busy

    # ------------------------------------------------------------------ looks

    def __repr__(self) -> str:
        shown = f", {self.run!r}" if self.run else ""
        return f"<Panel: {len(self.draft.sources)} sources{shown}>"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        """The widget, and what is left of it in a saved notebook."""
        bundle: dict[str, Any] = self.widget._repr_mimebundle_()
        html = progress_html(self._shown) if self._shown else note(repr(self))
        return {**bundle, "text/plain": repr(self), "text/html": html}
