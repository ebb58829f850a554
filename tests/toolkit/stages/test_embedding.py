"""Vectors are asked for once, and looked over; descriptions are compared sentence by sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import toolkit as tk
from toolkit.errors import EmbeddingError, PrivacyError
from toolkit.hooks.embedding import embeddings
from toolkit.hooks.manager import configure
from toolkit.records import Label
from toolkit.stages.embedding import Embedder, Embeddings, FunctionEmbedder
from toolkit.stages.similarity import Similarity

WORDS = ("red", "dog", "night", "street")


def counted(texts: Sequence[str]) -> list[list[float]]:
    """How often each of four words is in a text."""
    return [[float(text.casefold().count(word)) for word in WORDS] for text in texts]


class Noting(FunctionEmbedder):
    """Remembers what it was asked."""

    def __init__(self, function: Callable[[Sequence[str]], Any] = counted) -> None:
        super().__init__(function)
        self.asked: list[list[str]] = []

    def embed(self, texts: Sequence[str]) -> Any:
        self.asked.append([*texts])
        return super().embed(texts)


def test_each_text_is_embedded_once_and_new_ones_in_one_call() -> None:
    noting = Noting()
    vectors = Embeddings(noting, "key")
    first = vectors.of(["red dog", "dog", "red dog"])
    assert np.linalg.norm(first, axis=1) == pytest.approx(1)
    again = vectors.of(["dog", "night", "street", "red dog"])
    assert noting.asked == [["red dog", "dog"], ["night", "street"]]
    assert (again[[0, 3]] == first[[1, 0]]).all()
    assert vectors.of([]).shape[0] == 0


def test_what_is_kept_has_a_bound() -> None:
    noting = Noting()
    vectors = Embeddings(noting, "key")
    vectors.of([str(number) for number in range(5000)])
    vectors.of(["4999"])
    assert len(noting.asked) == 1
    vectors.of(["0"])
    assert noting.asked[1:] == [["0"]]


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda texts: [[1.0, 0.0]], r"an array \(1, 2\) for 2 texts"),
        (lambda texts: [1.0, 0.0], r"an array \(2,\) for 2 texts"),
        (lambda texts: [[float("nan")]] * 2, "finite"),
        (lambda texts: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_what_is_no_vectors_is_refused(function: Any, said: str) -> None:
    with pytest.raises(EmbeddingError, match=said):
        Embeddings(FunctionEmbedder(function), "key").of(["a", "b"])


def test_the_nearest_sentence_and_word_count() -> None:
    labels = [
        Label(name="animal", phrasing="an animal", synonyms=("dog",)),
        Label(name="red", phrasing="red"),
        Label(name="street", phrasing=""),
    ]
    noting = Noting()
    similarity = Similarity(Embeddings(noting, "key"), labels)
    similarity.prepare(["A red red street. The dog", "Night"])
    assert len(noting.asked) == 1
    found = similarity.scores("A red red street. The dog")
    assert found.keys() == {"animal", "red"}
    assert found["animal"].score == pytest.approx(1)
    assert found["animal"].word == "dog"
    assert found["red"].score == pytest.approx(2 / 5**0.5)
    assert similarity.scores(" \n ") == {}
    assert similarity.scores("nothing known")["red"].score == 0


def test_a_cells_embedder_is_chosen_by_name_and_known_by_its_code() -> None:
    def chosen() -> Embeddings:
        settings, plugins, _ = configure(None, {"embedding": {"plugin": "mine"}})
        return embeddings(plugins, settings)

    def cell(first: float, second: float) -> None:
        @tk.embedder
        def mine(texts: Sequence[str]) -> Any:
            return [[first, second] for _ in texts]

    cell(3.0, 4.0)
    known = chosen()
    assert known.of(["x"]).tolist() == [pytest.approx([0.6, 0.8])]
    assert chosen().key == known.key
    cell(4.0, 3.0)
    assert chosen().key != known.key


def test_texts_stay_here_unless_that_is_allowed() -> None:
    @tk.embedder
    class afar(Embedder):  # noqa: N801 - a plugin's name
        remote = True

        def embed(self, texts: Sequence[str]) -> Any:
            return np.ones((len(texts), 1), np.float32)

    arguments: dict[str, dict[str, Any]] = {"embedding": {"plugin": "afar"}}
    settings, plugins, _ = configure(None, arguments)
    with pytest.raises(PrivacyError, match="sends texts to another machine"):
        embeddings(plugins, settings)
    settings, plugins, _ = configure(None, arguments | {"privacy": {"remote": "allow"}})
    assert embeddings(plugins, settings).of(["x"]).tolist() == [[1.0]]
