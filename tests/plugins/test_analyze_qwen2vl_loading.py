"""Loading the Qwen2-VL analyzer's model: from the hub, and what must not or cannot be loaded."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hub import COMMIT, NAME, hub, with_hub

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


HEADER = (2).to_bytes(8, "little")
GPTQ = "quantised by gptq, which needs gptqmodel and optimum"
REMOTE_CODE = {"AutoModelForImageTextToText": "modeling_own.OwnModel"}
DAMAGE: dict[str, tuple[Callable[[Path], None], str]] = {
    "truncated weights": (truncate, r"is damaged: model.safetensors has 2000000 of \d+ bytes"),
    "corrupt weights": (write("model.safetensors", b"\xff" * 5000), "is no safetensors file"),
    "corrupt header": (write("model.safetensors", HEADER + b"{]"), "has a damaged header"),
    "empty weights": (write("model.safetensors", b""), "is no safetensors file"),
    "missing tensors": (lose_tensors, "3 tensors are missing"),
    "missing shard": (lose_a_shard, "is incomplete: model-00002-of-00002.safetensors is missing"),
    "quantised": (edit("config.json", quantization_config={"quant_method": "gptq"}), GPTQ),
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
    for way in (
        "toolkit models pull Qwen/Qwen2-VL-2B-Instruct",
        "4.4 GB",
        "folder",
        "--analyzer signals",
    ):
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
        said = {"revision": weights.fetch(Cancel(), local_files_only=options.local_files_only)[1]}
except ModelError as error:
    said = {"error": error.message, "hint": error.hint, "retriable": error.retriable}
assert analyzer.identity() == before
assert make(options, Context(Path.cwd(), Path.cwd())).identity() == before
print(json.dumps(said | {"model": before["model"]}))
"""


def fetched(tmp_path: Path, endpoint: str, *, look: bool = False, **options: Any) -> dict[str, Any]:
    """What an analyzer in a process of its own does with this hub: fetch a model, or use it."""
    words = ["-c", HUB_SCRIPT, json.dumps(options), "look" if look else ""]
    done = with_hub(words, tmp_path, endpoint)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    said: dict[str, Any] = json.loads(done.stdout)
    return said


@pytest.mark.slow
def test_a_hub_id_is_fetched_once_and_then_needs_no_hub(tmp_path: Path) -> None:
    with hub(TINY) as served:
        first = fetched(tmp_path, served.endpoint, look=True, model=NAME, revision="main")
        # As another program leaves it that only wanted the tokenizer.
        shutil.rmtree(next((tmp_path / "hub").rglob("trees")))
        next((tmp_path / "hub").rglob("model.safetensors")).unlink()
        assert fetched(tmp_path, served.endpoint, model=NAME, revision="main") == first
    assert first["revision"] == COMMIT
    assert first["model"] == f"{NAME}@main"
    assert any("model.safetensors" in path for path in served.asked)
    assert fetched(tmp_path, served.endpoint, model=NAME, revision="main") == first
    pinned = fetched(tmp_path, served.endpoint, model=NAME, revision=COMMIT, local_files_only=True)
    assert pinned == first | {"model": f"{NAME}@{COMMIT}"}


@pytest.mark.parametrize("local_files_only", [False, True])
def test_no_hub_and_no_copy_is_one_clear_error(tmp_path: Path, local_files_only: bool) -> None:
    said = fetched(tmp_path, "http://127.0.0.1:9", look=True, local_files_only=local_files_only)
    assert "Qwen/Qwen2-VL-2B-Instruct" in said["error"]
    assert "not on this machine" in said["error"]
    assert "toolkit models pull Qwen/Qwen2-VL-2B-Instruct" in said["hint"]
    assert said["retriable"] is not local_files_only
