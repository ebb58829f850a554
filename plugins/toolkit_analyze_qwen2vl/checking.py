"""Whether a model's files are whole, and whether they may be loaded. No torch here."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from toolkit.errors import ModelError
from toolkit_analyze_qwen2vl.tensors import read_header
from toolkit_analyze_qwen2vl.ways import first_line, ways_out

__all__ = ["FAMILY", "check", "damaged_blobs", "problems"]

FAMILY = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl")
"""Values of ``model_type`` in config.json whose prompts, frames and caches work as ours do."""
INDEX = "model.safetensors.index.json"
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
_QUANTISED = {"awq": ("gptqmodel",), "gptq": ("gptqmodel", "optimum")}
_SHA256, _GIT_SHA1 = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{40}")


def check(folder: Path, model: str, *, by_transformers: bool = True) -> None:
    """Refuse what must not or cannot be loaded, before anything of it is.

    ``by_transformers`` says that transformers will, which needs more libraries for some models.

    Raises:
        ModelError: Not of this family, asks for code of its own, or has no whole safetensors.
    """
    for reason, hint in _reasons(folder, by_transformers=by_transformers):
        raise ModelError(
            f"The model '{model}' {reason}.", hint=f"{hint} {ways_out()}".strip(), model=model
        )


def problems(folder: Path) -> Iterator[str]:
    """All that :func:`check` would refuse."""
    for reason, _ in _reasons(folder, by_transformers=True):
        yield reason


def _reasons(folder: Path, *, by_transformers: bool) -> Iterator[tuple[str, str]]:
    """What is wrong, as what follows the model's name, and what to do about it."""
    config = _json(folder / "config.json")
    if isinstance(config, str):
        yield f"cannot be used: {config}", ""
        return
    for file in sorted(folder.glob("*config.json")):
        if '"auto_map"' in file.read_text(encoding="utf-8", errors="replace"):
            reason = f"asks to run code of its own ('auto_map' in {file.name})"
            yield reason, "Such code is never run."
    kind = config.get("model_type")
    if kind not in FAMILY:
        known = ", ".join(FAMILY)
        yield f"is a '{kind}', not one of the Qwen-VL family this analyzer runs ({known})", ""
    if by_transformers:
        yield from _quantised(config)
    yield from _weights(folder)
    # Without these transformers makes a tokenizer that knows no words, and says nothing.
    if not any((folder / file).is_file() for file in ("tokenizer.json", "vocab.json")):
        yield "has no tokenizer (tokenizer.json, or vocab.json and merges.txt)", ""


def _quantised(config: dict[str, Any]) -> Iterator[tuple[str, str]]:
    quantised = config.get("quantization_config")
    method = quantised.get("quant_method") if isinstance(quantised, dict) else None
    lacking = [
        name for name in _QUANTISED.get(str(method), ()) if importlib.util.find_spec(name) is None
    ]
    if lacking:
        reason = f"is quantised by {method}, which needs {' and '.join(lacking)}"
        yield reason, f"pip install {' '.join(lacking)}"


def _weights(folder: Path) -> Iterator[tuple[str, str]]:
    again = "Fetch it again, with `toolkit models pull`."
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        pickles = sorted(file.name for name in _PICKLES for file in folder.glob(name))
        if pickles:
            names = ", ".join(pickles)
            yield f"only has pickle files ({names}), which can run code when opened", ""
        else:
            yield "has no weights (*.safetensors)", ""
        return
    for file in files:
        try:
            read_header(file)
        except (ValueError, OSError) as error:
            yield f"is damaged: {first_line(error)}", again
    if (folder / INDEX).is_file():
        index = _json(folder / INDEX)
        shards = index.get("weight_map") if isinstance(index, dict) else None
        if not isinstance(shards, dict):
            yield f"is damaged: {INDEX} names no files", again
            return
        for name in sorted(set(map(str, shards.values()))):
            if not (folder / name).is_file():
                yield f"is incomplete: {name} is missing", again


def damaged_blobs(folder: Path) -> Iterator[str]:
    """Names of files whose content is not what the hub's cache names it by.

    The cache keeps a file under its hash: SHA-256 where it is large, git's own where it is small.
    See https://huggingface.co/docs/huggingface_hub/guides/manage-cache.
    """
    for file in sorted(folder.iterdir()):
        name = file.resolve().name
        if _SHA256.fullmatch(name):
            known, content = name, hashlib.sha256()
        elif _GIT_SHA1.fullmatch(name):
            known, content = name, hashlib.sha1(usedforsecurity=False)
            content.update(f"blob {file.stat().st_size}\0".encode())
        else:
            continue
        with file.open("rb") as stream:
            while block := stream.read(2**20):
                content.update(block)
        if content.hexdigest() != known:
            yield file.name


def _json(file: Path) -> dict[str, Any] | str:
    """What a file holds, or what is wrong with it."""
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return f"{file.name} cannot be read ({first_line(error)})"
    return data if isinstance(data, dict) else f"{file.name} holds no JSON object"
