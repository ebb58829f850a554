"""Runs in JupyterLab: a cell that never blocks, and what is left after a restart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lab import Notebook


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
