"""Every notebook of the repository runs from top to bottom, and leaves no process behind."""

from __future__ import annotations

import os
import shutil
import time
import uuid
from pathlib import Path
from typing import Any

import nbformat
import pytest
from marked import NAME, ending, running
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy, so that what they make lies elsewhere; what one has found is there for the next."""
    base = tmp_path_factory.mktemp("repository")
    left_out = shutil.ignore_patterns("workspace", "__pycache__", ".ipynb_checkpoints")
    shutil.copytree(ROOT / "notebooks", base / "notebooks", ignore=left_out)
    (base / "tests").mkdir()
    (base / "tests" / "models").symlink_to(ROOT / "tests" / "models")
    return base / "notebooks"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom(folder: Path, path: Path) -> None:
    read: Any = nbformat.read
    book = read(folder / path.name, as_version=4)
    mark = uuid.uuid4().hex
    where = {"metadata": {"path": str(folder)}}
    with ending(mark):
        NotebookClient(book, timeout=240, kernel_name="python3", resources=where).execute(
            env={**os.environ, NAME: mark}
        )
        failed = [
            output["evalue"]
            for cell in book.cells
            for output in cell.get("outputs", ())
            if output["output_type"] == "error"
            and "raises-exception" not in cell.metadata.get("tags", ())
        ]
        assert not failed
        until = time.monotonic() + 60
        while left := running(mark):
            assert time.monotonic() < until, left
            time.sleep(0.2)
