"""What the documentation says holds: code compiles or runs, links lead somewhere, commands exist.

Every Python block in the README, CONTRIBUTING and docs/ has to compile. The blocks of a page that
stand after a line ``<!-- run -->`` are run, in their order and as one script, in an empty folder
that holds ``talks/intro.mp4`` (three scenes) and a ``config.ini`` that needs no model.
"""

from __future__ import annotations

import ast
import random
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer

from toolkit.cli.app import app

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(
    r"^(?P<run><!-- run -->\n\n?)?(?P<indent> *)```(?P<language>\w*)[^\n]*\n"
    r"(?P<code>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
LINK = re.compile(
    r"(?<!!)\[[^\]]+\]\((?!https?:|mailto:|#)(?P<target>[^)#\s]+)(?P<anchor>#[^)]*)?\)"
)
CONFIG = """
[analysis]
plugin = signals
"""


@dataclass(frozen=True)
class Block:
    """A piece of code on a page."""

    page: Path
    line: int
    language: str
    code: str
    run: bool

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT).as_posix()}:{self.line}"


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            page=page,
            line=text.count("\n", 0, match.start("code")) + 1,
            language=match["language"],
            code=textwrap.dedent(match["code"]),
            run=bool(match["run"]),
        )
        for match in FENCE.finditer(text)
    ]


BLOCKS = [block for page in PAGES for block in blocks_of(page)]
PYTHON = [block for block in BLOCKS if block.language in {"python", "py"}]
CONSOLE = [block for block in BLOCKS if block.language in {"console", "sh", "bash", "shell"}]
RUNNABLE = sorted({block.page for block in PYTHON if block.run})


def commands(block: Block) -> list[str]:
    """The lines a person types: those after `$ `, or all where none has a prompt."""
    lines = block.code.splitlines()
    typed = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    return typed or lines


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_python_compiles(block: Block) -> None:
    # Notebook cells may await at the top level.
    compile(block.code, str(block), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@pytest.fixture(scope="module")
def intro(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from toolkit.testing.clips import random_shots, write_film

    path = tmp_path_factory.mktemp("talks") / "intro.mp4"
    rng = random.Random(7)
    write_film(path, random_shots(rng, 3), rng=rng)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_python_runs(page: Path, intro: Path, tmp_path: Path) -> None:
    (tmp_path / "talks").mkdir()
    shutil.copy(intro, tmp_path / "talks")
    (tmp_path / "config.ini").write_text(CONFIG, encoding="utf-8")
    script = tmp_path / "page.py"
    script.write_text(
        "\n".join(block.code for block in PYTHON if block.page == page and block.run),
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, script.name], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("block", CONSOLE, ids=str)
def test_make_targets_exist(block: Block) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for command in commands(block):
        if command.startswith("make "):
            words = command.partition("#")[0].split()[1:]
            wanted = {word for word in words if re.fullmatch("[a-z-]+", word)}
            assert wanted <= targets


@pytest.mark.parametrize("block", CONSOLE, ids=str)
def test_commands_and_their_flags_exist(block: Block) -> None:
    for line in commands(block):
        words = shlex.split(line.partition("  #")[0])
        if not words or words.pop(0) != "toolkit":
            continue
        command: Any = typer.main.get_command(app)
        while words and words[0] in getattr(command, "commands", {}):
            command = command.commands[words.pop(0)]
        command.make_context("toolkit", words).close()  # parses, and runs nothing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    prose = FENCE.sub("", page.read_text(encoding="utf-8"))
    for match in LINK.finditer(prose):
        assert (page.parent / match["target"]).exists(), match["target"]
