"""A report as somebody opens it who has nothing but the file."""

from __future__ import annotations

import shutil
from pathlib import Path

from playwright.sync_api import Browser

import toolkit as tk


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
