"""Loading the Qwen2-VL analyzer's model: from the hub, and what must not or cannot be loaded."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from toolkit.errors import ModelError
from toolkit.hooks.specs import Context
from toolkit.records import Ask
from toolkit.stages.analysis import Analyzer, Look
from toolkit.stages.component import Cancel
from toolkit.testing.analyzers import sample_frames
from toolkit_analyze_qwen2vl import Qwen2VLOptions, make

TINY = Path(__file__).parents[1] / "models" / "tiny-qwen2vl"
COLOUR = Ask(kind="question", name="What colour is the shape?")


def build(base: Path, **options: Any) -> Analyzer:
    return make(
        Qwen2VLOptions(**{"model": str(TINY), "device": "cpu"} | options), Context(base, base)
    )


def edit(file: str, **values: Any) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        data = json.loads((folder / file).read_text())
        (folder / file).write_text(json.dumps(data | values))

    return damage


def write(file: str, content: bytes) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        (folder / file).write_bytes(content)

    return damage


def remove(pattern: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        for file in folder.glob(pattern):
            file.unlink()

    return damage


def truncate(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:2_000_000])


def lose_tensors(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = dict(list(load_file(folder / "model.safetensors").items())[:-3])
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def lose_a_shard(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.rename(folder / "model-00001-of-00002.safetensors")
    index = {"metadata": {}, "weight_map": {"lost.weight": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def keep_pickles_only(folder: Path) -> None:
    import torch

    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")


REMOTE_CODE = {"AutoModelForImageTextToText": "modeling_own.OwnModel"}
DAMAGE: dict[str, tuple[Callable[[Path], None], str]] = {
    "truncated weights": (truncate, "cannot be loaded"),
    "corrupt weights": (write("model.safetensors", b"\xff" * 5000), "cannot be loaded"),
    "empty weights": (write("model.safetensors", b""), "cannot be loaded"),
    "missing tensors": (lose_tensors, "3 tensors are missing"),
    "missing shard": (lose_a_shard, "cannot be loaded"),
    "pickles only": (keep_pickles_only, r"only has pickle files \(pytorch_model.bin\)"),
    "no weights": (remove("*.safetensors"), "has no weights"),
    "code of its own": (edit("config.json", auto_map=REMOTE_CODE), "run code of its own"),
    "a processor's own code": (
        edit("processor_config.json", auto_map={"AutoProcessor": "own.OwnProcessor"}),
        "run code of its own",
    ),
    "another architecture": (edit("config.json", model_type="llava"), "is a 'llava'"),
    "no config": (remove("config.json"), "config.json cannot be read"),
    "a broken config": (write("config.json", b"{"), "config.json cannot be read"),
    "a config of another kind": (write("config.json", b"[]"), "no JSON object"),
    "other sizes": (edit("config.json", vision_config={"depth": 9}), "cannot be loaded"),
    "no tokenizer": (remove("tokenizer*"), "has no tokenizer"),
    "no processor": (remove("processor_config.json"), "cannot be loaded"),
    "no chat template": (remove("chat_template.*"), "cannot be loaded"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_model_that_cannot_be_used_says_why_and_what_to_do(tmp_path: Path, name: str) -> None:
    damage, reason = DAMAGE[name]
    damage(Path(shutil.copytree(TINY, tmp_path / "model")))
    with build(tmp_path, model="model") as analyzer:
        look = Look(sample_frames(), analyzer.asks([COLOUR]))
        with pytest.raises(ModelError, match=reason) as caught:
            list(analyzer.analyze([look], "f", Cancel()))
    assert_ways_out(caught.value)


def assert_ways_out(error: ModelError) -> None:
    assert error.hint
    for way in ("hf download Qwen/Qwen2-VL-2B-Instruct", "4.4 GB", "folder", "--analyzer signals"):
        assert way in error.hint


@pytest.mark.parametrize("model", ["./no/such/folder", "/no/such/folder", "no-such-folder"])
def test_a_missing_folder_is_told_from_a_hub_id(tmp_path: Path, model: str) -> None:
    with build(tmp_path, model=model) as analyzer:
        analyzer.identity()
        look = Look(sample_frames(), analyzer.asks([COLOUR]))
        with pytest.raises(ModelError, match="no model folder") as caught:
            list(analyzer.analyze([look], "f", Cancel()))
    assert_ways_out(caught.value)


def test_a_device_that_is_not_there_is_named(tmp_path: Path) -> None:
    with build(tmp_path, device="cuda:99") as analyzer:
        look = Look(sample_frames(), analyzer.asks([COLOUR]))
        with pytest.raises(ModelError, match="no device 'cuda:99'") as caught:
            list(analyzer.analyze([look], "f", Cancel()))
    assert "auto" in str(caught.value.hint)


COMMIT = "0123456789abcdef0123456789abcdef01234567"
HUB_SCRIPT = """
import json, logging, sys
from pathlib import Path
from toolkit.errors import ModelError
from toolkit.hooks.specs import Context
from toolkit.records import Ask
from toolkit.stages.analysis import Look
from toolkit.stages.component import Cancel
from toolkit.testing.analyzers import sample_frames
from toolkit_analyze_qwen2vl import Qwen2VLOptions, make
from toolkit_analyze_qwen2vl.weights import Weights
logging.basicConfig(level=logging.ERROR)
options = Qwen2VLOptions(**json.loads(sys.argv[1]), device="cpu")
analyzer = make(options, Context(Path.cwd(), Path.cwd()))
before = analyzer.identity()
asks = analyzer.asks([Ask(kind="question", name="What colour is the shape?")])
look = Look(sample_frames(), asks)
try:
    if sys.argv[2] == "look":
        [[answer]] = analyzer.analyze([look], "f", Cancel())
        said = {"revision": answer.evidence.revision}
    else:  # what a look does first, without the seconds that importing torch takes
        weights = Weights.of(options.model, options.revision, Path.cwd())
        said = {"revision": weights.fetch(local_files_only=options.local_files_only)[1]}
except ModelError as error:
    said = {"error": error.message, "hint": error.hint, "retriable": error.retriable}
assert analyzer.identity() == before
assert make(options, Context(Path.cwd(), Path.cwd())).identity() == before
print(json.dumps(said | {"model": before["model"]}))
"""


class FakeHub(BaseHTTPRequestHandler):
    """As much of the hub's interface as fetching one model takes."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        file = TINY / self.path.rpartition("/")[2]
        if self.path.startswith(f"/api/models/some/tiny/tree/{COMMIT}"):
            tree = [
                {"type": "file", "path": each.name, "size": each.stat().st_size, "oid": each.name}
                for each in TINY.iterdir()
            ]
            self.reply(json.dumps(tree).encode())
        elif self.path.startswith("/api/models/some/tiny"):
            self.reply(json.dumps({"id": "some/tiny", "sha": COMMIT, "siblings": []}).encode())
        elif self.path.startswith(f"/some/tiny/resolve/{COMMIT}/") and file.is_file():
            self.reply(file.read_bytes(), etag=file.name)
        else:
            self.send_error(404)

    do_HEAD = do_GET  # noqa: N815 - the base's name

    def reply(self, body: bytes, etag: str = "") -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Repo-Commit", COMMIT)
        if etag:
            self.send_header("ETag", f'"{etag}"')
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Keep stderr clean."""


def with_hub(
    tmp_path: Path, endpoint: str, *, look: bool = False, **options: Any
) -> dict[str, Any]:
    """What an analyzer in a process of its own does with this hub: fetch a model, or use it."""
    done = subprocess.run(
        [sys.executable, "-c", HUB_SCRIPT, json.dumps(options), "look" if look else ""],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={
            **{name: value for name, value in os.environ.items() if "proxy" not in name.lower()},
            "HF_HOME": str(tmp_path / "hub"),
            "HF_ENDPOINT": endpoint,
            "HF_HUB_OFFLINE": "0",
        },
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    said: dict[str, Any] = json.loads(done.stdout)
    return said


@pytest.mark.slow
def test_a_hub_id_is_fetched_once_and_then_needs_no_hub(tmp_path: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), FakeHub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        endpoint = f"http://127.0.0.1:{server.server_port}"
        fetched = with_hub(tmp_path, endpoint, look=True, model="some/tiny", revision="main")
        # As another program leaves it that only wanted the tokenizer.
        shutil.rmtree(next((tmp_path / "hub").rglob("trees")))
        next((tmp_path / "hub").rglob("model.safetensors")).unlink()
        assert with_hub(tmp_path, endpoint, model="some/tiny", revision="main") == fetched
        server.shutdown()
    assert fetched["revision"] == COMMIT
    assert fetched["model"] == "some/tiny@main"
    assert any("model.safetensors" in path for path in FakeHub.asked)
    assert with_hub(tmp_path, endpoint, model="some/tiny", revision="main") == fetched
    pinned = with_hub(tmp_path, endpoint, model="some/tiny", revision=COMMIT, local_files_only=True)
    assert pinned == fetched | {"model": f"some/tiny@{COMMIT}"}


@pytest.mark.parametrize("local_files_only", [False, True])
def test_no_hub_and_no_copy_is_one_clear_error(tmp_path: Path, local_files_only: bool) -> None:
    said = with_hub(tmp_path, "http://127.0.0.1:9", look=True, local_files_only=local_files_only)
    assert "Qwen/Qwen2-VL-2B-Instruct" in said["error"]
    assert "not on this machine" in said["error"]
    assert "hf download Qwen/Qwen2-VL-2B-Instruct --revision 895c3a49" in said["hint"]
    assert said["retriable"] is not local_files_only
