"""The site: its order, its links, and what on it is made from what there is."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import typer
import yaml
from pydantic import BaseModel

from toolkit.cli.app import app
from toolkit.config.section import Section
from toolkit.config.settings import Settings
from toolkit.hooks.manager import PluginManager

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, check=False, cwd=ROOT
    )


def pages_of(nav: Any) -> Iterator[str]:
    for entry in nav if isinstance(nav, list) else nav.values():
        yield from [entry] if isinstance(entry, str) else pages_of(entry)


def test_every_page_is_in_the_menu_once() -> None:
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    there = [path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")]
    assert sorted(pages_of(nav)) == sorted(there)


@pytest.mark.parametrize(
    ("tool", "target"), [("import_diagram.py", "diagram"), ("licences.py", "licences")]
)
def test_what_is_made_is_as_it_would_be_made_now(tool: str, target: str) -> None:
    done = run(ROOT / "tools" / tool, "--check")
    assert done.returncode == 0, f"{done.stderr.strip()} (make {target})"


FINDING = {"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["2.0"]}


@pytest.mark.parametrize(
    ("package", "words", "code", "says"),
    [
        ({"vulns": []}, [], 0, "1 packages audited, 0 could not be, 0 open"),
        ({"vulns": [FINDING]}, [], 1, "NOT EXPLAINED"),
        ({"skip_reason": "not found"}, [], 0, "NOTHING WAS AUDITED"),
        ({"skip_reason": "not found"}, ["--require"], 2, "NOTHING WAS AUDITED"),
    ],
)
def test_an_audit_that_asked_nobody_is_not_a_clean_one(
    tmp_path: Path, package: dict[str, Any], words: list[str], code: int, says: str
) -> None:
    report = tmp_path / "report.json"
    one = {"name": "some", "version": "1.0", **package}
    report.write_text(json.dumps({"dependencies": [one]}), encoding="utf-8")
    done = run(ROOT / "tools" / "audit.py", "--report", report, *words)
    assert done.returncode == code
    assert says in done.stdout


class Page(HTMLParser):
    """The links, the anchors and the text of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.text: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" or (tag == "a" and name == "name"):
                self.anchors.add(value or "")
            elif name in {"href", "src"} and value:
                self.links.append(value)

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Page]:
    """The pages of the site, built strictly."""
    folder = tmp_path_factory.mktemp("site")
    done = run("-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder)
    assert done.returncode == 0, done.stderr[-4000:]
    return {path: Page(path) for path in folder.rglob("*.html") if path.name != "404.html"}


@pytest.mark.slow
def test_links_and_anchors_lead_somewhere_without_the_internet(site: dict[Path, Page]) -> None:
    lost = []
    for path, page in site.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            anchor = unquote(parts.fragment)
            if not target.exists() or (
                anchor and target in site and anchor not in site[target].anchors
            ):
                lost.append(f"{path}: {link}")
    assert not lost


@pytest.mark.slow
def test_the_site_loads_nothing_from_elsewhere(site: dict[Path, Page]) -> None:
    for path in site:
        text = path.read_text(encoding="utf-8")
        assert '<script src="http' not in text, path
        assert 'rel="stylesheet" href="http' not in text, path


def commands(command: Any, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield words, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*words, name))


@pytest.mark.slow
def test_every_option_and_every_setting_is_on_the_site(site: dict[Path, Page]) -> None:
    by_name = {path.parent.name: page for path, page in site.items()}
    said = " ".join(by_name["commands"].text).split()
    for words, command in commands(typer.main.get_command(app), ("toolkit",)):
        assert words[-1] in said
        for one in command.params:
            names = [name for name in one.opts if name.startswith("--")]
            known = {"--help", "--version", "--install-completion", "--show-completion"}
            assert set(names) - known <= {word.strip(",") for word in said}, words
    keys = set(" ".join(by_name["settings"].text).split())
    plugins = PluginManager()
    plugins.load_entry_points()
    sections: dict[str, type[BaseModel]] = {
        name: info.annotation
        for name, info in Settings.model_fields.items()
        if isinstance(info.annotation, type) and issubclass(info.annotation, Section)
    }
    for stage, models in plugins.option_models().items():
        sections |= {f"{stage}.{name}": model for name, model in models.items()}
    for name, model in sections.items():
        assert f"[{name}]" in keys or not model.model_fields
        assert {*model.model_fields} <= keys
