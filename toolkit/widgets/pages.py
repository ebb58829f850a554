"""The pages of a panel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from toolkit.errors import ToolkitError
from toolkit.stages.private import made, opened
from toolkit.widgets.draft import Draft
from toolkit.widgets.drawing import failures_html, log_html, note, sources_html, wrong
from toolkit.widgets.extra import ipywidgets
from toolkit.widgets.forms import StageForm
from toolkit.widgets.watch import View

__all__ = ["ConfigPage", "RunPage", "SourcesPage", "StagesPage"]

_HELP = "Files, folders, patterns such as talks/*.mp4, links, @list.txt: one a line."
_PICK = "add one of past runs …"


class SourcesPage:
    """What is to be analyzed."""

    def __init__(self, draft: Draft, changed: Callable[[], None]) -> None:
        w = ipywidgets()
        self._draft = draft
        self._changed = changed
        self.note = w.HTML(note(_HELP))
        self.words = w.Textarea(
            value="\n".join(draft.sources),
            description="sources",
            placeholder="talks/*.mp4",
            rows=6,
            layout=w.Layout(width="640px"),
        )
        self.words.observe(self._put, names="value")
        self._recent = w.Dropdown(
            options=[_PICK], description="recent", layout=w.Layout(width="640px", display="none")
        )
        self._recent.observe(self._pick, names="value")
        self._upload = w.FileUpload(description="Upload", multiple=True, accept="video/*")
        self._upload.observe(self._take, names="value")
        about = w.HTML(note("up to 10 MB; larger ones with the file browser"))
        self.widget = w.VBox(
            [w.HBox([self.words, self.note]), self._recent, w.HBox([self._upload, about])]
        )

    def offer(self, words: Sequence[str]) -> None:
        """Sources of past runs."""
        self._recent.options = [_PICK, *words]
        self._recent.layout.display = None if words else "none"

    def complain(self, reason: str) -> None:
        """Say what is wrong beside the field."""
        self.note.value = wrong(reason)

    def _put(self, change: dict[str, Any]) -> None:
        lines = (line.strip() for line in change["new"].splitlines())
        self._draft.sources = tuple(line for line in lines if line)
        self.note.value = note(_HELP)
        self._changed()

    def _add(self, word: str) -> None:
        if word not in self._draft.sources:
            self.words.value = "\n".join([*self._draft.sources, word])

    def _pick(self, change: dict[str, Any]) -> None:
        if change["new"] not in (None, _PICK):
            self._add(change["new"])
            self._recent.value = _PICK

    def _take(self, change: dict[str, Any]) -> None:
        folder = self._draft.workspace / "uploads"
        for item in change["new"]:
            name = Path(str(item["name"])).name  # whatever path a browser may send
            try:
                with opened(made(folder) / name, "wb") as file:
                    file.write(item["content"])
            except OSError as error:
                self.complain(f"{name} cannot be kept: {error.strerror}.")
                return
            self._add(str(folder / name))


class StagesPage:
    """The forms of some sections."""

    def __init__(self, draft: Draft, names: Sequence[str], changed: Callable[[], None]) -> None:
        self.forms = {name: StageForm(draft, name, changed) for name in names}
        self.widget = ipywidgets().VBox([form.widget for form in self.forms.values()])


class RunPage:
    """How a run goes: source by source, what failed, the log."""

    def __init__(self) -> None:
        w = ipywidgets()
        self.sources = w.HTML(note("No run yet."))
        self.failures = w.HTML()
        self.log = w.HTML()
        parts = {"Videos": self.sources, "Failures": self.failures, "Log": self.log}
        shown = [
            child for name, part in parts.items() for child in (w.HTML(f"<b>{name}</b>"), part)
        ]
        self.widget = w.VBox(shown)

    def show(self, view: View) -> None:
        """Draw a moment of a run."""
        self.sources.value = sources_html(view.sources)
        self.failures.value = failures_html(view)
        self.log.value = log_html(view.log)


class ConfigPage:
    """The config file, and the same as a call to copy."""

    def __init__(self, draft: Draft, loaded: Callable[[], None]) -> None:
        w = ipywidgets()
        self._draft = draft
        self._loaded = loaded
        file = draft.file or Path("config.ini")
        self.file = w.Text(
            value=str(file), description="config file", layout=w.Layout(width="480px")
        )
        self.load = w.Button(description="Load", icon="folder-open")
        self.save = w.Button(description="Save", icon="save")
        self.load.on_click(lambda _: self._do(lambda: draft.load(self.file.value)))
        self.save.on_click(lambda _: self._do(lambda: draft.save(Path(self.file.value))))
        self.note = w.HTML()
        self.code = w.Textarea(
            description="as a call",
            rows=14,
            disabled=True,
            layout=w.Layout(width="760px"),
        )
        self.widget = w.VBox([w.HBox([self.file, self.load, self.save, self.note]), self.code])

    def show(self, mistaken: bool) -> None:
        """Show the draft as a call."""
        self.code.value = "# There are mistakes." if mistaken else self._draft.code()

    def _do(self, work: Callable[[], None]) -> None:
        try:
            work()
        except ToolkitError as error:
            self.note.value = wrong(str(error))
            return
        self._loaded()
