"""Texts -> vectors: texts that mean the same lie near each other."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from toolkit.errors import EmbeddingError, ToolkitError
from toolkit.stages.component import Component, code_hash

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

__all__ = ["Embedder", "Embeddings", "FunctionEmbedder"]

_KEPT = 4096  # vectors: 4 MB of 256 numbers each


class Embedder(Component):
    """Makes vectors of texts. Called from several threads.

    What changes the vectors, such as a model's name and revision, belongs into :meth:`identity`.
    """

    remote = False
    """Whether texts leave this machine: then ``[privacy] remote`` has to allow it."""

    @abstractmethod
    def embed(self, texts: Sequence[str]) -> Vectors:
        """One vector a text, in order, of length 1: their products are cosines.

        A text in which there is nothing has a vector of zeros. Each text's vector is its own: it
        does not depend on the others.

        Args:
            texts: Any number of texts, of any length.

        Returns:
            An array (texts, dimensions) of float32.

        Raises:
            EmbeddingError: It could not be done.
        """


class FunctionEmbedder(Embedder):
    """A plain function from texts to rows of numbers, as an embedder."""

    def __init__(self, function: Callable[[Sequence[str]], Any]) -> None:
        self.function = function

    def embed(self, texts: Sequence[str]) -> Vectors:
        """What the function returns, brought to length 1."""
        import numpy as np

        rows = np.asarray(self.function(texts), np.float32)
        if rows.ndim != 2:
            return rows  # whoever asked says what is wrong
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        lengths[lengths == 0] = 1
        unit: Vectors = rows / lengths
        return unit

    def identity(self) -> dict[str, JsonValue]:
        """The function's code."""
        return {"code": code_hash(self.function)}


class Embeddings:
    """The chosen embedder at work: what it gives is looked over, and the latest of it kept.

    Args:
        embedder: Who makes the vectors; closed with this.
        key: Names its way of working: whoever builds on the vectors has it in its identity.
    """

    def __init__(self, embedder: Embedder, key: str) -> None:
        self.key = key
        self._embedder = embedder
        self._kept: OrderedDict[str, Vectors] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, texts: Sequence[str]) -> Vectors:
        """One vector a text, in order, as :meth:`Embedder.embed` gives them.

        Those that are not known yet are asked for in one call.

        Raises:
            EmbeddingError: The embedder failed, or gave something else than vectors.
        """
        import numpy as np

        with self._lock:
            found = {text: self._kept[text] for text in texts if text in self._kept}
        new = [text for text in dict.fromkeys(texts) if text not in found]
        if new:
            found |= zip(new, self._embed(new), strict=True)
        with self._lock:
            for text in found:
                self._kept[text] = found[text]
                self._kept.move_to_end(text)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return np.stack([found[text] for text in texts]) if found else np.zeros((0, 0), np.float32)

    def _embed(self, texts: list[str]) -> Vectors:
        import numpy as np

        try:
            rows = np.asarray(self._embedder.embed(texts))
        except ToolkitError:
            raise
        except Exception as error:
            raise EmbeddingError(f"The embedder failed: {type(error).__name__}: {error}") from error
        if rows.ndim != 2 or len(rows) != len(texts) or not np.isfinite(rows).all():
            raise EmbeddingError(
                f"The embedder gave an array {rows.shape} for {len(texts)} texts.",
                hint="It has to give one row of finite numbers a text.",
            )
        return rows

    def close(self) -> None:
        """Free the embedder."""
        self._embedder.close()
