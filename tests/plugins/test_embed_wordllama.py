"""WordLlama's vectors: those of its own code, without its network and its logging."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import toolkit as tk
import toolkit_embed_wordllama
from toolkit.errors import MissingExtraError
from toolkit.hooks.specs import EmbedderPlugin
from toolkit.testing.embedders import EmbedderSuite

OWN = """
import sys
import numpy as np
from toolkit_embed_wordllama.embedder import WordLlamaEmbedder, _TOKENIZER, _WEIGHTS, _file

texts = ["A red circle moves left.", "naïve café — 東京 🎬", "many words " * 500]
found = WordLlamaEmbedder().embed(texts)
assert "wordllama" not in sys.modules

from safetensors.numpy import load_file
from tokenizers import Tokenizer
from wordllama import WordLlamaInference

weights = load_file(_file(_WEIGHTS))["embedding.weight"]
own = WordLlamaInference(weights, Tokenizer.from_file(str(_file(_TOKENIZER))))
assert np.abs(own.embed(texts, norm=True) - found).max() < 1e-5
"""
ALONE = """
import logging, socket

def no(*_, **__):
    raise OSError("no network here")

socket.socket.connect = socket.getaddrinfo = no
from toolkit_embed_wordllama.embedder import WordLlamaEmbedder

one, other = WordLlamaEmbedder().embed(["a dog in the street", "a puppy on a road"])
assert one @ other > 0.3, one @ other
assert not logging.getLogger().handlers
"""
LABELS = """
[[label]]
name = "car"
"""


class TestWordLlama(EmbedderSuite):
    @pytest.fixture
    def plugin(self) -> EmbedderPlugin:
        return next(iter(toolkit_embed_wordllama.toolkit_embedders()))


@pytest.mark.parametrize("script", [OWN, ALONE], ids=["as its own code", "without a network"])
def test_its_vectors(script: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_where_it_is_missing_the_command_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wordllama", None)
    (tmp_path / "labels.toml").write_text(LABELS, encoding="utf-8")
    tags = {"plugin": "labels", "vocabulary": str(tmp_path / "labels.toml")}
    film = tmp_path / "film.mp4"
    film.write_bytes(b"")
    with pytest.raises(
        MissingExtraError, match=r"pip install 'video-analysis-toolkit\[wordllama\]'"
    ):
        tk.analyze(
            film, workspace=tmp_path, analyzer="signals", progress=False,
            tags={**tags, "labels": {"scorer": "both"}},
        )  # fmt: skip
    run = tk.analyze(film, workspace=tmp_path, analyzer="signals", progress=False, tags=tags)
    assert run.failures["stage"].to_list() == ["acquire"]  # the film's alone
