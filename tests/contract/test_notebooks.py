"""The notebooks as they are kept: without outputs, numbered, and listed where people look."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_what_running_it_leaves(path: Path) -> None:
    book: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    for cell in book["cells"]:
        assert not cell.get("outputs"), f"{cell['id']}: run `make notebooks-strip`"
        assert cell.get("execution_count") is None, f"{cell['id']}: run `make notebooks-strip`"
        assert cell["metadata"].keys() <= {"tags"}, cell["id"]
    assert book["metadata"]["kernelspec"]["name"] == "python3"
    assert book["metadata"].keys() == {"kernelspec", "language_info"}
    assert "widgets" not in book["metadata"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_listed_in_the_docs_under_its_title(path: Path) -> None:
    book: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    number, title = "".join(book["cells"][0]["source"]).splitlines()[0].lstrip("# ").split(". ", 1)
    assert path.name.startswith(f"0{number}-")
    page = (ROOT / "docs" / "notebooks.md").read_text(encoding="utf-8")
    assert f"`{path.name}`" in page
    assert title in page
