"""``toolkit models``: a real client of the hub against a hub on this machine, and its faults."""

from __future__ import annotations

import json
import resource
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hub import COMMIT, NAME, Hub, hub, with_hub

TINY = Path(__file__).parents[2] / "models" / "tiny-qwen2vl"


def models(folder: Path, served: Hub | None, *words: str, **options: Any) -> Any:
    endpoint = served.endpoint if served else "http://127.0.0.1:9"
    return with_hub(["-m", "toolkit.cli", "models", *words], folder, endpoint, **options)


def data(ended: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def listed(folder: Path, *words: str) -> dict[str, Any]:
    ended = models(folder, None, "list", "--json", *words)
    assert ended.returncode == 0, ended.stderr
    return {info["name"]: info for info in data(ended)["models"]}


def blobs(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("blobs/*") if file.is_file()]


def test_list_says_what_models_take_and_what_is_here(tmp_path: Path) -> None:
    known = listed(tmp_path, "--set", f"analysis.model={TINY}")
    assert known[str(TINY)]["here"] == "yes"
    assert known[str(TINY)]["chosen"]
    assert 2_000_000 < known[str(TINY)]["memory_bytes"] < known[str(TINY)]["size_bytes"]
    large = known["Qwen/Qwen2-VL-72B-Instruct"]
    assert large["here"] == "no"
    assert not large["chosen"]
    assert large["licence"] == "tongyi-qianwen"
    assert large["size_bytes"] < large["memory_bytes"]
    assert known["Qwen/Qwen2-VL-72B-Instruct-AWQ"]["size_bytes"] < large["size_bytes"] / 3
    shown = models(tmp_path, None, "list")
    assert "Qwen/Qwen2-VL-2B-Instruct" in shown.stdout
    assert "apache-2.0" in shown.stdout


def test_a_model_is_pulled_once_checked_and_then_used_without_a_hub(tmp_path: Path) -> None:
    with hub(TINY) as served:
        ended = models(tmp_path, served, "pull", NAME, "--json")
        assert ended.returncode == 0, ended.stderr
        pulled = data(ended)
        served.asked.clear()
        assert models(tmp_path, served, "pull", NAME).returncode == 0
        assert not any(path.startswith("GET") and "/resolve/" in path for path in served.asked)
    assert pulled["here"] == "yes"
    assert Path(pulled["place"]).name == COMMIT
    assert pulled["size_bytes"] > (TINY / "model.safetensors").stat().st_size
    assert listed(tmp_path, "--set", f"analysis.model={NAME}")[NAME]["here"] == "yes"
    ended = models(tmp_path, None, "check", NAME, "--json")
    assert ended.returncode == 0, ended.stdout
    assert "model.safetensors" in {check["what"] for check in data(ended)["checks"]}


@pytest.mark.slow
def test_a_download_that_breaks_off_leaves_nothing_half_and_goes_on_later(tmp_path: Path) -> None:
    with hub(TINY) as served:
        served.cut["model.safetensors"] = 2_000_000
        ended = models(tmp_path, served, "pull", NAME)
        assert ended.returncode == 1
        assert "could not be fetched" in ended.stderr
        assert f"toolkit models pull {NAME}" in ended.stderr
        assert all(file.stat().st_size < 1_000_000 for file in blobs(tmp_path))
        assert listed(tmp_path, "--set", f"analysis.model={NAME}")[NAME]["here"] == "partly"
        ended = models(tmp_path, None, "check", NAME)
        assert ended.returncode == 1
        assert "has no weights" in ended.stdout
        served.cut.clear()
        served.asked.clear()
        assert models(tmp_path, served, "pull", NAME).returncode == 0
        assert not any(path.startswith("GET") and "tokenizer" in path for path in served.asked)


def test_a_model_larger_than_the_disk_is_not_begun(tmp_path: Path) -> None:
    with hub(TINY) as served:
        served.sizes["model.safetensors"] = 10**15
        ended = models(tmp_path, served, "pull", NAME)
    assert ended.returncode == 1
    assert "There is no room" in ended.stderr
    assert "HF_HOME" in ended.stderr
    assert not blobs(tmp_path)


def test_a_disk_that_fills_up_is_told_and_nothing_half_is_left(tmp_path: Path) -> None:
    def small_files_only() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))

    with hub(TINY) as served:
        ended = models(tmp_path, served, "pull", NAME, preexec_fn=small_files_only)
    assert ended.returncode == 1
    assert "There is no room" in ended.stderr
    assert all(file.stat().st_size < 1_000_000 for file in blobs(tmp_path))


STOPPED = """
from pathlib import Path
from toolkit.errors import CancelledError
from toolkit.hooks.specs import Context
from toolkit.stages.component import Cancel
from toolkit_analyze_qwen2vl import Qwen2VLOptions, models
cancel = Cancel()
cancel.set()
try:
    models(Qwen2VLOptions(), Context(Path(), Path())).pull("some/tiny", "", print, cancel)
except CancelledError:
    print("stopped")
"""


def test_a_pull_can_be_stopped(tmp_path: Path) -> None:
    with hub(TINY) as served:
        ended = with_hub(["-c", STOPPED], tmp_path, served.endpoint)
    assert ended.stdout == "stopped\n", ended.stderr
    assert all(file.stat().st_size < 1_000_000 for file in blobs(tmp_path))


def test_a_model_that_the_hub_does_not_have_is_one_clear_error(tmp_path: Path) -> None:
    with hub(TINY) as served:
        ended = models(tmp_path, served, "pull", "some/other")
    assert ended.returncode == 1
    assert "some/other" in ended.stderr
    assert "Traceback" not in ended.stderr


DAMAGE: dict[str, tuple[str, Callable[[bytes], bytes], str]] = {
    "cut short": ("model.safetensors", lambda content: content[:-1], "of 5"),
    "another architecture": (
        "config.json",
        lambda content: content.replace(b'"qwen2_vl"', b'"llava"'),
        "is a 'llava'",
    ),
    "code of its own": (
        "config.json",
        lambda content: content.replace(b"{", b'{"auto_map": {"AutoModel": "own.Model"},', 1),
        "asks to run code of its own",
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_check_says_what_is_wrong_with_a_folder(tmp_path: Path, name: str) -> None:
    file, damage, tells = DAMAGE[name]
    folder = Path(shutil.copytree(TINY, tmp_path / "own" / "model"))
    (folder / file).write_bytes(damage((folder / file).read_bytes()))
    ended = models(tmp_path, None, "check", "own/model", "--json")
    assert ended.returncode == 1
    assert any(tells in check["wrong"] for check in data(ended)["checks"]), ended.stdout


def test_check_finds_pickles_in_the_place_of_weights(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(TINY, tmp_path / "own" / "model"))
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    ended = models(tmp_path, None, "check", "own/model")
    assert ended.returncode == 1
    assert "pickle" in ended.stdout


def test_check_finds_a_changed_byte(tmp_path: Path) -> None:
    with hub(TINY) as served:
        served.wrong = {"model.safetensors", "tokenizer_config.json"}
        assert models(tmp_path, served, "pull", NAME).returncode == 0
    ended = models(tmp_path, None, "check", NAME, "--json")
    assert ended.returncode == 1
    wrong = {check["what"] for check in data(ended)["checks"] if check["wrong"]}
    assert wrong == served.wrong


def test_without_a_model_there_is_a_way_out(tmp_path: Path) -> None:
    ended = models(tmp_path, None, "check")
    assert ended.returncode == 1
    assert "toolkit models pull Qwen/Qwen2-VL-2B-Instruct" in ended.stderr
    ended = models(tmp_path, None, "pull", "qwen")
    assert ended.returncode == 2
    assert "Known: " in ended.stderr
