"""The panel in JupyterLab: fill in, run, watch, work on meanwhile, cancel; and after a restart."""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from lab import PATIENCE_S, Notebook
from playwright.sync_api import Locator, expect

import toolkit as tk

expect.set_options(timeout=1000 * PATIENCE_S)  # a busy machine takes its time
MARKUP = "<img src=x onerror=alert(1)>.mp4"


@pytest.fixture
def cell(film: Path, tmp_path: Path) -> str:
    """Shows a panel whose run waits for a file named "go" after the first scene."""
    shutil.copy(film, tmp_path / MARKUP)
    config = tmp_path / "config.ini"
    config.write_text("[analysis]\nplugin = signals\n")
    return f"""import time, toolkit as tk
from pathlib import Path

@tk.analyzer
def patient(frames):
    while frames.scene.index and not Path({str(tmp_path / "go")!r}).exists():
        time.sleep(0.05)
    return {{}}

p = tk.panel(config={str(config)!r})
p"""


def button(panel: Locator, name: str) -> Locator:
    return panel.get_by_role("button", name=re.compile(f"^\\W*{name}$"))


def test_fill_in_run_watch_and_cancel(
    notebook: Callable[..., Notebook], cell: str, tmp_path: Path
) -> None:
    book = notebook(cell, "print('meanwhile', p.run.status)", "print(p.run.row.status)")
    book.run(0)
    panel = book.output(0)
    expect(button(panel, "Run")).to_be_enabled()
    button(panel, "Run").click()
    expect(panel.get_by_role("alert").first).to_contain_text("Name at least one source")
    panel.get_by_label("sources").fill(str(tmp_path / MARKUP))

    panel.get_by_role("tab", name="Scenes").click()
    field = book.page.get_by_label("max_frames", exact=True)
    row = panel.locator(".widget-hbox", has=field).last
    field.fill("many")
    expect(row.get_by_role("alert")).to_contain_text("valid integer")
    expect(button(panel, "Run")).to_be_disabled()
    field.fill("16")
    expect(row.get_by_role("alert")).to_have_count(0)

    button(panel, "Run").click()
    expect(panel).to_contain_text("running")
    panel.get_by_role("tab", name="Run", exact=True).click()
    expect(panel).to_contain_text("1 scenes")
    expect(panel).to_contain_text(MARKUP)
    assert panel.locator("img[src=x]").count() == 0
    book.run(1)
    assert "meanwhile running" in book.output(1).inner_text()
    button(panel, "Cancel").click()
    expect(panel).to_contain_text("cancelled")
    book.run(2)
    assert "cancelled" in book.output(2).inner_text()
    assert not book.errors()


def test_a_detached_run_is_found_again_after_a_restart(
    notebook: Callable[..., Notebook], cell: str, tmp_path: Path
) -> None:
    pytest.importorskip("ray")
    config = str(tmp_path / "config.ini")
    book = notebook(
        cell,
        f"import toolkit as tk\nrun_id = tk.runs(config={config!r})['run'][0]\n"
        f"tk.panel(run_id, config={config!r})",
    )
    book.run(0)
    panel = book.output(0)
    panel.get_by_label("sources").fill(str(tmp_path / MARKUP))
    panel.get_by_text("in a process of its own").click()
    button(panel, "Run").click()
    expect(panel).to_contain_text("running")
    run = tk.attach(tk.runs(config=config)["run"][0], config=config)
    try:
        book.restart()
        assert run.status == "running"
        book.run(1)
        again = book.output(1)
        expect(again).to_contain_text("running")
        (tmp_path / "go").touch()
        expect(again).to_contain_text(f"Run {run.id}: done")
        assert run.scenes.height == 3
    finally:
        (tmp_path / "go").touch()
        if run.row.status == "running":
            os.kill(run.row.pid, signal.SIGKILL)
