"""Draws what imports what, from the import contracts and from the imports that there are.

    python tools/import_diagram.py          writes docs/architecture.svg
    python tools/import_diagram.py --check  says whether it is as it would be written

A row is a layer of the contract "layers" in pyproject.toml, with the modules that it has; to its
right stand the layers that it really imports. The last row is what the first-party plugins import.
"""

from __future__ import annotations

import sys
import textwrap
import tomllib
from html import escape
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "docs" / "architecture.svg"
DOES = {
    "testing": "suites for plugin authors",
    "cli": "what people use",
    "execution": "where a pipeline runs",
    "exchange": "results as files and back",
    "insight": "what people look at",
    "pipeline": "the stages composed",
    "acquire": "parts of the pipeline",
    "hooks": "how plugins join, what is done",
    "stages": "one contract a file",
    "config": "settings",
    "records": "what flows",
    "errors": "what goes wrong",
    "plugins": "use only what every plugin may use",
}
STYLE = """
text{font:14px sans-serif;fill:#222} .head,.name{font-weight:bold} .does{fill:#555} .back{fill:#fff}
.layer{fill:#e8eef7;stroke:#5b7db1} .apart{fill:#f6eedd;stroke:#b18a3d}
"""
WIDTH, LEFT, MIDDLE, LINE, PAD = 1000, 620, 640, 18, 10


def layers() -> list[list[str]]:
    """The rows of the contract, from above, each with the modules that there are."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    contracts = tomllib.loads(text)["tool"]["importlinter"]["contracts"]
    [contract] = [one for one in contracts if one["id"] == "layers"]
    there = {path.stem for path in (ROOT / "toolkit").iterdir()}
    rows = [[name.strip(" ()") for name in row.split(":")] for row in contract["layers"]]
    return [[name for name in row if name in there] for row in rows]


def imports(rows: list[list[str]]) -> dict[str, set[str]]:
    """The module of each row that comes first, and "plugins" -> modules of the core they import."""
    plugins = sorted(path.name for path in (ROOT / "plugins").glob("toolkit_*"))
    graph = grimp.build_graph("toolkit", *plugins, cache_dir=None)
    row_of = {name: row[0] for row in rows for name in row}
    found: dict[str, set[str]] = {name: set() for name in [*(row[0] for row in rows), "plugins"]}
    for module in graph.modules:
        root, _, rest = module.partition(".")
        own = "plugins" if root != "toolkit" else row_of.get(rest.partition(".")[0], "")
        if not own:
            continue
        for other in graph.find_modules_directly_imported_by(module):
            into, _, name = other.partition(".")
            name = name.partition(".")[0]
            if into == "toolkit" and name in row_of:
                row = name if own == "plugins" else row_of[name]
                found[own] |= {row} - {own}
    return found


def draw(rows: list[list[str]], imported: dict[str, set[str]]) -> str:
    """The picture, as SVG."""
    order = [name for row in rows for name in row]
    parts: list[str] = []
    top = 34
    parts.append(label(20, 22, "layer", "head") + label(MIDDLE + 10, 22, "imports", "head"))
    for row in [*rows, ["plugins"]]:
        first = row[0]
        names = textwrap.wrap(" · ".join(row), 62)
        below = sorted(imported[first], key=order.index)
        lines = textwrap.wrap(", ".join(below) or "nothing of the toolkit", 48)
        height = PAD * 2 + LINE * max(len(names) + 1, len(lines))
        kind = "apart" if first == "plugins" else "layer"
        top += 12 if first == "plugins" else 0
        parts.append(f'<rect class="{kind}" x="10" y="{top}" width="{LEFT}" height="{height}"/>')
        does = next((DOES[name] for name in row if name in DOES), "")
        for number, line in enumerate([*names, does]):
            style = "does" if number == len(names) else "name"
            parts.append(label(20, top + PAD + 13 + LINE * number, line, style))
        for number, line in enumerate(lines):
            parts.append(label(MIDDLE + 10, top + PAD + 13 + LINE * number, line, "does"))
        top += height + 6
    size = f'viewBox="0 0 {WIDTH} {top + 6}"'
    said = "The layers of the toolkit, and what each imports"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{said}">'
    back = f'<rect class="back" width="{WIDTH}" height="{top + 6}"/>'
    return "\n".join([head, f"<style>{STYLE}</style>", back, *parts, "</svg>\n"])


def label(x: int, y: int, text: str, style: str) -> str:
    """A line of text."""
    return f'<text x="{x}" y="{y}" class="{style}">{escape(text)}</text>'


def picture() -> str:
    """The picture as it should be now."""
    rows = layers()
    return draw(rows, imports(rows))


def main() -> None:
    if "--check" in sys.argv:
        if TARGET.read_text(encoding="utf-8") != picture():
            sys.exit("docs/architecture.svg is out of date: make diagram")
        return
    TARGET.write_text(picture(), encoding="utf-8")


if __name__ == "__main__":
    main()
