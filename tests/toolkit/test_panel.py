"""The panel without a browser: forms stand for options, and buttons for calls."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import toolkit as tk
from toolkit.execution.run import RunHandle
from toolkit.hooks.manager import configure
from toolkit.widgets.draft import Draft, is_secret
from toolkit.widgets.forms import Form
from toolkit.widgets.panel import Panel, panel

PLUGINS = configure()[1]
WITH_OPTIONS = [plugin for plugin, _ in PLUGINS.plugins() if plugin.options.model_fields]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def until(panel: Panel, holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        panel.tick()
        time.sleep(0.02)
    panel.tick()


def ended(panel: Panel) -> RunHandle:
    """The panel's run, when the panel has shown its end."""
    until(panel, lambda: panel._watch is not None and panel._watch.over)
    assert panel.run is not None
    return panel.run


@pytest.mark.parametrize("plugin", WITH_OPTIONS, ids=lambda plugin: f"{plugin.stage}-{plugin.name}")
def test_a_form_stands_for_any_plugins_options(plugin: Any) -> None:
    draft = Draft()
    section = f"{plugin.stage}.{plugin.name}"
    draft.put(plugin.stage, "plugin", plugin.name)
    changes: list[str] = []
    form = Form(draft, section, changes.append)
    assert not draft.errors(section)
    assert section not in draft.edits
    for key, info in plugin.options.model_fields.items():
        control, kind = form.controls[key], info.annotation
        if kind is bool:
            control.value = not control.value
        elif kind is int:
            control.value = str(int(control.value) + 4)
        elif kind is float:
            control.value = str(0.9 * float(control.value) or 0.25)
        elif hasattr(control, "options"):
            control.value = control.options[-1]
        elif is_secret(info):
            control.value = "http://sesame.example.org"
    assert not draft.errors(section)
    arguments = draft.arguments()
    given = configure(None, arguments)[0].options[plugin.stage][plugin.name]
    for key, info in plugin.options.model_fields.items():
        if info.annotation in (bool, int, float):
            default = info.get_default()
            assert getattr(given, key) != default, key
    if not any(map(is_secret, plugin.options.model_fields.values())):
        calls: list[Any] = []
        exec(
            draft.code().replace("import toolkit as tk", "").replace("tk.submit", "submit"),
            {"submit": lambda sources, **sections: calls.append(sections)},
        )
        assert configure(None, calls[0])[0].options[plugin.stage][plugin.name] == given


def test_a_value_that_does_not_fit_is_told_beside_its_field() -> None:
    made = panel()
    made._tabs.selected_index = 1
    form = made.stages["Scenes"].forms["sampling"].form
    form.controls["frames"].value = "<b>many</b>"
    assert "role='alert'" in form.notes["frames"].value
    assert "role='alert'" not in form.notes["choose"].value
    assert made.buttons["run"].disabled
    form.controls["frames"].value = "4"
    assert "role='alert'" not in form.notes["frames"].value
    until(made, lambda: not made.buttons["run"].disabled)
    assert "sampling={'frames': 4}" in made.config.code.value


def test_a_chosen_plugin_brings_its_form() -> None:
    made = panel()
    made._tabs.selected_index = 1
    stage = made.stages["Scenes"].forms["scenes"]
    stage.form.controls["plugin"].value = "content"
    assert stage._plugins.titles == ("Options of content",)
    stage._plugins.selected_index = 0
    stage.options["scenes.content"].controls["threshold"].value = "30"
    assert made.draft.arguments()["scenes"] == {"plugin": "content", "content": {"threshold": 30}}


def test_a_run_from_the_panel(film: Path, workspace: Path) -> None:
    made = panel(workspace=workspace)
    made.draft.put("analysis", "plugin", "signals")
    made.sources.words.value = f"{film}\n<i>nothing</i>.mp4"
    until(made, lambda: not made._jobs)
    made.buttons["run"].click()
    assert made.run is None
    until(made, lambda: "alert" in made.sources.note.value)
    assert "&lt;i&gt;nothing" in made.sources.note.value
    made.sources.words.value = str(film)
    made.buttons["plan"].click()
    until(made, lambda: "video to do" in made.said.value)
    made.buttons["run"].click()
    run = ended(made)
    assert "done" in made.progress.value
    assert "3 scenes" in made.run_page.sources.value
    assert run.scenes.height == 3
    again = panel(run.id, workspace=workspace)
    until(again, lambda: "done" in again.progress.value)
    until(again, lambda: not again._jobs)
    assert str(film.resolve()) in again.sources._recent.options


def test_what_failed_is_shown_with_its_hint_and_may_be_tried_again(
    film: Path, workspace: Path
) -> None:
    @tk.tagger
    def broken(scene: Any, analysis: Any) -> Any:
        raise RuntimeError("<script>alert(1)</script>")

    made = panel(workspace=workspace)
    made.draft.put("analysis", "plugin", "signals")
    made.sources.words.value = str(film)
    until(made, lambda: not made._jobs)
    made.buttons["run"].click()
    ended(made)
    shown = made.run_page.failures.value
    assert "&lt;script&gt;" in shown
    assert "<script>" not in shown
    assert "broken" in made.run_page.log.value


def test_the_config_file_is_read_and_written(tmp_path: Path) -> None:
    file = tmp_path / "studio.ini"
    file.write_text("# ours\n[scenes]\nplugin = content\n[scenes.content]\nthreshold = 40\n")
    made = panel(config=file)
    draft = made.draft
    assert draft.text("scenes.content", "threshold") == "40"
    assert draft.arguments() == {}
    draft.put("scenes.content", "threshold", "35")
    draft.put("analysis", "questions", "Is it raining? [yes/no]\nWho speaks?")
    made.config.save.click()
    assert file.read_text().startswith("# ours\n[scenes]\nplugin = content\n")
    assert draft.edits == {}
    settings = configure(file)[0]
    assert [question.text for question in settings.analysis.questions] == [
        "Is it raining?",
        "Who speaks?",
    ]
    made.config.file.value = str(tmp_path / "missing.ini")
    made.config.load.click()
    assert "There is no config file" in made.config.note.value


def test_a_secret_is_used_and_shown_nowhere(tmp_path: Path) -> None:
    draft = Draft()
    draft.sources = ("a.mp4",)
    draft.put("analysis", "plugin", "openai")
    draft.put("analysis.openai", "api_key", "sesame-open")
    assert "sesame" not in draft.code()
    assert "TOOLKIT_ANALYSIS__OPENAI__API_KEY" in draft.code()
    with pytest.raises(tk.ConfigError, match="secret"):
        draft.save(tmp_path / "config.ini")
