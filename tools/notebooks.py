"""The notebooks: ``strip`` takes out what running them leaves, ``render`` writes them as pages."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbconvert import HTMLExporter

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "notebooks"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["strip", "render"])
    parser.add_argument("--to", type=Path, default=ROOT / "site" / "notebooks")
    arguments = parser.parse_args()
    for path in sorted(FOLDER.glob("*.ipynb")):
        if arguments.what == "strip":
            strip(path)
        else:
            render(path, arguments.to)
    return 0


def strip(path: Path) -> None:
    book: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    for cell in book["cells"]:
        tags = cell["metadata"].get("tags")
        cell["metadata"] = {"tags": tags} if tags else {}
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    book["metadata"] = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    text = json.dumps(book, ensure_ascii=False, indent=1, sort_keys=True)
    path.write_text(f"{text}\n", encoding="utf-8")


def render(path: Path, to: Path) -> None:
    """Run it, and write it with its outputs as a page that stands alone."""
    read: Any = nbformat.read
    book = read(path, as_version=4)
    where = {"metadata": {"path": str(path.parent)}}
    NotebookClient(book, timeout=600, kernel_name="python3", resources=where).execute()
    for cell in book.cells:
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            if "text/html" in data:  # what a widget shows without a kernel
                data.pop("application/vnd.jupyter.widget-view+json", None)
    exporter: Any = HTMLExporter
    page, _ = exporter().from_notebook_node(book)
    to.mkdir(parents=True, exist_ok=True)
    (to / f"{path.stem}.html").write_text(page, encoding="utf-8")
    print(to / f"{path.stem}.html")


if __name__ == "__main__":
    sys.exit(main())
