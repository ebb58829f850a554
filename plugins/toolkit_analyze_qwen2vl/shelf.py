"""The models of the family for ``toolkit models``: listing, fetching, checking."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.errors import ModelError
from toolkit.stages.component import Cancel
from toolkit.stages.download import Progress
from toolkit.stages.models import ModelCheck, ModelInfo, Models
from toolkit_analyze_qwen2vl.catalogue import CATALOGUE
from toolkit_analyze_qwen2vl.checking import damaged_blobs, problems
from toolkit_analyze_qwen2vl.placing import ROOM
from toolkit_analyze_qwen2vl.tensors import Tensors, read_header
from toolkit_analyze_qwen2vl.ways import first_line, ways_out
from toolkit_analyze_qwen2vl.weights import Weights

if TYPE_CHECKING:
    from toolkit_analyze_qwen2vl import Qwen2VLOptions

__all__ = ["FamilyModels"]


class FamilyModels(Models):
    """Qwen-VL models: the one that the options name, and those of the hub that are known."""

    def __init__(self, options: Qwen2VLOptions, base: Path) -> None:
        self._options = options
        self._base = base

    def known(self) -> Sequence[ModelInfo]:
        chosen = self._options.model
        names = [chosen, *(name for name in CATALOGUE if name != chosen)]
        return [self._info(self._weights(name, "")) for name in names]

    def pull(self, name: str, revision: str, progress: Progress, cancel: Cancel) -> ModelInfo:
        weights = self._weights(name, revision)
        if not weights.is_folder:
            weights.pull(progress, cancel)
        return self._info(weights)

    def check(self, name: str, revision: str) -> Sequence[ModelCheck]:
        weights = self._weights(name, revision)
        state, folder = weights.here()
        if state == "no":
            raise ModelError(
                f"The model '{name}' is not on this machine ({folder}).",
                hint=ways_out(name, weights.revision),
                model=name,
            )
        if not folder.is_dir():
            return [ModelCheck(what=str(folder), wrong="was not fetched to its end")]
        return [
            *_files(folder),
            *(ModelCheck(what="model", wrong=each) for each in problems(folder)),
        ]

    def _weights(self, name: str, revision: str) -> Weights:
        if name == self._options.model:
            revision = revision or self._options.revision
        return Weights.of(name, revision, self._base)

    def _info(self, weights: Weights) -> ModelInfo:
        state, folder = weights.here()
        known = CATALOGUE.get(weights.model)
        size = memory = known.size_bytes if known else 0
        if state == "yes":
            size = sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
            try:
                memory = Tensors.of(folder).loaded_bytes(2)
            except (ValueError, OSError):  # damaged: `check` says how
                memory = 0
        return ModelInfo(
            name=weights.model,
            revision=weights.revision,
            licence=known.licence if known else "",
            size_bytes=size,
            memory_bytes=int(memory * ROOM),
            here=state,
            place=str(folder),
            chosen=weights.model == self._options.model,
        )


def _files(folder: Path) -> Sequence[ModelCheck]:
    changed = set(damaged_blobs(folder))
    found = []
    for file in sorted(folder.iterdir()):
        if not file.is_file():
            continue
        wrong = "its content is not what its hash says" if file.name in changed else ""
        if file.suffix == ".safetensors":
            try:
                read_header(file)
            except (ValueError, OSError) as error:
                wrong = first_line(error)
        found.append(ModelCheck(what=file.name, wrong=wrong))
    return found
