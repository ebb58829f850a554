"""Where a model's files are, which ones they are, and whether they may be loaded. No torch here."""

from __future__ import annotations

import hashlib
import json
import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.errors import MissingExtraError, ModelError

__all__ = ["FAMILY", "PINNED", "Weights", "check", "content_hash", "ways_out"]

log = logging.getLogger(__name__)

PINNED = {"Qwen/Qwen2-VL-2B-Instruct": "895c3a49bc3fa70a340399125c650a463535e71c"}
"""Hub id -> the commit that is loaded where no revision is named."""
SIZES = {"Qwen/Qwen2-VL-2B-Instruct": "about 4.4 GB"}
FAMILY = ("qwen2_vl", "qwen2_5_vl")
"""Values of ``model_type`` in config.json whose prompts, frames and caches work as ours do."""

_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w.-]+")
_TEXT_FILES = (
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
    "config.json",
    "generation_config.json",
    "merges.txt",
    "model.safetensors.index.json",
    "preprocessor_config.json",
    "processor_config.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "video_preprocessor_config.json",
    "vocab.json",
)
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
_WHOLE_BYTES = 64 * 2**20
_STRIDE_BYTES, _BLOCK_BYTES = 4 * 2**20, 4096


@dataclass(frozen=True)
class Weights:
    """A model as the user names it.

    Attributes:
        model: A hub id or a folder, as written.
        place: Where a folder of that name would be.
        is_folder: Whether there is one.
        revision: The commit, tag or branch of a hub id; "" for a folder.
    """

    model: str
    place: Path
    is_folder: bool
    revision: str

    @classmethod
    def of(cls, model: str, revision: str, base: Path) -> Weights:
        """The model of this name; a folder, counted from ``base``, comes before a hub id."""
        place = base / Path(model).expanduser()
        if place.is_dir():
            return cls(model, place, True, "")
        return cls(model, place, False, revision or PINNED.get(model, "main"))

    def identity(self) -> str:
        """Names the model's content without loading it and without the network.

        A folder is named by a hash of its files. A hub id is named by its revision as configured,
        whether the files are here already or not, so that the first download changes nothing; a
        branch that moves on is therefore not noticed, a commit cannot move.
        """
        if self.is_folder:
            return content_hash(self.place)
        return f"{self.model}@{self.revision}"

    def fetch(self, *, local_files_only: bool) -> tuple[Path, str]:
        """The folder with the files, and what they are: a commit, or a hash of the content.

        Raises:
            ModelError: They are not to be had.
        """
        if self.is_folder:
            return self.place, content_hash(self.place)
        if not _HUB_ID.fullmatch(self.model):
            raise ModelError(
                f"There is no model folder {self.place}.", hint=ways_out(), model=self.model
            )
        try:
            import huggingface_hub
        except ImportError as error:
            raise MissingExtraError("qwen2vl", "qwen2vl", cause=error) from error
        try:
            folder = self._download(huggingface_hub, local_files_only=local_files_only)
        except Exception as error:  # the hub, the network, the disk and proxies fail in many ways
            raise ModelError(
                f"The model '{self.model}' at revision {self.revision} is not on this machine "
                f"(neither fetched before nor as {self.place}) and could not be fetched "
                f"({_first_line(error)}).",
                hint=ways_out(self.model, self.revision),
                retriable=not local_files_only,
                model=self.model,
                revision=self.revision,
            ) from error
        return folder, folder.name

    def _download(self, hub: Any, *, local_files_only: bool) -> Path:
        wanted = {
            "revision": self.revision,
            "allow_patterns": [*_TEXT_FILES, "*.safetensors"],
        }
        try:
            here = Path(hub.snapshot_download(self.model, **wanted, local_files_only=True))
            # The hub's library only knows what is missing if it began the download itself.
            if local_files_only or _has_weights(here):
                return here
        except FileNotFoundError:
            if local_files_only:
                raise
        # One quick question first: the download itself tries again for most of a minute.
        hub.model_info(self.model, revision=self.revision, timeout=10)
        size = SIZES.get(self.model, "several GB")
        log.warning("Fetching the model %s (%s); this happens once", self.model, size)
        bars = not hub.utils.are_progress_bars_disabled()
        hub.utils.disable_progress_bars()
        try:
            return Path(hub.snapshot_download(self.model, **wanted))
        finally:
            if bars:
                hub.utils.enable_progress_bars()


def content_hash(folder: Path) -> str:
    """Names a model folder's content: its config, tokenizer and processor files and its weights.

    Weight files above 64 MiB are sampled, 4 KiB of every 4 MiB and the end: with the files' sizes
    this tells checkpoints apart in well under a second, though not a change of a few bytes.
    """
    name = hashlib.blake2b(digest_size=16)
    files = [folder / text for text in _TEXT_FILES] + sorted(folder.glob("*.safetensors"))
    for file in files:
        if not file.is_file():
            continue
        size = file.stat().st_size
        name.update(f"{file.name}\0{size}\0".encode())
        with file.open("rb") as stream:
            if size <= _WHOLE_BYTES:
                name.update(stream.read())
                continue
            for position in (*range(0, size, _STRIDE_BYTES), size - _BLOCK_BYTES):
                stream.seek(position)
                name.update(stream.read(_BLOCK_BYTES))
    return f"content:{name.hexdigest()}"


def check(folder: Path, model: str) -> None:
    """Refuse what must not be loaded, before anything of it is.

    Raises:
        ModelError: Not of this family, asks for code of its own, or has no safetensors.
    """
    config = _json(folder / "config.json", model)
    for file in folder.glob("*config.json"):
        if '"auto_map"' in file.read_text(encoding="utf-8", errors="replace"):
            raise ModelError(
                f"The model '{model}' asks to run code of its own ('auto_map' in {file.name}).",
                hint="Such code is never run. " + ways_out(),
                model=model,
            )
    kind = config.get("model_type")
    if kind not in FAMILY:
        raise ModelError(
            f"The model '{model}' is a '{kind}', not one of the Qwen-VL family this analyzer "
            f"runs ({', '.join(FAMILY)}).",
            hint=ways_out(),
            model=model,
        )
    if not any(folder.glob("*.safetensors")):
        pickles = sorted(file.name for name in _PICKLES for file in folder.glob(name))
        reason = (
            f"only has pickle files ({', '.join(pickles)}), which can run code when opened"
            if pickles
            else "has no weights (*.safetensors)"
        )
        raise ModelError(f"The model '{model}' {reason}.", hint=ways_out(), model=model)
    # Without these transformers makes a tokenizer that knows no words, and says nothing.
    if not any((folder / file).is_file() for file in ("tokenizer.json", "vocab.json")):
        raise ModelError(
            f"The model '{model}' has no tokenizer (tokenizer.json, or vocab.json and merges.txt).",
            hint=ways_out(),
            model=model,
        )


def _has_weights(folder: Path) -> bool:
    index = folder / "model.safetensors.index.json"
    shards = {"model.safetensors"}
    if index.is_file():
        shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    return all((folder / shard).is_file() for shard in shards)


def ways_out(model: str = "", revision: str = "") -> str:
    """What a person can do who lacks a model: fetch it, name another, or do without."""
    if model not in SIZES and not revision:
        model = next(iter(PINNED))
        revision = PINNED[model]
    command = f"hf download {model}" + (f" --revision {revision}" if revision else "")
    return (
        f"Fetch the model where there is a network, with `{command}` "
        f"({SIZES.get(model, 'several GB')}); or set model in [analysis] to a folder that holds "
        "one; or do without: --analyzer signals needs no model."
    )


def _json(file: Path, model: str) -> dict[str, Any]:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"The model '{model}' cannot be used: {file.name} cannot be read "
            f"({_first_line(error)}).",
            hint=ways_out(),
            model=model,
        ) from error
    if not isinstance(data, dict):
        raise ModelError(
            f"The model '{model}' cannot be used: {file.name} holds no JSON object.",
            hint=ways_out(),
            model=model,
        )
    return data


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
