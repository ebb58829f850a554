"""Notebooks as people have them: a real JupyterLab in a real Chromium, shared by all tests here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lab import CHROMIUM, FLAGS, PATIENCE_S, JupyterLab, Notebook
from playwright.sync_api import Browser, sync_playwright

SCREENSHOTS = Path(__file__).parents[2] / ".screenshots"  # CI keeps them as artifacts


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterLab]:
    server = JupyterLab(tmp_path_factory.mktemp("lab"))
    yield server
    server.close()


@pytest.fixture(scope="module")  # Playwright's loop runs meanwhile, and others need one, too
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def notebook(
    lab: JupyterLab, chromium: Browser, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Notebook]]:
    """Makes a notebook of these cells and opens it; ``name`` opens one that is there."""
    context = chromium.new_context(viewport={"width": 1400, "height": 1000})
    page = context.new_page()
    page.set_default_timeout(1000 * PATIENCE_S)
    test = re.sub(r"\W+", "-", request.node.name).strip("-")

    def make(*cells: str, name: str = "") -> Notebook:
        if not name:
            name = lab.write(f"{test}.ipynb", cells).name
        return Notebook(lab, page, name).open()

    yield make
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{test}.png")
    context.close()
    lab.end_kernels()
