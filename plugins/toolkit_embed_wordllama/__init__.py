"""Embedder plugin: WordLlama's static word vectors, whose weights (16 MB) come with the package.

A text's vector is the mean of its tokens' vectors, which were trained from the token embeddings of
large language models; no network runs, and nothing is downloaded. https://pypi.org/project/wordllama
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from typing import TYPE_CHECKING

from toolkit.hooks.specs import Context, EmbedderPlugin, hookimpl
from toolkit.stages.component import Options

if TYPE_CHECKING:
    from toolkit_embed_wordllama.embedder import WordLlamaEmbedder

__all__ = ["make"]

_NEEDED = ("safetensors", "tokenizers", "wordllama")


def make(_options: Options, _context: Context) -> WordLlamaEmbedder:
    """The embedder.

    Raises:
        ModuleNotFoundError: What it needs is not installed.
    """
    for name in _NEEDED:
        if importlib.util.find_spec(name) is None:
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)
    from toolkit_embed_wordllama.embedder import WordLlamaEmbedder

    return WordLlamaEmbedder()


@hookimpl
def toolkit_embedders() -> Iterable[EmbedderPlugin]:
    """Bring the embedder."""
    yield EmbedderPlugin(
        name="wordllama",
        factory=make,
        version="1",
        summary="static vectors of English texts, fast on a CPU; the weights come with it",
        extra="wordllama",
        requires=_NEEDED,
    )
