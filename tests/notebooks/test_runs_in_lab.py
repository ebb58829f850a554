"""Runs in JupyterLab: a cell that never blocks, and the first notebook as a newcomer opens it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from lab import JupyterLab, Notebook
from playwright.sync_api import expect

ROOT = Path(__file__).parents[2]


def test_another_cell_answers_while_a_run_goes_on(
    notebook: Callable[..., Notebook], film: Path, tmp_path: Path
) -> None:
    book = notebook(
        f"""import threading, toolkit as tk
go = threading.Event()

@tk.analyzer
def patient(frames):
    go.wait()
    return {{}}

run = tk.submit({str(film)!r}, analyzer="patient", workspace={str(tmp_path)!r})""",
        "print('meanwhile', run.status)",
        "go.set(); print(run.wait().status)",
    )
    book.run_all()
    assert "meanwhile running" in book.output(1).inner_text()
    assert "done" in book.output(2).inner_text()
    assert not book.errors()


def test_the_first_notebook_is_opened_and_run(
    notebook: Callable[..., Notebook], lab: JupyterLab
) -> None:
    (lab.root / "first").mkdir()
    for name in ("01-first-look.ipynb", "sample.py"):
        shutil.copy(ROOT / "notebooks" / name, lab.root / "first")
    (lab.root / "tests").mkdir()
    (lab.root / "tests" / "models").symlink_to(ROOT / "tests" / "models")
    book = notebook(name="first/01-first-look.ipynb")
    book.run_all()
    assert not book.errors()
    expect(book.output(0)).to_contain_text("done, 1 sources, 7 scenes")
    expect(book.output(2).locator("img")).to_be_visible()  # the contact sheet
    expect(book.output(3)).to_contain_text("Sentiment")
    expect(book.output(5)).to_contain_text("(7, 7)")
