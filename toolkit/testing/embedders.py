"""What every embedder must do, as tests.

Subclass it in a test file, and say which plugin to test:

    class TestMine(EmbedderSuite):
        @pytest.fixture
        def plugin(self):
            return next(iter(my_package.toolkit_embedders()))

A plain function is tested in the same way: override the fixture ``embedder`` and return
``FunctionEmbedder(my_function)``. Where it does not know English, override ``alike``.

Needs pytest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, ClassVar

import pytest

from toolkit.hooks.specs import Context, EmbedderPlugin
from toolkit.stages.component import Options
from toolkit.stages.embedding import Embedder
from toolkit.testing.plugins import PluginSuite
from toolkit.testing.samples import TEXT

if TYPE_CHECKING:
    from toolkit.stages.embedding import Vectors

__all__ = ["EmbedderSuite"]

ODD = ("", " ", "\x00", "?", TEXT, "many words " * 10_000, "東京 🎬")
_CLOSE = 1e-3  # as near as sums in another order are


class EmbedderSuite(PluginSuite):
    """Tests of the contract in :mod:`toolkit.stages.embedding`, for one embedder.

    Attributes:
        alike: Two texts that mean much the same, and one that means something else.
    """

    made = "embedder"
    alike: ClassVar[tuple[str, str, str]] = (
        "A dog runs over the grass.",
        "dogs running on grass",
        "annual tax report",
    )

    @pytest.fixture
    def embedder(
        self, plugin: EmbedderPlugin, options: Options, context: Context
    ) -> Iterator[Embedder]:
        """What the plugin makes."""
        with plugin.factory(options, context) as embedder:
            assert isinstance(embedder, Embedder)
            yield embedder

    def test_gives_one_vector_a_text(self, embedder: Embedder) -> None:
        found = embed(embedder, self.alike)
        assert found.shape[0] == len(self.alike)
        assert str(found.dtype) == "float32"
        assert embed(embedder, self.alike[:1]).shape == (1, found.shape[1])

    def test_vectors_have_length_1_whatever_the_text(self, embedder: Embedder) -> None:
        import numpy as np

        lengths = np.linalg.norm(embed(embedder, [*self.alike, *ODD]), axis=1)
        for text, length in zip([*self.alike, *ODD], lengths.tolist(), strict=True):
            nothing = text not in self.alike and length == 0
            assert nothing or abs(length - 1) < _CLOSE, f"{text[:40]!r} has the length {length}"

    def test_what_means_the_same_lies_nearer(self, embedder: Embedder) -> None:
        one, same, other = embed(embedder, self.alike)
        assert float(one @ same) > float(one @ other)

    def test_a_text_has_its_vector_in_whatever_company(self, embedder: Embedder) -> None:
        import numpy as np

        texts = [*self.alike, *ODD, *self.alike]
        together = embed(embedder, texts)
        alone = np.concatenate([embed(embedder, [text]) for text in texts])
        assert np.abs(together - alone).max() < _CLOSE

    def test_says_the_same_from_many_threads(self, embedder: Embedder) -> None:
        import numpy as np

        alone = embed(embedder, self.alike)
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda _: embed(embedder, self.alike), range(32)))
        assert all(np.abs(one - alone).max() < _CLOSE for one in found)


def embed(embedder: Embedder, texts: Sequence[str]) -> Vectors:
    """The vectors, in which every number is one."""
    import numpy as np

    found = embedder.embed(texts)
    assert isinstance(found, np.ndarray)
    assert found.ndim == 2
    assert np.isfinite(found).all()
    return found
