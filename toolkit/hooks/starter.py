"""A new plugin to begin with: a small distribution that works, passes its suite, and can be run.

The files are made of the templates in ``starters/``, one module and one test a kind, in which
``$name`` and its like are filled in.
"""

from __future__ import annotations

import importlib.metadata
import keyword
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template

from toolkit.errors import PluginError, choices

__all__ = ["STARTERS", "Starter", "write_starter"]

_TEMPLATES = Path(__file__).parent / "starters"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True)
class Starter:
    """What one kind of plugin begins with.

    Attributes:
        kind: What people call it.
        prefix: What its module's name starts with, after ``toolkit_``.
        does: What the template does, in a few words, for the summary.
        use: A command that uses it.
        check: Options that ``toolkit plugins check NAME`` needs for this kind.
        needs: Distributions that the module imports besides the toolkit.
    """

    kind: str
    prefix: str
    does: str
    use: str
    check: str = ""
    needs: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The kind as people write it."""
        return self.kind.replace("_", " ")

    def module(self, name: str) -> str:
        """The name of the module of a plugin with this name."""
        return f"toolkit_{self.prefix}_{name}"


STARTERS: Mapping[str, Starter] = {
    one.kind: one
    for one in (
        Starter(
            "analyzer",
            "analyze",
            "Measures how bright scenes are",
            "toolkit analyze film.mp4 --analyzer $name",
        ),
        Starter(
            "decoder",
            "decode",
            "Reads files through PyAV",
            "toolkit analyze film.mp4 --set decode.plugin=$name",
            needs=("av>=18",),
        ),
        Starter(
            "downloader",
            "download",
            "Fetches the video files of one site",
            "toolkit analyze https://videos.example.org/film.mp4 --set download.plugin=$name",
        ),
        Starter(
            "embedder",
            "embed",
            "Counts the letters of texts in threes",
            "toolkit analyze film.mp4 --set embedding.plugin=$name",
        ),
        Starter(
            "listener",
            "listen",
            "Logs how long each stage takes",
            "toolkit analyze film.mp4 --log-level info",
        ),
        Starter(
            "scene_detector",
            "scenes",
            "Cuts where frames differ much",
            "toolkit scenes film.mp4 --set scenes.plugin=$name",
        ),
        Starter(
            "storage",
            "storage",
            "Keeps files in a folder as $name://",
            "toolkit upload film.mp4 --to $name://films/ --set storage.plugin=$name",
            check=" --place $name://check/",
        ),
        Starter(
            "store",
            "store",
            "Keeps records in one SQLite file",
            "toolkit analyze film.mp4 --set store.plugin=$name",
        ),
        Starter(
            "tagger",
            "tag",
            "Tags scenes that go on for a while",
            'toolkit analyze film.mp4 --set "tags.plugin=rules, $name"',
        ),
    )
}
"""Kind -> what a plugin of it begins with."""


def write_starter(kind: str, name: str, folder: Path) -> tuple[Path, list[str]]:
    """Write a new plugin's distribution into a folder of its own below ``folder``.

    Args:
        kind: One of :data:`STARTERS`.
        name: What people will write in their config to choose it.
        folder: Where the new folder goes.

    Returns:
        The new folder, and the commands to go on with.

    Raises:
        PluginError: There is no such kind, the name cannot be one, or the folder is there already.
    """
    starter = STARTERS.get(kind)
    if starter is None:
        raise PluginError(f"There is no kind '{kind}'.", hint=choices(kind, STARTERS))
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise PluginError(
            f"'{name}' cannot be a plugin's name.",
            hint="A name has small letters, digits and _, and starts with a letter: sports.",
        )
    module = starter.module(name)
    distribution = module.replace("_", "-")
    home = folder / distribution
    words = _words(starter, name, module, distribution)
    files = {
        "pyproject.toml": _filled("pyproject.toml", words),
        "README.md": _filled("README.md", words),
        f"{module}.py": _filled(f"{kind}.py", words),
        f"tests/test_{name}.py": _filled(f"{kind}_test.py", words),
    }
    try:
        home.mkdir(parents=True)  # what is there is somebody's work
        for path, text in files.items():
            (home / path).parent.mkdir(exist_ok=True)
            (home / path).write_text(text, encoding="utf-8")
    except FileExistsError as error:
        raise PluginError(
            f"{home} is there already.", hint="Choose another name, or another folder with --into."
        ) from error
    except OSError as error:
        raise PluginError(f"{home} cannot be written: {error.strerror}.") from error
    return home, [f"cd {home}", "pip install -e '.[test]'", "pytest", words["check"], words["use"]]


def _words(starter: Starter, name: str, module: str, distribution: str) -> dict[str, str]:
    def filled(text: str) -> str:
        return Template(text).substitute(name=name)

    article = "an" if starter.kind[0] in "aeiou" else "a"
    entry = module.removeprefix("toolkit_")
    checked = entry if starter.kind == "listener" else name
    own = "video-analysis-toolkit"
    version = importlib.metadata.version(own)
    first, second = (int(part) for part in version.split(".")[:2])
    # Until 1.0 a minor version may change what plugins use; from then on a major one.
    limits = f">={first}.{second},<{first}.{second + 1}" if not first else f">={first},<{first + 1}"
    needs = [f"{own}{limits}", *starter.needs]
    return {
        "name": name,
        "Class": "".join(part.capitalize() for part in name.split("_")),
        "module": module,
        "distribution": distribution,
        "entry": entry,
        "summary": filled(starter.does),
        "article": f"{article} {starter.words}",
        "plural": f"{starter.words}s",
        "dependencies": "".join(f'    "{one}",\n' for one in needs),
        "check": f"toolkit plugins check {checked}{filled(starter.check)}",
        "use": filled(starter.use),
    }


def _filled(template: str, words: Mapping[str, str]) -> str:
    text = (_TEMPLATES / f"{template}.txt").read_text(encoding="utf-8")
    return Template(text).substitute(words)
