"""Checkpoints in the shapes of Qwen2-VL with random weights: they tell speed, and say nonsense.

Tokenizer, chat template and processor are those of the tiny model in tests/models, the processor
with the real one's bounds of pixels; the vocabulary is filled up with words that are never read
but written.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
TINY = ROOT / "tests" / "models" / "tiny-qwen2vl"


@dataclass(frozen=True)
class Shape:
    """A model's sizes: of the text's layers, and of the vision tower's."""

    hidden: int
    layers: int
    heads: int
    key_heads: int
    inner: int
    vocabulary: int
    tied: bool
    depth: int = 32
    vision: int = 1280

    def cut(self, layers: int) -> Shape:
        """Fewer layers, and as much less of everything else, so that shares of time stay."""
        share = layers / self.layers
        return Shape(
            self.hidden,
            layers,
            self.heads,
            self.key_heads,
            self.inner,
            max(1024, round(self.vocabulary * share / 64) * 64),
            self.tied,
            max(1, round(self.depth * share)),
            self.vision,
        )


SHAPES = {
    "2b": Shape(1536, 28, 12, 2, 8960, 151936, True),
    "7b": Shape(3584, 28, 28, 4, 18944, 152064, False),
}


def write(folder: Path, shape: Shape, *, dtype: str = "float32") -> Path:
    """A checkpoint of this shape in ``folder``, always the same."""
    import torch
    from transformers import GenerationConfig, Qwen2VLConfig, Qwen2VLForConditionalGeneration

    folder.mkdir(parents=True)
    known = json.loads((TINY / "config.json").read_text())
    ids = {name: known[name] for name in known if name.endswith("_token_id")}
    ends = {name: known["text_config"][name] for name in ("bos_token_id", "eos_token_id")}
    config = Qwen2VLConfig(
        text_config={
            "vocab_size": shape.vocabulary,
            "hidden_size": shape.hidden,
            "intermediate_size": shape.inner,
            "num_hidden_layers": shape.layers,
            "num_attention_heads": shape.heads,
            "num_key_value_heads": shape.key_heads,
            "max_position_embeddings": 32768,
            "rms_norm_eps": 1e-6,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 1000000.0,
                "mrope_section": [16, 24, 24],
            },
            **ends,
        },
        vision_config={
            "depth": shape.depth,
            "embed_dim": shape.vision,
            "hidden_size": shape.hidden,
            "num_heads": 16,
        },
        tie_word_embeddings=shape.tied,
        **ids,
    )
    torch.manual_seed(0)
    torch.set_default_dtype(getattr(torch, dtype))
    try:
        with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
            model = Qwen2VLForConditionalGeneration(config)
            for parameter in model.parameters():
                if parameter.ndim > 1:
                    torch.nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5)
    finally:
        torch.set_default_dtype(torch.float32)
    model.generation_config = GenerationConfig(
        do_sample=False, eos_token_id=[ends["eos_token_id"], ends["bos_token_id"]]
    )
    model.save_pretrained(folder)
    _write_words(folder, shape.vocabulary)
    return folder


def _write_words(folder: Path, vocabulary: int) -> None:
    for name in ("chat_template.jinja", "tokenizer_config.json"):
        shutil.copy(TINY / name, folder)
    tokenizer: dict[str, Any] = json.loads((TINY / "tokenizer.json").read_text(encoding="utf-8"))
    words = tokenizer["model"]["vocab"]
    # Those that are not among the words would be numbered behind them.
    words |= {added["content"]: added["id"] for added in tokenizer["added_tokens"]}
    taken = {*words.values()}
    for number in range(vocabulary):
        if number not in taken:
            words[f"\u0120w{number}"] = number  # the letter that stands for a space
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    processor = json.loads((TINY / "processor_config.json").read_text())
    for part in ("image_processor", "video_processor"):
        processor[part]["size"] = {"shortest_edge": 3136, "longest_edge": 28 * 28 * 768}
    (folder / "processor_config.json").write_text(json.dumps(processor))
