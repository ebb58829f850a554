"""Forms made from the models of settings and options: a row a field, what is wrong beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from toolkit.config.settings import STAGES
from toolkit.widgets.draft import Draft, is_secret
from toolkit.widgets.drawing import note, wrong
from toolkit.widgets.extra import ipywidgets

__all__ = ["Form", "StageForm"]

_LONG = {"questions", "video_questions", "labels"}
_YES = {"yes", "true", "on", "1"}


class Form:
    """The fields of a section.

    Args:
        draft: What the form shows and changes.
        section: Its name, such as "scenes" or "analysis.qwen2vl".
        changed: Called after a change, with the field's key.
    """

    def __init__(self, draft: Draft, section: str, changed: Callable[[str], None]) -> None:
        w = ipywidgets()
        self._draft = draft
        self._section = section
        self._changed = changed
        self.notes: dict[str, Any] = {"": w.HTML()}
        self.controls: dict[str, Any] = {}
        rows = [self._row(key, info) for key, info in draft.model(section).model_fields.items()]
        self.widget = w.VBox([*rows, self.notes[""]])
        self.check()

    def check(self) -> None:
        """Show what is wrong beside each field, and what it means where all is well."""
        errors = self._draft.errors(self._section)
        fields = self._draft.model(self._section).model_fields
        for key, shown in self.notes.items():
            about = " ".join(((fields[key].description if key else "") or "").split())
            shown.value = wrong(errors[key]) if key in errors else note(about.replace("``", ""))

    def _row(self, key: str, info: FieldInfo) -> Any:
        w = ipywidgets()
        control = self.controls[key] = self._control(key, info)
        self.notes[key] = w.HTML(layout=w.Layout(width="auto", max_width="46em"))
        read = _tags if isinstance(control, w.TagsInput) else _text
        control.observe(lambda change: self._put(key, read(change["new"])), names="value")
        shown = [control, self.notes[key]]
        if isinstance(control, w.TagsInput):
            shown.insert(0, w.Label(key, layout=w.Layout(width="160px")))
        return w.HBox(shown)

    def _control(self, key: str, info: FieldInfo) -> Any:
        w = ipywidgets()
        text = self._draft.text(self._section, key)
        look = {
            "description": key,
            "style": {"description_width": "160px"},
            "layout": w.Layout(width="440px", flex="0 0 auto"),
        }
        kind = info.annotation
        if is_secret(info):
            return w.Password(placeholder="as in the config or the environment", **look)
        if key == "plugin" and self._section in STAGES:
            return self._plugins(kind is str, look)
        if kind is bool:
            return w.Checkbox(value=text.lower() in _YES, **{**look, "indent": True})
        if get_origin(kind) is Literal:
            options = [str(value) for value in get_args(kind)]
            return w.Dropdown(options=options, value=text if text in options else None, **look)
        if key in _LONG:
            return w.Textarea(value=text, placeholder="one a line", rows=4, **look)
        return w.Text(value=text, **look)

    def _plugins(self, one: bool, look: dict[str, Any]) -> Any:
        w = ipywidgets()
        names = sorted({*self._draft.plugins(self._section), *self._draft.chosen(self._section)})
        chosen = self._draft.chosen(self._section)
        if one:
            return w.Dropdown(options=names, value=chosen[0] if chosen else None, **look)
        return w.TagsInput(
            value=chosen, allowed_tags=names, allow_duplicates=False, layout=w.Layout(width="276px")
        )

    def _put(self, key: str, text: str) -> None:
        self._draft.put(self._section, key, text)
        self.check()
        self._changed(key)


class StageForm:
    """A section, and the options of the plugins that are chosen in it, each made when opened."""

    def __init__(self, draft: Draft, section: str, changed: Callable[[], None]) -> None:
        w = ipywidgets()
        self._draft = draft
        self._section = section
        self._changed = changed
        self.options: dict[str, Form] = {}
        self.form = Form(draft, section, self._on_change)
        self._plugins = w.Accordion()
        about = (draft.model(section).__doc__ or "").strip().split("\n")[0]
        title = w.HTML(f"<b>{section}</b> {note(about)}")
        self.widget = w.VBox([title, self.form.widget, self._plugins])
        self._plugins.observe(self._open, names="selected_index")
        self._choose()

    def _on_change(self, key: str) -> None:
        if key == "plugin":
            self._choose()
        self._changed()

    def _names(self) -> list[str]:
        sections = self._draft.sections()
        return [one for one in sections if one.startswith(f"{self._section}.")]

    def _choose(self) -> None:
        w = ipywidgets()
        names = self._names()
        self._plugins.selected_index = None
        self._plugins.children = [w.VBox() for _ in names]
        self._plugins.titles = [f"Options of {name.partition('.')[2]}" for name in names]
        self._plugins.layout.display = None if names else "none"

    def _open(self, change: dict[str, Any]) -> None:
        index = change["new"]
        if index is None:
            return
        box, name = self._plugins.children[index], self._names()[index]
        if not box.children:
            self.options[name] = Form(self._draft, name, lambda _: self._changed())
            box.children = [self.options[name].widget]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value or "")


def _tags(value: Any) -> str:
    return ", ".join(value)
