"""The embedder: the mean of tokens' vectors.

The package's files are read, and the package itself is not imported: its import sets up the root
logger, and its loader looks for the tokenizer in a folder that the wheel does not have, and then on
the internet. Its own `WordLlamaInference.embed` gives the same vectors; a test compares.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from toolkit.errors import ModelError
from toolkit.stages.embedding import Embedder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["WordLlamaEmbedder"]

_WEIGHTS = "weights/l2_supercat_256.safetensors"
_TOKENIZER = "tokenizers/l2_supercat_tokenizer_config.json"


class WordLlamaEmbedder(Embedder):
    """Vectors of 256 numbers. Weights are read when they are first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loaded: tuple[Any, NDArray[np.float16]] | None = None

    def identity(self) -> dict[str, JsonValue]:
        return {"wordllama": importlib.metadata.version("wordllama")}

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        import numpy as np

        tokenizer, table = self._load()
        vectors = np.zeros((len(texts), table.shape[1]), np.float32)
        for row, text in zip(vectors, texts, strict=True):
            # One by one: encode_batch has threads, which make a later fork complain.
            tokens = tokenizer.encode(text, add_special_tokens=False).ids
            if tokens:
                row[:] = table[tokens].mean(axis=0, dtype=np.float32)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        lengths[lengths == 0] = 1
        unit: NDArray[np.float32] = vectors / lengths
        return unit

    def _load(self) -> tuple[Any, NDArray[np.float16]]:
        with self._lock:
            if self._loaded is None:
                from safetensors.numpy import load_file
                from tokenizers import Tokenizer

                tokenizer = Tokenizer.from_file(str(_file(_TOKENIZER)))
                tokenizer.no_truncation()
                tokenizer.no_padding()
                self._loaded = tokenizer, load_file(_file(_WEIGHTS))["embedding.weight"]
            return self._loaded

    def close(self) -> None:
        with self._lock:
            self._loaded = None


def _file(name: str) -> Path:
    spec = importlib.util.find_spec("wordllama")
    for folder in (spec.submodule_search_locations if spec else None) or ():
        if (path := Path(folder, name)).is_file():
            return path
    raise ModelError(
        f"The package wordllama has no file {name}.",
        hint="Install it anew: pip install --force-reinstall 'wordllama>=0.4,<0.5'",
    )
