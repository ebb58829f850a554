"""A new plugin of every kind: built, installed, tested by its own tests, and used in a run."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from toolkit.hooks.starter import STARTERS, write_starter
from toolkit.testing.clips import random_shots, write_film
from toolkit.testing.server import serve

pytestmark = pytest.mark.slow
NAME = "fresh"


@dataclass(frozen=True)
class Place:
    """An environment with a new plugin of every kind, and a folder with a film."""

    python: Path
    homes: dict[str, Path]
    folder: Path

    def toolkit(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run("-m", "toolkit.cli", *words, cwd=self.folder)

    def run(self, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [self.python, *words], cwd=cwd, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done

    def analyzed(self, *words: str) -> list[dict[str, Any]]:
        """The scenes of a run on the film, or on another source that is named first."""
        source = [] if words[0].find("://") > 0 else ["film.mp4"]
        more = [] if "--analyzer" in words else ["--analyzer", "signals"]
        workspace = ["--workspace", f"work-{abs(hash(words))}"]
        run = self.toolkit("analyze", *source, *words, *more, *workspace, "--json")
        said = json.loads(run.stdout)
        assert not said["failures"]
        store = [word for word in words if word.startswith("store.")]
        options = [part for value in store for part in ("--set", value)]
        shown = self.toolkit("show", said["run"], *workspace, *options, "--json")
        [video] = json.loads(shown.stdout)["videos"]
        scenes: list[dict[str, Any]] = video["scenes"]
        assert scenes
        return scenes


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    root = tmp_path_factory.mktemp("starters")
    venv.create(root / "venv", with_pip=False)
    site = next((root / "venv" / "lib").glob("python*/site-packages"))
    # All that is installed here is there as well; pip leaves it alone, for nothing is asked of it.
    ours = [path for path in sys.path if path.endswith("site-packages")]
    (site / "ours.pth").write_text("\n".join(f"import site; site.addsitedir({p!r})" for p in ours))
    homes = {kind: write_starter(kind, NAME, root)[0] for kind in STARTERS}
    python = root / "venv" / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    options = ["--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    subprocess.run([*pip, *options, *map(str, homes.values())], check=True)
    rng = random.Random(7)
    write_film(root / "film.mp4", random_shots(rng, 3), rng=rng)
    return Place(python, homes, root)


@pytest.mark.parametrize("kind", STARTERS)
def test_its_own_tests_pass(place: Place, kind: str) -> None:
    done = place.run("-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=place.homes[kind])
    assert " passed" in done.stdout


def test_it_is_tidy(place: Place) -> None:
    rules = ["--isolated", "--line-length", "100"]
    chosen = ["--select", "B,D1,E,F,N,PIE,PL,RET,RUF,SIM,UP,W"]
    left_out = ["--ignore", "D105,D107,PLC0415,PLR2004"]
    modules = [home / f"{home.name.replace('-', '_')}.py" for home in place.homes.values()]
    tests = [home / "tests" for home in place.homes.values()]
    commands: list[list[str | Path]] = [
        ["check", *rules, *chosen, *left_out, *modules],
        ["check", *rules, "--select", "B,E,F,RUF,UP,W", *tests],
        ["format", "--check", *rules, *modules, *tests],
    ]
    for words in commands:
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *words], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_it_is_checked_by_its_name(place: Place) -> None:
    for name in (f"tags.{NAME}", f"listen_{NAME}"):
        found = place.toolkit("plugins", "check", name, "--json")
        assert json.loads(found.stdout)["plugins"][0]["failed"] == 0


def test_a_tagger_tags(place: Place) -> None:
    scenes = place.analyzed("--set", f"tags.plugin={NAME}")
    assert {tag["label"] for scene in scenes for tag in scene["tags"]} == {NAME}


def test_an_embedder_compares(place: Place) -> None:
    labels = place.folder / "labels.toml"
    labels.write_text('[[label]]\nname = "an unlikely word"\n', encoding="utf-8")
    options = [f"tags.vocabulary={labels}", "tags.plugin=labels", f"embedding.plugin={NAME}"]
    options.append("tags.labels.scorer=similarity")
    place.analyzed(*(part for one in options for part in ("--set", one)))
    found = place.toolkit("plugins", "check", f"embedding.{NAME}", "--json")
    assert json.loads(found.stdout)["plugins"][0]["failed"] == 0


def test_an_analyzer_answers(place: Place) -> None:
    scenes = place.analyzed("--analyzer", NAME)
    assert all(0 < scene["signals"][NAME] < 1 for scene in scenes)


def test_a_decoder_decodes(place: Place) -> None:
    place.analyzed("--set", f"decode.plugin={NAME}")


def test_a_scene_detector_detects(place: Place) -> None:
    place.analyzed("--set", f"scenes.plugin={NAME}")


def test_a_downloader_fetches(place: Place) -> None:
    with serve(place.folder) as web:
        place.analyzed(
            web.url("film.mp4"),
            *("--set", f"download.plugin={NAME}"),
            *("--set", f"download.{NAME}.host=127.0.0.1"),
            *("--set", f"download.{NAME}.allow_private_hosts=yes"),
        )
        assert web.asked("film.mp4")


def test_a_store_keeps_a_run(place: Place) -> None:
    place.analyzed("--set", f"store.plugin={NAME}")
    assert (place.folder / f"{NAME}.db").stat().st_size > 10_000


def test_a_storage_holds_a_film_that_is_analyzed(place: Place) -> None:
    chosen = ("--set", f"storage.plugin={NAME}")
    place.toolkit("upload", "film.mp4", "--to", f"{NAME}://films/", *chosen)
    place.analyzed(f"{NAME}://films/film.mp4", *chosen)


def test_a_listener_hears_the_run(place: Place) -> None:
    words = ("analyze", "film.mp4", "--analyzer", "signals", "--log-level", "info")
    assert "scan took" in place.toolkit(*words).stderr
