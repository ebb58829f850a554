"""`toolkit plugins`: what is there, a new one, and whether one does what it must."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from mongodb import data_folder
from pymongo import MongoClient

from toolkit.hooks.specs import KINDS, LIFECYCLE
from toolkit.hooks.starter import STARTERS
from toolkit.testing.mongod import NoMongodError, binary, mongod

TAGGER = """
from toolkit import Tag, TaggerPlugin, hookimpl
from toolkit.stages.tags import FunctionTagger


def dogs(scene, analysis):
    if "dog" in analysis.description:
        yield Tag("dog", score=0.9, why="mentions a dog")


@hookimpl
def toolkit_taggers():
    yield TaggerPlugin(
        name="dogs", factory=lambda options, context: FunctionTagger(dogs), summary="finds dogs"
    )
"""
LISTENER = """
from toolkit import hookimpl


@hookimpl
def toolkit_after_stage(stage, item_id, seconds):
    {body}
"""


def test_every_hook_has_a_kind_to_begin_with(toolkit: Any) -> None:
    hooks = set()
    for kind, starter in STARTERS.items():
        assert toolkit("plugins", "new", "mine", "--kind", kind).code == 0
        module = starter.module("mine")
        tree = ast.parse(Path(module.replace("_", "-"), f"{module}.py").read_text())
        hooks |= {one.name for one in tree.body if isinstance(one, ast.FunctionDef)}
    assert hooks >= {*(kind.hook for kind in KINDS), *LIFECYCLE}


def test_nothing_is_overwritten(toolkit: Any) -> None:
    assert toolkit("plugins", "new", "sports", "--into", "mine").code == 0
    file = Path("mine/toolkit-tag-sports/toolkit_tag_sports.py")
    file.write_text("# my work\n")
    again = toolkit("plugins", "new", "sports", "--into", "mine")
    assert again.code == 2
    assert "is there already" in again.err
    assert file.read_text() == "# my work\n"


@pytest.mark.parametrize("name", ["Sports", "my-plugin", "../x", "1st", "class", ""])
def test_a_name_that_cannot_be_written_in_a_config_is_refused(toolkit: Any, name: str) -> None:
    ended = toolkit("plugins", "new", "--", name)
    assert ended.code == 2
    assert "cannot be a plugin's name" in ended.err
    assert not [*Path().iterdir()]


def test_an_unknown_kind_is_answered_with_the_nearest(toolkit: Any) -> None:
    ended = toolkit("plugins", "new", "x", "--kind", "tager")
    assert ended.code == 2
    assert "Did you mean 'tagger'" in ended.err


def test_options_before_the_command_are_not_swallowed(toolkit: Any) -> None:
    ended = toolkit("plugins", "--json", "new", "x")
    assert ended.code == 2
    assert "--json stands before 'new'" in ended.err
    assert not Path("toolkit-tag-x").exists()


@pytest.mark.slow
def test_a_plugin_file_is_checked(toolkit: Any, tmp_path: Path) -> None:
    (tmp_path / "dogs.py").write_text(TAGGER)
    good = toolkit("plugins", "check", "dogs.py", "--json")
    [found] = good.data["plugins"]
    assert good.code == 0
    assert (found["stage"], found["name"], found["failed"]) == ("tags", "dogs", 0)
    assert found["passed"] >= 10

    (tmp_path / "dogs.py").write_text(TAGGER.replace("mentions a dog", ""))
    bad = toolkit("plugins", "check", "dogs.py")
    assert bad.code == 1
    assert "finds tags that say why" in bad.out


@pytest.mark.slow
def test_a_listener_is_found_in_the_folder_and_checked(toolkit: Any, tmp_path: Path) -> None:
    (tmp_path / "config.ini").write_text("[plugins]\nfolder = mine\n")
    (tmp_path / "mine").mkdir()
    file = tmp_path / "mine" / "loud.py"
    file.write_text(LISTENER.format(body="pass"))
    assert str(file) in toolkit("plugins", "--json").data["listeners"]
    assert toolkit("plugins", "check", "loud").code == 0

    file.write_text(LISTENER.format(body="raise RuntimeError(stage)"))
    bad = toolkit("plugins", "check", "loud", "--details")
    assert bad.code == 1
    assert "RuntimeError" in bad.out


@pytest.mark.slow
def test_a_plugin_whose_suite_cannot_end_is_a_failure(toolkit: Any, tmp_path: Path) -> None:
    (tmp_path / "dogs.py").write_text(
        TAGGER.replace("def dogs(scene, analysis):", "def dogs(scene, analysis):\n    exit_now()")
        + "\n\ndef exit_now():\n    import os\n    os._exit(7)\n"
    )
    ended = toolkit("plugins", "check", "dogs.py")
    assert ended.code == 1
    assert "code 7" in ended.out


def test_what_needs_a_place_says_so(toolkit: Any) -> None:
    for name in ("fsspec", "mongodb"):
        ended = toolkit("plugins", "check", name)
        assert ended.code == 2
        assert "--place" in ended.err


@pytest.mark.slow
def test_a_storage_is_checked_where_it_may_write(toolkit: Any, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    ended = toolkit("plugins", "check", "storage.fsspec", "--place", f"file://{tmp_path}/there/")
    assert ended.code == 0, ended.out


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_server_is_checked_in_databases_of_its_own(toolkit: Any, tmp_path: Path) -> None:
    try:
        binary()
    except NoMongodError as reason:
        pytest.skip(str(reason))
    with data_folder(tmp_path / "server") as folder, mongod(folder) as server:
        ended = toolkit("plugins", "check", "mongodb", "--place", f"{server.uri}/{{}}", "--json")
        [found] = ended.data["plugins"]
        client: Any = MongoClient(server.uri)
        with client:
            names = set(client.list_database_names()) - {"admin", "config", "local"}
    assert found["passed"] > 50
    assert not names


@pytest.mark.slow
def test_without_a_name_those_that_the_config_chooses_are_checked(
    toolkit: Any, tmp_path: Path
) -> None:
    (tmp_path / "config.ini").write_text(
        "[analysis]\nplugin = qwen2vl\n[storage]\nplugin = fsspec\n[plugins]\n"
        "disabled = pyav, http, ytdlp, planes, sqlite, wordllama\n"
    )
    found = toolkit("plugins", "check", "--json")
    rows = {one["name"]: one for one in found.data["plugins"]}
    assert rows.keys() == {"rules", "fsspec", "qwen2vl"}
    assert rows["rules"]["passed"] > 10
    assert "--place" in rows["fsspec"]["why"]
    assert "model" in rows["qwen2vl"]["why"]


def test_a_broken_plugin_is_named_with_its_reason(toolkit: Any, tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("import nothing_of_this_name\n")
    ended = toolkit("plugins", "check", "bad", "--set", f"plugins.folder={tmp_path}")
    assert ended.code == 2
    assert "nothing_of_this_name" in ended.err
    missing = toolkit("plugins", "check", "ruls")
    assert "Did you mean 'rules'" in missing.err
