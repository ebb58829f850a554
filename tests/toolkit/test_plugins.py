"""How plugins join, and how a broken one is kept from doing harm."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest

import toolkit as tk
from toolkit.hooks.manager import PluginManager, configure
from toolkit.stages.tags import FunctionTagger, Tagger

PLUGIN = """
from toolkit import Tag, TaggerPlugin, hookimpl
from toolkit.stages.tags import FunctionTagger

def everywhere(scene, analysis):
    yield Tag("everywhere")

@hookimpl
def toolkit_taggers():
    yield TaggerPlugin(name="everywhere", factory=lambda o, c: FunctionTagger(everywhere))
"""


def manager(folder: Path, **files: str) -> PluginManager:
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    plugins = PluginManager()
    plugins.load_entry_points()
    plugins.load_folder(folder)
    return plugins


def test_a_folder_of_files_is_loaded(tmp_path: Path) -> None:
    plugins = manager(tmp_path, good=PLUGIN)
    assert plugins.get("tags", "everywhere").stage == "tags"
    assert plugins.broken == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import nothing_of_this_name", "nothing_of_this_name"),
        ("def (", "SyntaxError"),
        (PLUGIN.replace("toolkit_taggers", "toolkit_tagers"), "Did you mean 'toolkit_taggers'"),
        (PLUGIN.replace("toolkit_taggers()", "toolkit_taggers(wrong)"), "wrong"),
        (PLUGIN.replace("@hookimpl\n", ""), "@hookimpl"),
        (PLUGIN.replace("yield TaggerPlugin(", "yield dict("), "TaggerPlugin"),
        (PLUGIN.replace('name="everywhere"', 'name="rules"'), "toolkit_tag_rules"),
    ],
)
def test_a_broken_plugin_is_listed_and_the_rest_works(
    tmp_path: Path, text: str, reason: str
) -> None:
    plugins = manager(tmp_path, bad=text, good=PLUGIN.replace("everywhere", "elsewhere"))
    (broken,) = plugins.broken
    assert "bad.py" in broken.provider + broken.reason
    assert reason in broken.reason
    assert plugins.get("tags", "elsewhere").name == "elsewhere"
    assert plugins.get("tags", "rules").summary


def test_a_plugin_can_be_switched_off(tmp_path: Path) -> None:
    (tmp_path / "noisy.py").write_text("raise SystemError('must not be loaded')")
    plugins = PluginManager(disabled=["noisy", "tag_rules"])
    plugins.load_entry_points()
    plugins.load_folder(tmp_path)
    assert plugins.broken == []
    with pytest.raises(tk.PluginError, match="no plugin 'rules'"):
        plugins.get("tags", "rules")


def test_a_misspelt_name_is_answered_with_the_nearest(film: Path, workspace: Path) -> None:
    with pytest.raises(tk.PluginError, match="Did you mean 'signals'"):
        tk.analyze(film, workspace=workspace, analyzer="signal", progress=False)


def test_missing_libraries_name_the_command(film: Path, workspace: Path) -> None:
    def make(options: tk.Options, context: tk.Context) -> Tagger:
        raise ModuleNotFoundError("No module named 'fancy'", name="fancy")

    tk.register(tk.TaggerPlugin(name="fancy", factory=make, extra="fancy"))
    with pytest.raises(tk.MissingExtraError, match=r"pip install 'video-analysis-toolkit\[fancy"):
        tk.analyze(film, workspace=workspace, analyzer="signals", progress=False)


def test_options_reach_the_plugin(film: Path, workspace: Path) -> None:
    seen: list[Any] = []

    class Loudness(tk.Options):
        level: int = 1

    @tk.tagger
    class loud(Tagger):  # noqa: N801 - the class's name is the plugin's
        Options = Loudness

        def __init__(self, options: Loudness) -> None:
            seen.append(options.level)

        def tag(self, scene: tk.Scene, analysis: tk.Analysis, video: tk.Video) -> list[tk.Tag]:
            return []

    common: dict[str, Any] = {"workspace": workspace, "analyzer": "signals", "progress": False}
    tk.analyze(film, **common, tags={"loud": {"level": 7}})
    assert seen == [7]
    with pytest.raises(tk.ConfigError, match="Did you mean 'level'"):
        tk.analyze(film, **common, tags={"loud": {"lvel": 7}})


def test_a_tag_must_be_a_tag(film: Path, workspace: Path) -> None:
    tk.tagger(lambda scene, analysis: ["just text"])
    run = tk.analyze(film, workspace=workspace, analyzer="signals", progress=False)
    assert set(run.failures["error"]) == {"TagError"}
    assert "not a Tag" in run.failures["message"][0]


def test_lifecycle_hooks_hear_the_run(film: Path, workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "listener.py").write_text(
        "from toolkit import hookimpl\n"
        "heard = []\n"
        "@hookimpl\n"
        "def toolkit_after_stage(stage, item_id, seconds):\n"
        "    heard.append(stage)\n"
        "@hookimpl\n"
        "def toolkit_on_stage_error(stage, item_id, error):\n"
        "    heard.append(type(error).__name__)\n"
        "    raise RuntimeError('a failing listener harms nobody')\n"
    )
    settings, plugins, _ = configure(
        None,
        {
            "paths": {"workspace": workspace},
            "plugins": {"folder": str(tmp_path)},
            "analysis": {"plugin": "signals"},
        },
    )
    from toolkit.execution.api import start

    run = start([film, __file__], settings, plugins).wait()
    listener = next(
        m for m in plugins._manager.get_plugins() if getattr(m, "heard", None) is not None
    )
    assert set(listener.heard) == {"acquire", "scan", "analyze", "tag", "NotAVideoError"}
    assert len(run.scenes) == 3


def test_an_edited_function_has_another_identity() -> None:
    def one(scene: tk.Scene, analysis: tk.Analysis) -> tk.Tag:
        return tk.Tag("one")

    def two(scene: tk.Scene, analysis: tk.Analysis) -> tk.Tag:
        return tk.Tag("two")

    def threshold(value: float) -> Any:
        return lambda scene, analysis: tk.Tag("x") if value > 1 else None

    identities = [
        json.dumps(FunctionTagger(f).identity()) for f in (one, two, threshold(1), threshold(2))
    ]
    assert len(set(identities)) == 4
    assert FunctionTagger(one).identity() == FunctionTagger(one).identity()


@pytest.mark.slow
def test_installed_distributions_join_and_broken_ones_do_no_harm(
    film: Path, tmp_path: Path
) -> None:
    """Two real distributions in a real environment: a good one, and one that cannot be imported."""
    home = tmp_path / "venv"
    venv.create(home, with_pip=False, system_site_packages=False)
    site = next((home / "lib").glob("python*/site-packages"))
    ours = [path for path in sys.path if path.endswith("site-packages")]
    (site / "ours.pth").write_text("\n".join(f"import site; site.addsitedir({p!r})" for p in ours))
    for name, text in {"good": PLUGIN, "bad": "import nothing_of_this_name"}.items():
        (site / f"dummy_{name}.py").write_text(text)
        info = site / f"dummy_{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: dummy-{name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[toolkit]\ndummy_{name} = dummy_{name}\n")
        (info / "RECORD").write_text("")
    code = (
        "import toolkit as tk\n"
        f"run = tk.analyze({str(film)!r}, analyzer='signals', progress=False,\n"
        f"    workspace={str(tmp_path / 'workspace')!r}, tags={{'plugin': 'everywhere'}})\n"
        "print(run.tags['label'].to_list())\n"
    )
    done = subprocess.run(
        [str(home / "bin" / "python"), "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "['everywhere', 'everywhere', 'everywhere']"
    assert "dummy_bad" in done.stderr
