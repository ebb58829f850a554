"""``toolkit cluster``: jobs on a head without the toolkit, and on a cluster of this machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ray_head import TOKEN, Head, environment

pytestmark = pytest.mark.slow

SCRIPT = """
import os, sys, time
from pathlib import Path
from toolkit.execution.ray.connect import connect
from toolkit.hooks.manager import configure

settings, plugins, _ = configure()
print("plugin", settings.analysis.plugin, "engine", settings.execution.engine)
print("workspace", settings.workspace, "beside", Path("beside.txt").exists())
print("secret", len(os.environ.get("MY_SECRET", "")))
with connect(settings, plugins) as cluster:
    import ray
    print("worker", ray.get(ray.remote(lambda: __import__("toolkit").__file__).remote()))
print("waiting")
time.sleep(float(sys.argv[1]))
print("done")
"""


@pytest.fixture
def study(tmp_path: Path, head: Head) -> Path:
    """A folder with a script, a config and a file."""
    folder = tmp_path / "study"
    folder.mkdir()
    (folder / "study.py").write_text(SCRIPT)
    (folder / "beside.txt").write_text("")
    (folder / "config.ini").write_text(
        f"[analysis]\nplugin = signals\n[ray]\ntoken_file = {head.token_file}\n"
    )
    return folder


def cluster(folder: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "toolkit.cli", "cluster", *words],
        cwd=folder,
        env=environment(**env),
        capture_output=True,
        text=True,
        check=False,
    )
    assert TOKEN not in done.stdout + done.stderr
    return done


def status(folder: Path, head: Head, job: str) -> Any:
    done = cluster(folder, "status", job, "--address", head.dashboard, "--json")
    [found] = json.loads(done.stdout)["jobs"]
    return found


def test_a_script_runs_there_with_its_config_and_our_code(head: Head, study: Path) -> None:
    secret = "correct-horse-battery"
    done = cluster(
        study,
        *("submit", "--address", head.dashboard, "--follow", "--env", "MY_SECRET"),
        *("--", "study.py", "0"),
        MY_SECRET=secret,
    )
    assert done.returncode == 0, done.stderr
    job = done.stdout.splitlines()[0]
    assert "plugin ('signals',) engine ray" in done.stdout
    assert f"workspace {Path.home()}/toolkit-workspace beside False" in done.stdout
    assert f"secret {len(secret)}" in done.stdout
    assert "py_modules" in done.stdout
    found = status(study, head, job)
    assert found["status"] == "succeeded"
    assert found["ended_s"] >= found["began_s"]
    shown = cluster(study, "status", "--address", head.dashboard)
    assert job in shown.stdout
    assert secret not in shown.stdout + json.dumps(found)
    said = cluster(study, "logs", job, "--address", head.dashboard)
    assert said.stdout.endswith("done\n")


def test_a_folder_goes_along_and_a_failure_is_told(head: Head, study: Path) -> None:
    done = cluster(
        study.parent,
        *("submit", "--address", head.dashboard, "--folder", "study", "--follow"),
        *("--set", f"ray.token_file={head.token_file}", "--", "study.py", "nonsense"),
    )
    assert done.returncode == 1
    assert "beside True" in done.stdout
    assert "failed" in done.stderr


def test_a_job_is_stopped_as_by_ctrl_c(head: Head, study: Path) -> None:
    done = cluster(study, "submit", "--address", head.dashboard, "--", "study.py", "600")
    job = done.stdout.strip()
    for _ in range(60):
        if "waiting" in cluster(study, "logs", job, "--address", head.dashboard).stdout:
            break
    stopped = cluster(study, "stop", job, "--address", head.dashboard)
    assert stopped.returncode == 0, stopped.stderr
    assert status(study, head, job)["status"] == "stopped"
    assert "KeyboardInterrupt" in cluster(study, "logs", job, "--address", head.dashboard).stdout
    again = cluster(study, "stop", job, "--address", head.dashboard)
    assert "is over: stopped" in again.stdout


@pytest.mark.parametrize(
    ("words", "env", "said"),
    [
        (["status", "--set", "ray.token_file="], {"RAY_AUTH_TOKEN": "0" * 64}, "take our token"),
        (["status", "nothing"], {}, "no job"),
        (["submit", "--", "none.py"], {}, "no script"),
        (["submit", "--env", "NOT_THERE", "--", "study.py"], {}, "no variable NOT_THERE"),
        (["submit", "--folder", "none", "--", "study.py"], {}, "no folder"),
    ],
)
def test_a_refusal_says_what_is_wrong(
    head: Head, study: Path, words: list[str], env: dict[str, str], said: str
) -> None:
    done = cluster(study, *words, RAY_API_SERVER_ADDRESS=head.dashboard, **env)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_nobody_answers(study: Path) -> None:
    done = cluster(study, "status", "--address", "http://127.0.0.1:9")
    assert done.returncode == 1
    assert "ssh -L 8265" in done.stderr
    assert "No Ray cluster of this machine" in cluster(study, "status").stderr


def test_check_compares_and_lists(head: Head, study: Path) -> None:
    done = cluster(study, "check", "--json", "--set", f"ray.address={head.address}")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["resources"]["CPU"] == 2
    assert found["nodes"] == 1


def test_an_analysis_goes_on_alone_on_a_cluster_of_this_machine(tmp_path: Path, film: Path) -> None:
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "one.mp4").write_bytes(film.read_bytes())
    (tmp_path / "list.txt").write_text(str(film))
    try:
        done = cluster(
            tmp_path,
            *("submit", "--set", "ray.object_store_mb=100", "--follow", "--json", "--"),
            *("analyze", "films/*.mp4", "@list.txt", "--analyzer", "signals"),
            *("--set", "execution.engine=local"),
        )
        assert done.returncode == 0, done.stderr
        run = json.loads(done.stdout)["job"].removeprefix("toolkit-")
        assert f"toolkit-{run}" in cluster(tmp_path, "status", run).stdout
        command = [sys.executable, "-m", "toolkit.cli", "show", run, "--json"]
        shown = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        assert '"duration_s"' in shown.stdout or '"scenes"' in shown.stdout
    finally:
        assert "ended" in cluster(tmp_path, "down").stdout
