"""Joining clusters that are there, from processes of their own as people do, and being refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ray_head import Head, environment

pytestmark = pytest.mark.slow

JOIN = """
import json, sys
from toolkit.errors import ClusterError
from toolkit.execution.ray.connect import connect
from toolkit.hooks.manager import configure

settings, plugins, _ = configure(arguments=json.loads(sys.argv[1]))
try:
    connection = connect(settings, plugins)
except ClusterError as error:
    print(json.dumps({"error": str(error)}))
    sys.exit()

def look():
    import sys
    import toolkit
    from toolkit.execution.ray.shipping import plugin_folder
    from toolkit.hooks.manager import configure
    folder = plugin_folder(configure()[0])
    settings, plugins, _ = configure(arguments={"plugins": {"folder": str(folder)}})
    return {
        "toolkit": toolkit.__file__,
        "python": sys.executable,
        "taggers": [plugin.name for plugin, _ in plugins.plugins("tags")],
        "stores": [plugin.name for plugin, _ in plugins.plugins("store")],
        "broken": [str(one) for one in plugins.broken],
    }

with connection:
    import ray
    found = ray.get(ray.remote(look).remote())
print(json.dumps({**found, "started": connection.started}))
"""

TAGGER = """
from toolkit import TaggerPlugin, hookimpl

@hookimpl
def toolkit_taggers():
    yield TaggerPlugin(name="NAME", factory=lambda options, context: None, summary="")
"""


def join(
    folder: Path, head: Head, env: dict[str, str] | None = None, **sections: dict[str, str]
) -> Any:
    ray = {"address": head.address, "token_file": str(head.token_file), **sections.pop("ray", {})}
    arguments = {"paths": {"workspace": str(folder / "workspace")}, "ray": ray, **sections}
    done = subprocess.run(
        [sys.executable, "-c", JOIN, json.dumps(arguments)],
        cwd=folder,
        env=environment(**env or {}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_our_code_and_all_plugins_reach_workers_that_have_none(head: Head, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "of_folder.py").write_text(TAGGER.replace("NAME", "of_folder"))
    site = tmp_path / "site"
    about = site / "acme_tags-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-tags\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[toolkit]\nacme = acme_tags\n")
    (site / "acme_tags.py").write_text(TAGGER.replace("NAME", "of_acme"))
    found = join(
        tmp_path, head, {"PYTHONPATH": str(site)}, plugins={"folder": str(tmp_path / "mine")}
    )
    assert not found["started"]
    assert found["python"].startswith(str(head.token_file.parent))
    assert "py_modules" in found["toolkit"]
    assert {"of_acme", "of_folder", "rules"} <= set(found["taggers"])
    assert {"mongodb", "sqlite"} <= set(found["stores"])
    assert not found["broken"]


def test_a_cluster_without_the_toolkit_says_so(head: Head, tmp_path: Path) -> None:
    refused = join(tmp_path, head, ray={"ship": "nothing"})["error"]
    assert "not installed" in refused
    assert "ship = code" in refused


@pytest.mark.parametrize(
    ("settings", "env", "said"),
    [
        ({"token_file": ""}, {"RAY_AUTH_TOKEN": "0" * 64}, "does not take our token"),
        ({"token_file": ""}, {"RAY_AUTH_MODE": "disabled"}, "does not take our token"),
        ({"token_file": ""}, {"RAY_AUTH_MODE": "token", "HOME": "/nonexistent"}, "no token to use"),
        ({"token_file": "none"}, {}, "cannot be read"),
        ({"address": "127.0.0.1:1"}, {}, "No Ray cluster answers"),
        ({"address": "nohost.invalid:6379"}, {}, "No Ray cluster answers"),
    ],
)
def test_a_refusal_says_what_is_wrong_and_no_secret(
    head: Head, tmp_path: Path, settings: dict[str, str], env: dict[str, str], said: str
) -> None:
    refused = join(tmp_path, head, env, ray=settings)["error"]
    assert said in refused
    assert "0" * 64 not in refused


def test_the_token_may_come_from_the_environment(head: Head, tmp_path: Path) -> None:
    env = {"RAY_AUTH_TOKEN": head.token_file.read_text()}
    assert "py_modules" in join(tmp_path, head, env, ray={"token_file": ""})["toolkit"]


def test_the_environment_may_name_the_cluster(head: Head, tmp_path: Path) -> None:
    found = join(tmp_path, head, {"RAY_ADDRESS": head.address}, ray={"address": ""})
    assert not found["started"]
