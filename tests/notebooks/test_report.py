"""A report as somebody opens it who has nothing but the file."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from lab import JupyterLab, Notebook
from playwright.sync_api import Browser

import toolkit as tk


def test_a_run_shows_its_scenes_in_a_notebook_that_nobody_trusts(
    lab: JupyterLab, notebook: Callable[..., Notebook], film: Path, tmp_path: Path
) -> None:
    run = tk.analyze([film], analyzer="signals", workspace=tmp_path / "w", progress=False)
    file = lab.write("untrusted.ipynb", ["run"])
    saved = json.loads(file.read_text(encoding="utf-8"))
    data = {"text/html": run._repr_html_(), "text/plain": repr(run)}
    saved["cells"][0]["outputs"] = [
        {"output_type": "execute_result", "execution_count": 1, "data": data, "metadata": {}}
    ]
    file.write_text(json.dumps(saved), encoding="utf-8")
    shown = notebook(name=file.name).output(0)
    widths = shown.locator("img").evaluate_all("all => all.map(one => one.naturalWidth)")
    assert len(widths) == 3
    assert all(widths)
    assert "Run " in shown.inner_text()
    assert "0:00:02.0" in shown.inner_text()


def test_a_report_needs_no_other_file_and_no_network(
    chromium: Browser, film: Path, tmp_path: Path
) -> None:
    named = tmp_path / "<img src=x onerror=alert(1)>.mp4"
    shutil.copy(film, named)
    run = tk.analyze([named], analyzer="signals", workspace=tmp_path / "w", progress=False)
    report = run.to_html(tmp_path / "report.html")
    page = chromium.new_page()
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.on("console", lambda message: said.append(message.text))
    page.goto(report.as_uri())
    assert [link for link in asked if not link.startswith("data:")] == [report.as_uri()]
    assert not said
    assert page.locator("h3").inner_text() == named.name
    assert page.locator("svg").count() >= 3
    widths = page.locator("img").evaluate_all("all => all.map(one => one.naturalWidth)")
    assert len(widths) == 3
    assert all(widths)
    page.close()
