"""Where a model's files are, which ones they are, and how they get here. No torch here."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import logging
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from toolkit.errors import CancelledError, MissingExtraError, ModelError
from toolkit.stages.component import Cancel
from toolkit_analyze_qwen2vl.catalogue import CATALOGUE
from toolkit_analyze_qwen2vl.checking import INDEX
from toolkit_analyze_qwen2vl.ways import first_line, size_of, ways_out

__all__ = ["Weights", "content_hash"]

log = logging.getLogger(__name__)

Report = Callable[[int, int | None], None]

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
_WANTED = [*_TEXT_FILES, "*.safetensors"]
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
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
        known = CATALOGUE.get(model)
        return cls(model, place, False, revision or (known.commit if known else "") or "main")

    def identity(self) -> str:
        """Names the model's content without loading it and without the network.

        A folder is named by a hash of its files. A hub id is named by its revision as configured,
        whether the files are here already or not, so that the first download changes nothing; a
        branch that moves on is therefore not noticed, a commit cannot move.
        """
        if self.is_folder:
            return content_hash(self.place)
        return f"{self.model}@{self.revision}"

    def here(self) -> tuple[Literal["yes", "partly", "no"], Path]:
        """Whether the files are on this machine, and the folder where they are or would be.

        Asks neither the network nor the hub's library: the layout of its cache is public.
        See https://huggingface.co/docs/huggingface_hub/guides/manage-cache.
        """
        if self.is_folder:
            return "yes" if _is_whole(self.place) else "partly", self.place
        home = Path(os.environ.get("HF_HOME") or "~/.cache/huggingface").expanduser()
        cache = Path(os.environ.get("HF_HUB_CACHE") or home / "hub").expanduser()
        folder = cache / f"models--{self.model.replace('/', '--')}"
        ref = folder / "refs" / self.revision
        commit = ref.read_text(encoding="utf-8").strip() if ref.is_file() else self.revision
        snapshot = folder / "snapshots" / commit
        if _is_whole(snapshot):
            return "yes", snapshot
        return ("partly", snapshot) if any(folder.glob("blobs/*")) else ("no", cache)

    def fetch(self, cancel: Cancel, *, local_files_only: bool) -> tuple[Path, str]:
        """The folder with the files, and what they are: a commit, or a hash of the content.

        Raises:
            ModelError: They are not to be had.
            CancelledError: ``cancel`` was set while they were on their way.
        """
        if self.is_folder:
            return self.place, content_hash(self.place)
        self._make_sure_of_a_name()
        state, folder = self.here()
        if state != "yes":
            if local_files_only:
                raise self._absent("it was not to be fetched", retriable=False)
            log.warning(
                "Fetching the model %s (%s); this happens once", self.model, size_of(self.model)
            )
            folder = self.pull(lambda *_: None, cancel)
        return folder, folder.name

    def pull(self, report: Report, cancel: Cancel) -> Path:
        """Fetch what is not here yet.

        Args:
            report: Told how many bytes came, and how many will.
            cancel: Ends it.

        Raises:
            ModelError: It is not to be had, or there is no room for it.
            CancelledError: ``cancel`` was set.
        """
        self._make_sure_of_a_name()
        try:
            import huggingface_hub as hub
        except ImportError as error:
            raise MissingExtraError("qwen2vl", "qwen2vl", cause=error) from error
        wanted: dict[str, Any] = {"revision": self.revision, "allow_patterns": _WANTED}
        try:
            # One quick question first: the download itself tries again for most of a minute.
            hub.model_info(self.model, revision=self.revision, timeout=10)
            dry = {"dry_run": True, "tqdm_class": _bar(lambda _: None)}
            files = hub.snapshot_download(self.model, **dry, **wanted)
            needed = sum(file.file_size or 0 for file in files if file.will_download)
            self._make_sure_of_room(needed)
            bar = _bar(lambda done: _tell(done, needed, report, cancel))
            folder = hub.snapshot_download(self.model, tqdm_class=bar, **wanted)
        except (ModelError, CancelledError):
            raise
        except Exception as error:  # the hub, the network, the disk and proxies fail in many ways
            if isinstance(error, OSError) and error.errno in _FULL:
                raise self._no_room(f"the disk is full: {error.strerror}") from error
            raise self._absent(first_line(error), retriable=True) from error
        report(needed, needed)
        return Path(folder)

    def _make_sure_of_a_name(self) -> None:
        if not _HUB_ID.fullmatch(self.model):
            raise ModelError(
                f"There is no model folder {self.place}.", hint=ways_out(), model=self.model
            )

    def _make_sure_of_room(self, needed: int) -> None:
        place = self.here()[1]
        there = next(each for each in (place, *place.parents) if each.is_dir())
        free = shutil.disk_usage(there).free
        if needed > free:
            raise self._no_room(f"{needed / 1e9:.2f} GB are to come and {free / 1e9:.2f} GB free")

    def _no_room(self, reason: str) -> ModelError:
        return ModelError(
            f"There is no room for the model '{self.model}' at {self.here()[1]} ({reason}).",
            hint="Free some, or set the environment variable HF_HOME to a folder on another disk.",
            model=self.model,
        )

    def _absent(self, reason: str, *, retriable: bool) -> ModelError:
        return ModelError(
            f"The model '{self.model}' at revision {self.revision} is not on this machine "
            f"(neither fetched before nor as {self.place}) and could not be fetched ({reason}).",
            hint=ways_out(self.model, self.revision),
            retriable=retriable,
            model=self.model,
            revision=self.revision,
        )


def _tell(done: int, total: int, report: Report, cancel: Cancel) -> None:
    cancel.check()
    report(min(done, total), total)


def _bar(report: Callable[[int], None]) -> Any:
    """What the hub's library takes for a progress bar; shows nothing, and tells us the bytes."""
    from tqdm.std import tqdm

    class Bar(tqdm):  # type: ignore[misc]
        monitor_interval = 0  # no thread that watches it

        def __init__(self, *args: Any, **options: Any) -> None:
            options.pop("name", None)
            super().__init__(*args, **{**options, "file": io.StringIO(), "disable": False})

        def update(self, n: float | None = 1) -> None:
            super().update(n)
            if self.unit == "B":
                report(int(self.n))

    return Bar


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


def _is_whole(folder: Path) -> bool:
    """Whether no file is missing, as far as can be told without the hub."""
    shards = {"model.safetensors"}
    if (folder / INDEX).is_file():
        try:
            index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
            shards = set(index["weight_map"].values())
        except (ValueError, LookupError, TypeError, AttributeError):
            return False
    has_words = any((folder / name).is_file() for name in ("tokenizer.json", "vocab.json"))
    has_config = (folder / "config.json").is_file()
    return has_words and has_config and all((folder / shard).is_file() for shard in shards)
